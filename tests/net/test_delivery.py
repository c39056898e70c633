"""What becomes of messages, how a session ends, and who is told (demands 36, 37, 39, 45, 86, 87, 93)."""

from __future__ import annotations

import gc
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from msgr import (
    ChannelQuotas,
    ConnectionLost,
    Limits,
    LocalError,
    Message,
    Outcome,
    Overloaded,
    Session,
    TimedOut,
    Timeouts,
)
from msgr.errors import FailureKind
from msgr.net.events import SessionEnded
from msgr.testing import Chaos, ChaosProxy

from .leaks import until
from .nodes import QUICK, joined, messenger
from .world import BOUND

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

KIB = 1 << 10
NOWHERE = "v2:127.0.0.1:1"


class Body(bytearray):
    """Bytes of which one can tell when they are freed."""


@asynccontextmanager
async def alone(limits: Limits | None = None, timeouts: Timeouts = QUICK) -> AsyncIterator[Session]:
    """Hold a session whose peer is not there."""
    async with messenger(1, limits=limits, timeouts=timeouts) as node:
        session = node.session(NOWHERE)
        yield session
        session.abort()


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 4))])
@pytest.mark.parametrize("channels", [None, ChannelQuotas(part=4096)], ids=["plain", "channels"])
async def test_delivered_undelivered_and_unknown_are_all_that_was_sent(
    channels: ChannelQuotas | None, seed: int
) -> None:
    """Demand 36, demand 93: cut wherever the dice say, and ended in the middle; each has one outcome, a true one."""
    chaos = Chaos(seed=seed, cut_every=150 * KIB, split_every=20 * KIB)
    async with ChaosProxy(chaos) as proxy, joined(through=proxy, channels=channels) as (near, far):
        receipts = []
        arrived = list[int]()

        async def read() -> None:
            try:
                async for message in far:
                    arrived.append(message.tid)
            except ConnectionLost:
                pass

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            with anyio.fail_after(3 * BOUND):
                for tid in range(300):
                    message = Message(type=2, tid=tid, channel=tid % 3, data=bytes(tid % 7 * 4000))
                    receipts.append(await near.send(message))
                await until(lambda: near.stats.counters.connections > 1, within=BOUND)
                await until(lambda: len(arrived) > 150, within=BOUND)
            near.abort()
            tasks.cancel_scope.cancel()
        with anyio.move_on_after(0.2):  # what had arrived at the other end's door
            while len(arrived) < 300:
                arrived.append((await far.receive()).tid)
        outcomes = [receipt.outcome for receipt in receipts]
        told = {outcome: {tid for tid, each in enumerate(outcomes) if each is outcome} for outcome in Outcome}
        assert sum(map(len, told.values())) == 300
        counters = near.stats.counters
        assert counters.acknowledged + counters.undelivered + counters.unknown == 301  # DELIVERY-3, with the first one
        assert len(arrived) == len(set(arrived))  # demand 36: never twice
        assert told[Outcome.ACKNOWLEDGED] <= set(arrived) | told[Outcome.ACKNOWLEDGED]
        assert not told[Outcome.UNDELIVERED] & set(arrived)
        assert set(arrived) <= told[Outcome.ACKNOWLEDGED] | told[Outcome.UNKNOWN]
        for channel in range(3) if channels else [0]:
            line = [tid for tid in arrived if not channels or tid % 3 == channel]
            assert line == sorted(line)  # demand 36: in order, perhaps with an end


async def test_a_session_that_nobody_reads_ends_when_too_much_is_posted() -> None:
    """Demand 45: the limit, the typed end, all receipts settled, subscribers told, memory freed."""
    limits = Limits(buffered=4 << 20)
    async with ChaosProxy() as proxy, joined(through=proxy, limits=limits) as (near, _):
        proxy.stall()
        receipts, bodies = [], list[weakref.ref[Body]]()

        def flood() -> None:
            while True:
                body = Body(64 * KIB)
                bodies.append(weakref.ref(body))
                receipts.append(near.post(Message(type=2, data=body)))

        with near.events() as events:
            with pytest.raises(Overloaded, match=r"bytes are not delivered yet, 4194304 are allowed \[DELIVERY-4\]"):
                flood()
            assert len(receipts) == (4 << 20) // (64 * KIB + 256)
            assert near.over
            assert isinstance(near.error, Overloaded | LocalError)
            assert near.error.kind is FailureKind.TRANSIENT
            assert await near.ended() is near.error
            assert [event async for event in events][-1] == SessionEnded(near.error)
        assert {receipt.outcome for receipt in receipts} <= {Outcome.UNDELIVERED, Outcome.UNKNOWN}
        assert (near.stats.held_bytes, near.stats.queued) == (0, 0)
        with pytest.raises(Overloaded):
            near.post(Message(type=2))
        # The last one is in the traceback of the error.
        await until(lambda: gc.collect() >= 0 and not any(ref() is not None for ref in bodies[:-1]))


