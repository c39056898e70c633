"""A connection is driven the same way by callbacks, by tasks, and on every loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio
import pytest

import msgr
from msgr import Limits, Message, Messenger, Outcome, Policy, Session, Timeouts
from msgr.net.driver.looped import LoopDriver
from msgr.net.driver.tasked import TaskDriver
from msgr.net.stream import SocketStream
from msgr.testing import ChaosLink, ChaosProxy
from msgr.testing.sockets import RawStream
from msgr.wire import Octets

from . import raw
from .leaks import established, until
from .mesh import talk
from .nodes import QUICK, messenger
from .streams import CUTS, Cut, MemoryStream, Wrapped
from .world import ADMIN, BOUND, KEYRING, LOOPBACK, address, all_of, dialled, echoing, pair, port

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


def _uvloop() -> asyncio.AbstractEventLoop:
    loop: asyncio.AbstractEventLoop = pytest.importorskip("uvloop").new_event_loop()
    return loop


LOOPS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "asyncio": ("asyncio", {}),
    "uvloop": ("asyncio", {"loop_factory": _uvloop}),
    "trio": ("trio", {}),
}
CALLED_BACK: Final = ("asyncio", "uvloop")
LARGE_ONES: Final = 16
"""Messages of a mebibyte that are more than the system takes for somebody who does not read."""


@pytest.fixture(scope="module", params=LOOPS)
def loop(request: pytest.FixtureRequest) -> str:
    """Return the name of each loop."""
    name: str = request.param
    if name == "uvloop":
        pytest.importorskip("uvloop")
    return name


@pytest.fixture(scope="module")
def anyio_backend(loop: str) -> tuple[str, dict[str, Any]]:
    """Run every test on each loop."""
    return LOOPS[loop]


async def test_messages_of_all_sizes_come_back(loop: str) -> None:
    """What is larger than any buffer of the system is written and read in turns."""
    sizes = (0, 1, 4096, 100_000, 4 << 20, 9 << 20)
    async with echoing() as server, dialled(server) as session:
        assert isinstance(session.driver, LoopDriver if loop in CALLED_BACK else TaskDriver)

        async def send() -> None:
            for size in sizes:
                await session.send(Message(type=1, tid=size, data=bytes([size & 0xFF]) * size))

        with anyio.fail_after(BOUND):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(send)
                for size in sizes:
                    message = await session.receive()
                    assert (message.tid, bytes(message.data)) == (size, bytes([size & 0xFF]) * size)


async def test_a_server_that_does_not_read_is_waited_for_and_read_again() -> None:
    """Both limits are passed over and over: that of what came in, and that of what waits to go out."""
    small = Limits(inbox=50_000, outbox=50_000)
    async with msgr.serve(LOOPBACK, name="mon.a", auth=KEYRING, limits=small) as server:
        async with dialled(server, limits=small) as near, anyio.create_task_group() as tasks:

            async def send() -> None:
                for tid in range(400):
                    await near.send(Message(type=1, tid=tid, data=bytes(10_000)))

            with anyio.fail_after(BOUND):
                tasks.start_soon(send)
                far = await anext(server)
                for tid in range(400):
                    assert (await far.receive()).tid == tid
                    await anyio.lowlevel.checkpoint()
        await far.close()


async def test_a_fault_of_the_user_ends_the_messenger_with_it() -> None:
    """Whoever has `on_done` raise hears of it: where a message is written later, there is nobody else to tell."""

    def fail(outcome: Outcome) -> None:
        raise ZeroDivisionError(outcome.value)

    async def talk(server: Messenger) -> None:
        async with msgr.connect(address(server), name=ADMIN, auth=KEYRING) as session:
            await _send_two(session, fail)

    async with echoing() as server:
        with pytest.raises(ZeroDivisionError, match="unknown"):
            await talk(server)
        async with dialled(server) as session:  # the server is none the worse
            await session.send(Message(type=2))
            assert (await session.receive()).type == 2


async def test_a_fault_at_an_accepted_connection_ends_the_server_with_it() -> None:
    """The same where no task drives the connection."""

    def fail(outcome: Outcome) -> None:
        raise ZeroDivisionError(outcome.value)

    async def be_served() -> None:
        async with msgr.serve(LOOPBACK, name="mon.a", auth=KEYRING) as server:
            where.append(address(server))
            listening.set()
            await _send_two(await anext(server), fail)

    async def come() -> None:
        await listening.wait()
        async with msgr.connect(where[0], name=ADMIN, auth=KEYRING) as session:
            assert await _until_over(session) >= 1

    where: list[str] = []
    listening = anyio.Event()
    with anyio.fail_after(BOUND):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(come)
            with pytest.raises(ZeroDivisionError, match="unknown"):
                await be_served()


async def _send_two(session: Session, done: Callable[[Outcome], None]) -> None:
    """Send two messages, the second of which is not written at once: `done` is told when it is."""
    first, second = await session.send(Message(type=1)), await session.send(Message(type=1))
    assert (first.outcome, second.outcome) == (Outcome.UNKNOWN, None)
    second.on_done = done
    await anyio.sleep(BOUND)


async def _until_over(session: Session) -> int:
    """Return how many messages came until the peer was gone."""
    count = 0
    try:
        async for _ in session:
            count += 1
    except msgr.ConnectionLost:
        pass
    return count


async def test_little_is_written_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `coalesce`, messages that are sent one turn after the other share a write."""
    writes = 0
    send_now = SocketStream.send_now

    def counting(stream: SocketStream, pieces: list[Octets]) -> list[Octets]:
        nonlocal writes
        writes += bool(pieces)
        return send_now(stream, pieces)

    async with msgr.serve(LOOPBACK, name="mon.a", auth=KEYRING, policy=Policy.stateful_server()) as server:
        options = {"policy": Policy.lossless_client(), "timeouts": Timeouts(coalesce=0.05)}
        async with dialled(server, **options) as near:
            far = await anext(server)
            monkeypatch.setattr(SocketStream, "send_now", counting)
            with anyio.fail_after(BOUND):
                for tid in range(10):
                    await near.send(Message(type=1, tid=tid))
                    await anyio.lowlevel.checkpoint()
                assert writes == 0
                assert [(await far.receive()).tid for _ in range(10)] == list(range(10))
            assert writes <= 3  # ours, and the acknowledgement
        await far.close()


