"""What is called when a message has an outcome may do anything, for nothing is half done by then."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
import pytest

from msgr import ConnectionLost, Limits, Message, Messenger, Outcome, Overloaded, Policy, Session
from msgr.core.states import Ended
from msgr.net.afterwards import Afterwards
from msgr.net.driver.base import Driver
from msgr.net.receipt import Receipt
from msgr.net.stream import SocketStream
from msgr.testing import ChaosProxy

from .leaks import until
from .nodes import joined, messenger
from .world import BOUND, LOOPBACK

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

NOWHERE = "v2:127.0.0.1:1"
ELSEWHERE = "v2:127.0.0.1:2"
WAITS = 1200
"""More than Python lets calls nest."""


@asynccontextmanager
async def lossless() -> AsyncIterator[tuple[Messenger, Session, Session]]:
    """Hold a client and both ends of its session, which outlives connections."""
    async with (
        messenger(2, node=False, listen=LOOPBACK, policy=Policy.stateful_server()) as far,
        messenger(1, node=False, policy=Policy.lossless_client()) as near,
    ):
        session = near.session(str(far.listening[0]))
        with anyio.fail_after(BOUND):
            await session.ready()
            other = await anext(far)
        yield near, session, other
        session.abort()
        other.abort()


@asynccontextmanager
async def lossy(number: int = 1) -> AsyncIterator[tuple[Session, Messenger]]:
    """Hold a session that has no connection yet, and the server that it will have one with."""
    async with (
        messenger(2, node=False, listen=LOOPBACK, policy=Policy.stateless_server()) as far,
        messenger(number, node=False, policy=Policy.lossy_client()) as near,
    ):
        session = near.session(str(far.listening[0]))
        yield session, far
        session.abort()


def driver_of(session: Session) -> Driver:
    assert isinstance(session.driver, Driver)
    return session.driver


def break_off(driver: Driver) -> None:
    """Have the next write fail, as it does when the peer's reset has come."""
    assert isinstance(driver._stream, SocketStream)
    driver._stream._socket.shutdown(socket.SHUT_WR)


def fail(outcome: Outcome) -> None:
    raise ZeroDivisionError(outcome.value)


async def test_a_lossy_session_may_be_sent_to_while_it_writes() -> None:
    """What is posted then goes behind what was queued, and nothing gets the number of another."""
    async with lossy() as (session, far):
        told = list[Outcome]()

        def again(outcome: Outcome) -> None:
            told.append(outcome)
            session.post(Message(type=1, tid=2 + len(told)))

        for tid in range(3):
            session.post(Message(type=1, tid=tid)).on_done = again
        with anyio.fail_after(BOUND):
            other = await anext(far)
            came = [await other.receive() for _ in range(6)]
        assert [(message.tid, message.seq) for message in came] == [(tid, tid + 1) for tid in range(6)]
        assert told == [Outcome.UNKNOWN] * 3
        counters = other.stats.counters
        assert (counters.received, counters.gaps, counters.duplicates) == (6, 0, 0)


async def test_what_is_sent_where_the_stream_is_broken_goes_over_the_next_one() -> None:
    """The write fails in the middle of what brought the acknowledgement: the connection ends all the same."""
    async with lossless() as (_, session, other):
        driver, sent = driver_of(session), list[Receipt]()

        def again(outcome: Outcome) -> None:
            break_off(driver)
            sent.append(session.post(Message(type=2, tid=7)))

        receipts = [session.post(Message(type=1, tid=100 + tid, data=bytes(100_000))) for tid in range(60)]
        receipts[-1].on_done = again
        with anyio.fail_after(BOUND):
            tids = [(await other.receive()).tid for _ in range(61)]
            assert tids == [*range(100, 160), 7]
            assert await receipts[-1] is Outcome.ACKNOWLEDGED
            assert await sent[0] is Outcome.ACKNOWLEDGED
        assert len(sent) == 1
        assert isinstance(driver.connection.state, Ended)
        assert isinstance(driver.error, ConnectionLost)
        assert session.stats.counters.connections == 2


async def test_an_acknowledgement_may_end_the_session() -> None:
    async with lossless() as (near, session, other):
        driver = driver_of(session)
        receipts = [session.post(Message(type=1, tid=tid)) for tid in range(2)]
        receipts[1].on_done = lambda outcome: session.abort()
        await is_over(near, session, driver)
        assert [await receipt for receipt in receipts] == [Outcome.ACKNOWLEDGED] * 2
        await until(lambda: not other.connected)