async def test_posting_is_sending_as_long_as_there_is_room() -> None:
    async with joined() as (near, far):
        receipts = [near.post(Message(type=2, tid=tid)) for tid in range(50)]
        with anyio.fail_after(BOUND):
            assert [(await far.receive()).tid for _ in receipts] == list(range(50))
            assert {await receipt for receipt in receipts} == {Outcome.ACKNOWLEDGED}


async def test_senders_wait_where_posting_would_end_the_session() -> None:
    """Backpressure comes first: who awaits `send` never meets the limit."""
    async with alone(Limits(outbox=64 * KIB, buffered=1 << 20)) as session:
        with anyio.move_on_after(0.1) as waiting:
            while True:
                await session.send(Message(type=2, data=bytes(10 * KIB)))
        assert waiting.cancelled_caught
        assert not session.over
        assert session.stats.held_bytes <= 74 * KIB


async def test_a_message_that_is_too_large_is_refused_and_nothing_else_happens() -> None:
    """Demand 87: one byte more than the limit, and the connection stays."""
    async with joined(limits=Limits(data=1000)) as (near, far):
        for call in (near.post, near.send):
            with pytest.raises(LocalError, match=r"data has 1001 bytes, 1000 are allowed \[LIMIT-2\]"):
                await call(Message(type=2, data=bytes(1001)))
        near.post(Message(type=2, data=bytes(1000)))
        with anyio.fail_after(BOUND):
            assert (await far.receive()).size == 1000
        assert near.stats.counters.connections == 1


async def test_the_end_is_told_to_all_who_wait_for_it() -> None:
    """Demand 39: with what went wrong, or None; also to those who ask later."""
    async with alone() as session, anyio.create_task_group() as tasks:
        told = list[object]()

        async def wait() -> None:
            told.append(await session.ended())

        for _ in range(3):
            tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        assert told == []
        session.abort()
        assert await session.ended() is None
        await until(lambda: told == [None] * 3)


async def test_ten_thousand_subscriptions_leave_nothing() -> None:
    """Demand 39: one after the other, all at once, and those who gave up waiting."""
    async with alone() as session:
        for _ in range(10_000):
            with session.events():
                pass
        subscriptions = [session.events() for _ in range(10_000)]
        streams = [subscription.__enter__() for subscription in subscriptions]
        assert len(session._streams) == 10_000
        for subscription in subscriptions:
            subscription.__exit__(None, None, None)
        assert len(session._streams) == 0
        for _ in range(100):
            with anyio.move_on_after(0):
                await session.ended()
        session.abort()
        del subscription, subscriptions
        assert all(stream.dropped == 0 for stream in streams)
        refs = [weakref.ref(stream) for stream in streams]
        del streams
        gc.collect()
        assert not any(ref() for ref in refs)


@pytest.mark.parametrize("stalled", [False, True], ids=["nobody there", "nobody answers"])
async def test_a_session_that_gets_no_connection_in_time_ends_at_the_end_that_dials(stalled: bool) -> None:
    """Demand 86: what waits for a connection is undelivered after a time (LIVE-4), also in the middle of a try."""
    async with ChaosProxy() as proxy:
        proxy.target = NOWHERE if not stalled else proxy.address
        if stalled:
            proxy.stall()
        timeouts = Timeouts(session=0.2, initial_backoff=0.01, max_backoff=0.05)
        async with messenger(1, timeouts=timeouts) as node:
            session = node.session(proxy.address)
            receipt = await session.send(Message(type=2))
            with anyio.fail_after(BOUND):
                assert await receipt is Outcome.UNDELIVERED
                error = await session.ended()
            assert isinstance(error, TimedOut)
            assert str(error) == "no connection with the peer for 0.2 s [LIVE-4]"
            await until(lambda: node.sessions == ())


async def test_both_ends_of_a_session_that_is_cut_off_end_by_themselves() -> None:
    """Whoever is to dial: LIVE-4 holds for each of them."""
    timeouts = Timeouts(session=0.3, initial_backoff=0.01, max_backoff=0.05)
    async with ChaosProxy() as proxy, joined(through=proxy, timeouts=timeouts) as ends:
        proxy.target = NOWHERE
        proxy.cut(reset=True)
        for end in ends:
            with anyio.fail_after(BOUND):
                assert isinstance(await end.ended(), TimedOut)