async def test_who_leaves_in_the_middle_leaves_nothing() -> None:
    """Cancelled at any moment of a large transfer, a client leaves no callback behind that has no socket any more."""
    async with echoing() as server:
        for turns in range(0, 60, 7):
            with anyio.CancelScope() as scope:
                async with dialled(server) as session:
                    await session.send(Message(type=1, data=bytes(8 << 20)))
                    for _ in range(turns):
                        await anyio.lowlevel.checkpoint()
                    scope.cancel()
                    await anyio.lowlevel.checkpoint()
            assert scope.cancelled_caught


@pytest.mark.parametrize("how", CUTS)
async def test_what_came_before_a_write_failed_is_delivered_first(how: Cut) -> None:
    """A peer says what it has to say and is gone; whoever writes to it before reading hears it all the same."""
    async with msgr.serve(LOOPBACK, name="mon.a", auth=None) as server:
        connected = socket.create_connection(("127.0.0.1", port(server)))
        async with RawStream(connected) as stream:
            hand = await raw.by_hand(stream, address(server))
            session = await anext(server)
            await anyio.wait_all_tasks_blocked()
            for tid in range(20):
                hand.send_message(Message(type=1, tid=tid, front=bytes(1000)))
            connected.sendall(b"".join(map(bytes, hand.data_to_send())))
            if how == "RST":
                stream.reset()
            connected.close()
            for _ in range(3):  # the first may still be taken by the system
                session.post(Message(type=2))
            with anyio.fail_after(BOUND):
                assert await _until_over(session) == 20
            assert isinstance(session.error, msgr.ConnectionLost)