async def test_a_message_that_acknowledges_may_end_the_session() -> None:
    """There are more behind it in what was read; nobody asks a connection that has ended to handle them."""
    async with lossless() as (near, session, other):
        driver = driver_of(session)
        receipt = session.post(Message(type=1))
        receipt.on_done = lambda outcome: session.abort()
        with anyio.fail_after(BOUND):
            await other.receive()
            for tid in range(5):
                other.post(Message(type=5, tid=tid))
        await is_over(near, session, driver)
        assert await receipt is Outcome.ACKNOWLEDGED
        await until(lambda: not other.connected)


async def is_over(near: Messenger, session: Session, driver: Driver) -> None:
    """Check that a session ends in good order, and its connection with it."""
    with anyio.fail_after(BOUND):
        assert await session.ended() is None
        await until(lambda: near.sessions == ())
    assert isinstance(driver.connection.state, Ended)
    assert driver.error is None
    assert session.stats.counters.connections == 1


async def test_what_raises_when_the_session_ends_comes_out_when_all_is_done() -> None:
    """The others hear of their messages first, and so does the peer."""
    async with lossless() as (near, session, other), anyio.create_task_group() as tasks:
        ends, told = list[object](), list[Outcome]()

        async def wait() -> None:
            ends.append(await session.ended())

        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        receipts = [session.post(Message(type=1, tid=tid)) for tid in range(5)]
        receipts[1].on_done = fail
        receipts[2].on_done = lambda outcome: [][0]
        receipts[4].on_done = told.append
        with pytest.raises(ZeroDivisionError, match="undelivered"):
            session.abort()
        assert session.over
        # The first was written at once.
        assert [receipt.outcome for receipt in receipts] == [Outcome.UNKNOWN, *[Outcome.UNDELIVERED] * 4]
        assert told == [Outcome.UNDELIVERED]
        await until(lambda: ends == [None])
        await until(lambda: not other.connected)
        await until(lambda: near.sessions == ())


async def test_a_message_cannot_be_sent_again_by_the_session_that_has_ended() -> None:
    """To try it raises, and whoever ended the session hears of that."""
    async with lossless() as (near, session, other):

        def again(outcome: Outcome) -> None:
            session.post(Message(type=2))

        receipts = [session.post(Message(type=1, tid=tid)) for tid in range(4)]
        receipts[1].on_done = again
        with pytest.raises(ConnectionLost, match="the session has ended"):
            session.abort()
        assert None not in [receipt.outcome for receipt in receipts]
        await until(lambda: near.sessions == ())
        await until(lambda: not other.connected)


async def test_who_queues_too_much_hears_of_that_and_not_of_what_a_call_makes_of_it() -> None:
    def fail(outcome: Outcome) -> None:
        raise ZeroDivisionError(outcome.value)

    async with messenger(1, limits=Limits(buffered=1 << 20)) as near:
        session = near.session(NOWHERE)
        session.post(Message(type=1)).on_done = fail
        with pytest.raises(Overloaded) as raised:
            session.post(Message(type=1, data=bytes(1 << 20)))
        assert isinstance(raised.value.__cause__, ZeroDivisionError)
        assert session.error is raised.value


async def test_who_stopped_waiting_is_forgotten() -> None:
    """However many they were, they do not nest, and the acknowledgement does no harm to the connection."""
    async with ChaosProxy() as proxy, joined(through=proxy) as (near, _):
        proxy.stall()
        receipt = await near.send(Message(type=2))
        for _ in range(WAITS):
            with anyio.move_on_after(0) as scope:
                await receipt
            assert scope.cancelled_caught
        assert receipt.outcome is None
        proxy.resume()
        with anyio.fail_after(BOUND):
            assert await receipt is Outcome.ACKNOWLEDGED
            assert await (await near.send(Message(type=2))) is Outcome.ACKNOWLEDGED
        assert near.stats.counters.connections == 1


@pytest.mark.parametrize("first", ["on_done", "waits"])
async def test_who_waits_and_who_is_called_hear_of_it_all(first: str) -> None:
    """Whichever came first, and each of two that wait; who was to be called before is not."""
    async with ChaosProxy() as proxy, joined(through=proxy) as (near, _):
        proxy.stall()
        receipt, told, replaced = await near.send(Message(type=2)), list[object](), list[Outcome]()

        async def wait() -> None:
            told.append(await receipt)

        async with anyio.create_task_group() as tasks:
            receipt.on_done = told.append if first == "on_done" else replaced.append
            for _ in range(2):
                tasks.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            if first == "waits":
                receipt.on_done = told.append
            assert (told, receipt.on_done) == ([], told.append)
            proxy.resume()
            await until(lambda: len(told) == 3, within=BOUND)
        assert (told, replaced) == ([Outcome.ACKNOWLEDGED] * 3, [])


