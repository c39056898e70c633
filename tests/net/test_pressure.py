"""Whoever is faster waits, and nothing grows without bound meanwhile."""

from __future__ import annotations

import time
from contextlib import suppress

import anyio
import pytest

import msgr
from msgr import Limits, Message
from msgr.net.driver import Driver
from msgr.payload import Keepalive
from msgr.wire import Timestamp

from . import raw
from .leaks import reaches, until
from .streams import MemoryStream
from .world import ADMIN, BOUND, LOOPBACK, address, dialled, is_served, memory_pair, pair

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

_KIB = 1 << 10
_SMALL = Limits(inbox=256 * _KIB, outbox=256 * _KIB)
_UNDER_WAY = (1 << 20) + 4 * (64 * _KIB)
"""A batch that is being written, and what the two ends hold of it in their hands, in bytes."""


@pytest.mark.parametrize("turned", [False, True], ids=["to server", "to client"])
@pytest.mark.parametrize("size", [0, 64 * _KIB])
async def test_sender_waits_for_a_slow_reader(size: int, turned: bool) -> None:
    """Even empty messages take room. As soon as the reader reads, it goes on, in order."""
    async with memory_pair(server=_SMALL, client=_SMALL) as ends, anyio.create_task_group() as tasks:
        near, far = reversed(ends) if turned else ends
        sent = 0

        async def send() -> None:
            nonlocal sent
            while True:
                await near.send(Message(type=1, tid=sent, front=bytes(size)))
                sent += 1

        tasks.start_soon(send)
        await anyio.wait_all_tasks_blocked()
        blocked_at = sent
        # A message takes at least 77 bytes on the wire, and is counted as 256 more than its body where it waits.
        assert blocked_at > 1
        assert blocked_at * (size + 77) <= 512 * _KIB + _UNDER_WAY + 2 * size
        await anyio.wait_all_tasks_blocked()
        assert sent == blocked_at
        with anyio.fail_after(BOUND):
            for tid in range(blocked_at + 100):
                assert (await far.receive()).tid == tid
        assert sent > blocked_at
        tasks.cancel_scope.cancel()


async def test_both_directions_are_stalled_in_turn() -> None:
    """What one direction waits for never holds up the other."""
    async with memory_pair(server=_SMALL, client=_SMALL) as (near, far):

        async def send(session: msgr.Session) -> None:
            for tid in range(200):
                await session.send(Message(type=1, tid=tid, data=bytes(20_000)))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send, near)
            await anyio.wait_all_tasks_blocked()
            with anyio.fail_after(BOUND):
                await far.send(Message(type=2))
                assert (await near.receive()).type == 2
            tasks.start_soon(send, far)
            await anyio.wait_all_tasks_blocked()
            with anyio.fail_after(BOUND):
                for session in (far, near):
                    for tid in range(200):
                        assert (await session.receive()).tid == tid


async def test_slow_reader_over_a_socket() -> None:
    """The kernel's buffers hold some megabytes more; then the sender waits as well."""
    quarter = Limits(inbox=1 << 20, outbox=1 << 20)
    async with (
        msgr.serve(LOOPBACK, name="mon.a", auth=None, limits=quarter) as server,
        dialled(server, auth=None, limits=quarter) as near,
    ):
        far = await anext(server)
        sent = 0

        async def send() -> None:
            nonlocal sent
            for tid in range(400):
                await near.send(Message(type=1, tid=tid, data=bytes(256 * _KIB)))
                sent += 1

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send)
            with anyio.fail_after(BOUND):
                assert (await far.receive()).tid == 0
                for tid in range(1, 400):
                    if tid < 100:
                        assert sent < 300  # of 100 MiB
                    assert (await far.receive()).tid == tid