async def test_a_connection_that_is_displaced_while_it_writes_goes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads there any more, so what it waits for would never come."""
    filled = _note_when_full(monkeypatch)
    async with ChaosProxy() as proxy:
        options: dict[str, Any] = {"policy": Policy.stateful_server(), "advertise": proxy.address, "timeouts": QUICK}
        async with msgr.serve(LOOPBACK, name="mon.a", auth=None, **options) as server:
            proxy.target = str(server.listening[0])
            async with Messenger("client.a", auth=None, policy=Policy.lossless_client(), timeouts=QUICK) as client:
                near = client.session(proxy.address)
                await near.ready()
                far = await anext(server)
                proxy.links[0].stall()
                for tid in range(LARGE_ONES):
                    far.post(Message(type=1, tid=tid, data=bytes(1 << 20)))
                await until(filled.is_set)
                near.post(Message(type=2, tid=7))  # is held there, and holds up the FIN that comes after it
                assert near.driver is not None
                near.driver.end(msgr.ConnectionLost("this end notices that the network is dead, the other does not"))
                with anyio.fail_after(BOUND):
                    assert [(await near.receive()).tid for _ in range(LARGE_ONES)] == list(range(LARGE_ONES))
                    assert (await far.receive()).tid == 7
                assert (far.stats.counters.connections, proxy.links[0].over) == (2, False)
                await until(lambda: established(server.listening[0].port) == 1)
                near.abort()
                far.abort()


def _note_when_full(monkeypatch: pytest.MonkeyPatch) -> anyio.Event:
    """Return what is set when a socket takes no more."""
    filled = anyio.Event()
    send_now = SocketStream.send_now

    def noting(stream: SocketStream, pieces: list[Octets]) -> list[Octets]:
        rest = send_now(stream, pieces)
        if rest:
            filled.set()
        return rest

    monkeypatch.setattr(SocketStream, "send_now", noting)
    return filled


async def test_a_given_stream_that_is_displaced_while_it_writes_goes_at_once() -> None:
    """The same over a stream of anyio's, on which somebody waits in every loop."""
    one, other = MemoryStream.pair()
    given = Noted(one)
    async with messenger(1, node=False, listen=LOOPBACK) as ours, messenger(2, node=False, listen=LOOPBACK) as theirs:
        link = ChaosLink(other, RawStream(socket.create_connection(("127.0.0.1", port(theirs)))))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(link.run)
            near = ours.session(address(theirs), stream=given)
            far = await talk(near, theirs)
            link.stall()
            for tid in range(4):
                near.post(Message(type=1, tid=tid, data=bytes(1 << 20)))
            far.post(Message(type=2, tid=7))  # is held there, and holds up the FIN that comes after it
            await anyio.wait_all_tasks_blocked()
            assert far.driver is not None
            far.driver.end(msgr.ConnectionLost("this end notices that the network is dead, the other does not"))
            with anyio.fail_after(BOUND):
                assert (await near.receive()).tid == 7
                assert [(await far.receive()).tid for _ in range(4)] == list(range(4))
            assert (near.stats.counters.connections, link.over) == (2, False)
            await until(lambda: given.closed)
            near.abort()
            far.abort()
            tasks.cancel_scope.cancel()


class Noted(Wrapped):
    """A stream that tells whether it was closed."""

    closed = False

    async def aclose(self) -> None:
        self.closed = True
        await self.inner.aclose()


async def test_a_close_does_not_wait_for_more() -> None:
    """With `coalesce`, what is left to be written is written when it is known to be all."""
    async with _patient() as (near, far), anyio.create_task_group() as tasks:
        await near.send(Message(type=1, tid=5))
        await anyio.wait_all_tasks_blocked()
        assert (near.stats.queued, far.stats.inbox) == (1, 0)
        with anyio.fail_after(BOUND):
            tasks.start_soon(near.close)
            assert [message.tid for message in await all_of(far)] == [5]
            await near.ended()
        assert near.error is far.error is None


async def test_a_batch_that_fills_up_does_not_wait_for_more() -> None:
    """With `coalesce`, what is written in any case takes what waits along."""
    async with _patient() as (near, far):
        await near.send(Message(type=1, tid=0))
        await anyio.wait_all_tasks_blocked()
        assert (near.stats.queued, far.stats.inbox) == (1, 0)
        for tid in range(1, 5):
            await near.send(Message(type=1, tid=tid, data=bytes(300_000)))
        with anyio.fail_after(BOUND):
            assert [(await far.receive()).tid for _ in range(5)] == list(range(5))
        near.abort()


@asynccontextmanager
async def _patient() -> AsyncIterator[tuple[Session, Session]]:
    """Hold both ends of a session, the first of which waits for more than a test takes."""
    async with pair(timeouts=Timeouts(coalesce=6 * BOUND, close=6 * BOUND)) as (near, far):
        yield near, far