async def test_calls_that_become_due_meanwhile_are_made_in_their_order() -> None:
    """Nobody is called in the middle of another call."""
    afterwards, log = Afterwards(), list[str]()

    def due(name: str, *more: Callable[[], None]) -> None:
        def done(outcome: Outcome) -> None:
            log.append(f"{name} is {outcome.value}")
            for step in more:
                step()
            log.append(f"{name} is done")

        afterwards.due.append((done, Outcome.UNKNOWN))

    due("first", lambda: due("third"), afterwards.call, lambda: due("fourth", afterwards.call), afterwards.call)
    due("second")
    assert log == []
    afterwards.call()
    names = ("first", "second", "third", "fourth")
    assert log == [line for name in names for line in (f"{name} is unknown", f"{name} is done")]
    afterwards.call()
    assert (len(log), len(afterwards.due)) == (8, 0)


async def test_the_first_fault_is_raised_when_all_were_called() -> None:
    """One from a call that became due meanwhile as well; the next time, there is nothing to raise."""
    afterwards, told = Afterwards(), list[Outcome]()

    def more(outcome: Outcome) -> None:
        afterwards.due.extend([(fail, Outcome.UNDELIVERED), (told.append, outcome)])
        afterwards.call()  # raises nothing: that is for who calls first

    afterwards.due.extend([(more, Outcome.UNKNOWN), (fail, Outcome.ACKNOWLEDGED), (told.append, Outcome.UNKNOWN)])
    with pytest.raises(ZeroDivisionError, match="acknowledged"):
        afterwards.call()
    assert told == [Outcome.UNKNOWN] * 2
    afterwards.call()
    afterwards.due.append((told.append, Outcome.UNDELIVERED))
    afterwards.call()
    assert told == [Outcome.UNKNOWN, Outcome.UNKNOWN, Outcome.UNDELIVERED]


async def test_the_end_of_one_session_may_be_that_of_another() -> None:
    """Those who hear of the first are all called before those who hear of the second, and each once."""
    async with messenger(1) as near:
        one, two = near.session(NOWHERE), near.session(ELSEWHERE)
        log = list[str]()

        def both(outcome: Outcome) -> None:
            log.append("one begins")
            for session in (two, one):
                session.abort()
            log.append("one ends")

        one.post(Message(type=1)).on_done = both
        one.post(Message(type=1)).on_done = lambda outcome: log.append("one again")
        waiting = two.post(Message(type=1))
        waiting.on_done = lambda outcome: log.append("two")
        one.abort()
        assert log == ["one begins", "one ends", "one again", "two"]
        assert waiting.outcome is Outcome.UNDELIVERED
        await until(lambda: near.sessions == ())


@pytest.mark.parametrize("connected", [True, False], ids=["connected", "dialling"])
async def test_a_forwarded_message_is_told_of_once_when_it_is_written(connected: bool) -> None:
    """By then it is on its way: to end both sessions does not take it back (DELIVERY-2)."""
    async with lossy(number=3) as (heir, far), messenger(1) as near:
        away, told = near.session(NOWHERE), list[Outcome]()
        if connected:
            with anyio.fail_after(BOUND):
                await heir.ready()

        def done(outcome: Outcome) -> None:
            told.append(outcome)
            away.abort()
            heir.abort()

        receipt = away.post(Message(type=5, tid=1), forward=heir)
        receipt.on_done = done
        away.abort()
        assert (told, receipt.outcome) == ([], None)
        with anyio.fail_after(BOUND):
            assert await heir.ended() is None
            other = await anext(far)
            assert [message.tid async for message in other] == [1]
        assert (told, receipt.outcome) == ([Outcome.UNKNOWN], Outcome.UNKNOWN)
        assert (away.stats.counters.forwarded, heir.stats.counters.unknown) == (1, 1)


async def test_a_forwarded_message_that_is_not_delivered_is_told_of_by_the_other_session() -> None:
    """Once, and not in the middle of its end: who is called then finds all that it held settled."""
    async with messenger(1) as near, messenger(3) as third:
        away, heir = near.session(NOWHERE), third.session(NOWHERE)
        told = list[tuple[Outcome, Outcome | None]]()

        def done(outcome: Outcome) -> None:
            for session in (away, heir):
                session.abort()
            told.append((outcome, last.outcome))

        receipt = away.post(Message(type=5), forward=heir)
        receipt.on_done = done
        away.abort()
        last = heir.post(Message(type=5))
        assert told == []
        heir.abort()
        assert told == [(Outcome.UNDELIVERED, Outcome.UNDELIVERED)]
        await until(lambda: near.sessions == third.sessions == ())