async def test_keepalive_flood_of_a_peer_that_never_reads() -> None:
    """It is answered as far as the limit allows, and no longer read beyond. Demand 72."""
    one, other = MemoryStream.pair()
    limits = Limits(outbox=100 * _KIB)
    async with anyio.create_task_group() as tasks:

        async def accept() -> None:
            async with msgr.accept(other, "v2:127.0.0.1:1", name="mon.a", auth=None, limits=limits) as session:
                await session.receive()

        tasks.start_soon(accept)
        await raw.by_hand(one, "v2:127.0.0.1:1")
        flood = raw.said(Keepalive(stamp=Timestamp(seconds=1))) * 1000
        taken = 0

        async def send() -> None:
            nonlocal taken
            while True:
                await one.send(flood)
                taken += len(flood)

        tasks.start_soon(send)
        await anyio.wait_all_tasks_blocked()
        # One batch of answers is being written, another waits; the rest is what the two ends have in their hands.
        assert 100 * _KIB < taken < 2 * 100 * _KIB + 6 * 64 * _KIB
        tasks.cancel_scope.cancel()
    await one.aclose()


async def test_keepalive_flood_does_not_starve_others() -> None:
    async with msgr.serve(LOOPBACK, name="mon.a", auth=None) as server, anyio.create_task_group() as tasks:

        async def serve_all() -> None:
            async for session in server:
                tasks.start_soon(answer, session)

        tasks.start_soon(serve_all)
        async with raw.dial(server) as stream:
            await raw.by_hand(stream, address(server))

            async def flood() -> None:
                while True:
                    await stream.send(raw.said(Keepalive(stamp=Timestamp(seconds=1))) * 1000)

            async with anyio.create_task_group() as flooding:
                flooding.start_soon(flood)
                await is_served(server, auth=None)
                flooding.cancel_scope.cancel()
        tasks.cancel_scope.cancel()


async def answer(session: msgr.Session) -> None:
    """Send back the first message."""
    with suppress(msgr.MsgrError):
        await session.send(await session.receive())


async def test_pings_that_nobody_answers_leave_nothing() -> None:
    """Each is forgotten with whoever asked; the peer's answers, late, do no harm."""
    async with memory_pair(server=Limits(inbox=1)) as (near, far):
        await near.send(Message(type=1))
        await anyio.wait_all_tasks_blocked()  # from here on the peer does not read: its user is slow
        for _ in range(10):
            with anyio.move_on_after(0.001) as scope:
                await near.ping()
            assert scope.cancelled_caught
        await far.receive()
        with anyio.fail_after(BOUND):
            await near.ping()


async def test_nobody_takes_the_sessions() -> None:
    """A server whose user is slow accepts no more than can wait; those who are not accepted yet are, later."""
    async with msgr.serve(LOOPBACK, name="mon.a", auth=None, limits=Limits(half_open=2)) as server:
        ready = 0

        async def come() -> None:
            nonlocal ready
            async with msgr.connect(address(server), name=ADMIN, auth=None) as session:
                ready += 1
                await session.receive()

        async with anyio.create_task_group() as tasks:
            for expected in (1, 2):
                tasks.start_soon(come)
                await reaches(lambda: ready, expected)
            tasks.start_soon(come)
            began = time.monotonic()
            while time.monotonic() - began < 0.1:
                await anyio.lowlevel.checkpoint()
            assert server.stats.accepted == 2
            for _ in range(3):
                await (await anext(server)).send(Message(type=1))
            await until(lambda: ready == 3)


async def test_who_waits_for_room_is_woken_whoever_makes_it() -> None:
    """A message that answers what came in is written by its sender, with all that waits, and not by the writer."""

    async def answer() -> None:
        assert isinstance(near.driver, Driver)
        near.driver._prompt = True  # as if something had come in
        near.post(Message(type=1, tid=3))

    async with pair(limits=Limits(outbox=300)) as (near, far):
        with anyio.fail_after(BOUND):
            await near.send(Message(type=1, tid=1))
            async with anyio.create_task_group() as tasks:
                # In one turn of the loop, and on asyncio in this order: the second one waits for room.
                tasks.start_soon(near.send, Message(type=1, tid=2, front=bytes(100)))
                tasks.start_soon(near.send, Message(type=1, tid=4))
                tasks.start_soon(answer)
            assert sorted([(await far.receive()).tid for _ in range(4)]) == [1, 2, 3, 4]
        assert near.blocked == 0
