"""How sessions and servers end: what was queued arrives, nobody waits for long, nothing is left."""

from __future__ import annotations

import time

import anyio
import pytest

import msgr
from msgr import Limits, Message, Timeouts

from . import raw
from .leaks import until
from .world import ADMIN, BOUND, KEYRING, LOOPBACK, address, all_of, dialled, echo_all, echoing, memory_pair, pair

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

_BRIEF = Timeouts(close=0.1)


@pytest.mark.parametrize("size", [10, 20_000])
@pytest.mark.parametrize("how", ["close", "leave"])
async def test_all_that_was_queued_arrives(size: int, how: str) -> None:
    async with msgr.serve(LOOPBACK, name="mon.a", auth=KEYRING) as server:
        async with dialled(server) as near:
            for tid in range(1000):
                await near.send(Message(type=1, tid=tid, front=bytes(size)))
            if how == "close":
                far = await anext(server)
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(near.close)
                    assert len(await all_of(far)) == 1000
                return
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(near.close)
                far = await anext(server)
                got = await all_of(far)
        assert [message.tid for message in got] == list(range(1000))
        assert near.error is far.error is None


async def test_both_ends_close_at_once() -> None:
    async with pair() as (near, far):
        for session in (near, far):
            for _ in range(100):
                await session.send(Message(type=1, front=bytes(10_000)))
        with anyio.fail_after(BOUND):
            async with anyio.create_task_group() as tasks:
                for session in (near, far, near):
                    tasks.start_soon(session.close)
        assert near.error is far.error is None


async def test_abort_waits_for_nobody() -> None:
    async with memory_pair(server=Limits(inbox=1)) as (near, far):
        for _ in range(100):
            await near.send(Message(type=1, data=bytes(50_000)))
        await anyio.wait_all_tasks_blocked()
        near.abort()
        with pytest.raises(msgr.ConnectionLost):
            await near.send(Message(type=1))
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(BOUND), pytest.raises(msgr.ConnectionLost, match="in the middle of a frame"):
            await all_of(far)


async def test_a_peer_that_never_reads_holds_the_end_up_for_a_moment_only() -> None:
    """Closing has its time; then the session ends, though a write is under way that never will."""
    with anyio.fail_after(BOUND):
        async with memory_pair(server=Limits(inbox=1), close=0.1) as (near, _):
            for _ in range(100):
                await near.send(Message(type=1, data=bytes(50_000)))
            began = time.monotonic()
            await near.close()
            assert time.monotonic() - began >= 0.1


async def test_a_peer_that_never_reads_a_socket() -> None:
    async with msgr.serve(LOOPBACK, name="mon.a", auth=None, timeouts=_BRIEF) as server, raw.dial(server) as stream:
        await raw.by_hand(stream, address(server))
        session = await anext(server)
        with anyio.fail_after(BOUND), anyio.move_on_after(0.2):
            while True:
                await session.send(Message(type=1, data=bytes(4 << 20)))


async def test_a_peer_that_never_closes() -> None:
    """It has read all and stays: the session ends in time, and without an error."""
    async with msgr.serve(LOOPBACK, name="mon.a", auth=None, timeouts=_BRIEF) as server, raw.dial(server) as stream:
        await raw.by_hand(stream, address(server))
        session = await anext(server)
        with anyio.fail_after(BOUND):
            await session.close()
        assert session.error is None


async def test_messages_that_come_while_closing_are_dropped() -> None:
    """A peer that goes on sending is not waited for, and not kept from ending."""
    async with pair() as (near, far):

        async def babble() -> None:
            with pytest.raises(msgr.ConnectionLost):
                await talk_on(far)

        with anyio.fail_after(BOUND):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(babble)
                await near.receive()
                await near.close()
        assert near.error is None


async def talk_on(session: msgr.Session) -> None:
    """Send for ever."""
    while True:
        await session.send(Message(type=1, front=bytes(1000)))


async def test_server_closes_its_sessions() -> None:
    """Clients see an orderly end; whoever waits for further sessions learns that there are none."""
    async with anyio.create_task_group() as tasks:
        async with msgr.serve(LOOPBACK, name="mon.a", auth=KEYRING) as server:
            tasks.start_soon(echo_all, server)
            async with anyio.create_task_group() as clients:
                ready = 0

                async def come() -> None:
                    nonlocal ready
                    async with dialled(server) as session:
                        ready += 1
                        assert await all_of(session) == []
                        assert session.error is None

                for _ in range(10):
                    clients.start_soon(come)
                await until(lambda: ready == 10)
                await until(lambda: server.stats.ready == 10)
                with anyio.fail_after(BOUND):
                    await server.close()
        with pytest.raises(StopAsyncIteration):
            await anext(server)


async def test_server_leaves_with_sessions_that_nobody_took() -> None:
    async with anyio.create_task_group() as tasks, msgr.serve(LOOPBACK, name="mon.a", auth=KEYRING) as server:
        ready = anyio.Event()

        async def come() -> None:
            async with dialled(server) as session:
                ready.set()
                assert await all_of(session) == []

        tasks.start_soon(come)
        await ready.wait()
        await until(lambda: server.stats.ready == 1)


async def test_server_that_fails_ends_its_sessions() -> None:
    ready = anyio.Event()

    async def come(where: str) -> None:
        async with msgr.connect(where, name=ADMIN, auth=KEYRING) as session:
            ready.set()
            await all_of(session)

    async with anyio.create_task_group() as tasks:

        async def fail(server: msgr.Messenger) -> None:
            tasks.start_soon(come, address(server))
            await ready.wait()
            raise KeyError("of the body")

        with pytest.raises(KeyError, match="of the body"):
            async with msgr.serve(LOOPBACK, name="mon.a", auth=KEYRING) as server:
                await fail(server)


async def test_a_session_that_ends_before_it_is_taken_is_handed_out() -> None:
    """What it brought is not lost."""
    async with msgr.serve(LOOPBACK, name="mon.a", auth=KEYRING) as server:
        async with dialled(server) as near:
            await near.send(Message(type=4))
        far = await anext(server)
        assert [message.type for message in await all_of(far)] == [4]


async def test_closing_twice() -> None:
    async with echoing() as server, dialled(server) as session:
        await session.close()
        await session.close()
        session.abort()
        assert session.error is None
