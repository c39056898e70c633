"""Cancelling at any point loses nothing that was promised, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

import anyio
import anyio.abc
import pytest
from anyio.lowlevel import checkpoint

import msgr
from msgr import Limits, Message, Session

from . import raw
from .leaks import Resources, until
from .streams import TripStream
from .world import ADMIN, BOUND, KEYRING, address, all_of, dialled, echoing, is_served, memory_pair, pair, port

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


@pytest.mark.parametrize("side", ["client", "server"])
async def test_at_each_read_and_write(side: str) -> None:
    """From the first byte of the handshake to the last of the farewell."""
    before = Resources.now()
    (listener,) = (await anyio.create_tcp_listener(local_host="127.0.0.1")).listeners
    assert isinstance(listener, anyio.abc.SocketListener)
    number: int = listener.extra(anyio.abc.SocketAttribute.local_port)
    where = f"v2:127.0.0.1:{number}"

    async def conversation(session: Session) -> None:
        await session.send(Message(type=1))
        await session.receive()
        await session.ping()

    for at in range(200):
        scope = anyio.CancelScope()
        tripped = False

        async def accept(at: int = at, scope: anyio.CancelScope = scope) -> None:
            nonlocal tripped
            stream = TripStream(await listener.accept(), at if side == "server" else -1, scope.cancel)
            with suppress(msgr.ConnectionLost), scope if side == "server" else anyio.CancelScope():
                async with msgr.accept(stream, where, name="mon.a", auth=KEYRING) as session:
                    await conversation(session)
            tripped |= stream.tripped

        async def connect(at: int = at, scope: anyio.CancelScope = scope) -> None:
            nonlocal tripped
            tcp = await anyio.connect_tcp("127.0.0.1", number)
            stream = TripStream(tcp, at if side == "client" else -1, scope.cancel)
            with suppress(msgr.ConnectionLost), scope if side == "client" else anyio.CancelScope():
                async with msgr.connect(where, name=ADMIN, auth=KEYRING, stream=stream) as session:
                    await conversation(session)
            tripped |= stream.tripped

        with anyio.fail_after(BOUND):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(accept)
                tasks.start_soon(connect)
        if not tripped:
            break
    assert 12 < at < 199
    await listener.aclose()
    await before.again()


async def test_connect_at_each_turn_of_the_loop() -> None:
    """Over a real socket, cancelled after one turn, two turns, and so on."""
    async with echoing() as server:
        await is_served(server)
        before = Resources.now()
        for turns in range(1000):
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as tasks:

                    async def trip(turns: int = turns, scope: anyio.CancelScope = scope) -> None:
                        for _ in range(turns):
                            await checkpoint()
                        scope.cancel()

                    tasks.start_soon(trip)
                    async with dialled(server):
                        tasks.cancel_scope.cancel()
            if not scope.cancel_called:
                break
        assert 5 < turns < 999
        await until(lambda: server.stats.failed + server.stats.ready == server.stats.accepted)
        await before.again()
        await is_served(server)


async def test_receive_loses_no_message() -> None:
    async with pair() as (near, far):
        got: list[int] = []

        async def send() -> None:
            for tid in range(500):
                await near.send(Message(type=1, tid=tid))
                if tid % 7 == 0:
                    await checkpoint()

        with anyio.fail_after(BOUND):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(send)
                while len(got) < 500:
                    with anyio.CancelScope() as scope:
                        async with anyio.create_task_group() as racing:
                            racing.start_soon(cancel_soon, scope)
                            got.append((await far.receive()).tid)
                            racing.cancel_scope.cancel()
        assert got == list(range(500))


async def cancel_soon(scope: anyio.CancelScope) -> None:
    """Cancel in two turns of the loop."""
    await checkpoint()
    await checkpoint()
    scope.cancel()


async def test_a_message_whose_send_was_cancelled_is_not_sent() -> None:
    """And one whose send came back is."""
    small = Limits(inbox=2000, outbox=2000)
    async with memory_pair(server=small, client=small) as (near, far):
        sent: list[int] = []

        async def send(tid: int) -> None:
            await near.send(Message(type=1, tid=tid, front=bytes(100_000)))
            sent.append(tid)

        for tid in range(60):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(send, tid)
                await anyio.wait_all_tasks_blocked()
                tasks.cancel_scope.cancel()
        assert 2 < len(sent) < 60
        got: list[int] = []
        with anyio.fail_after(BOUND):
            while len(got) < len(sent):
                got.append((await far.receive()).tid)
            await near.send(Message(type=2))
            assert (await far.receive()).type == 2
        assert got == sent


Action = Callable[[Session], Awaitable[object]]
ACTIONS: dict[str, Action] = {
    "receive": lambda session: session.receive(),
    "iterate": lambda session: anext(session),
    "ping": lambda session: session.ping(),
    "send": lambda session: session.send(Message(type=1)),
}


@pytest.mark.parametrize("action", ACTIONS)
async def test_session_is_as_good_as_before(action: str) -> None:
    async with echoing() as server, dialled(server) as session:
        for _ in range(20):
            with anyio.CancelScope() as scope:
                scope.cancel()
                await ACTIONS[action](session)
            assert scope.cancelled_caught
        await session.send(Message(type=9))
        assert (await session.receive()).type == 9
        await session.ping()


async def test_close_that_is_cancelled_ends_it_at_once() -> None:
    """Both where it waits for what is queued to leave, and where it waits for the peer to take note."""
    for queued in (0, 100):
        async with memory_pair(server=Limits(inbox=1)) as (near, far):
            await near.send(Message(type=1))
            for _ in range(queued):
                await near.send(Message(type=1, data=bytes(100_000)))
            await anyio.wait_all_tasks_blocked()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(near.close)
                await anyio.wait_all_tasks_blocked()
                tasks.cancel_scope.cancel()
            with pytest.raises(msgr.ConnectionLost):
                await near.ping()
            assert (await far.receive()).type == 1


async def test_server_that_is_cancelled() -> None:
    """With sessions taken, sessions waiting and handshakes under way: all is given back."""
    before = Resources.now()
    async with anyio.create_task_group() as tasks:
        running = anyio.Event()
        where = ""

        async def serve() -> None:
            nonlocal where
            async with msgr.serve("v2:127.0.0.1:0", name="mon.a", auth=KEYRING) as server:
                where = address(server)
                running.set()
                await anext(server)
                await anyio.sleep_forever()

        tasks.start_soon(serve)
        await running.wait()
        number = int(where.split(":")[2].split("/")[0])
        silent = await anyio.connect_tcp("127.0.0.1", number)
        async with (
            silent,
            msgr.connect(where, name=ADMIN, auth=KEYRING) as one,
            msgr.connect(where, name=ADMIN, auth=KEYRING) as two,
        ):
            tasks.cancel_scope.cancel()
            with anyio.CancelScope(shield=True), anyio.fail_after(BOUND):
                assert await all_of(one) == await all_of(two) == []
                await raw.dropped(silent)
    await before.again()


async def test_accepting_a_session_loses_none() -> None:
    async with msgr.serve("v2:127.0.0.1:0", name="mon.a", auth=None) as server:
        taken: list[Session] = []

        async def come() -> None:
            async with dialled(server, auth=None) as session:
                await session.receive()

        with anyio.fail_after(BOUND):
            async with anyio.create_task_group() as tasks:
                for _ in range(20):
                    tasks.start_soon(come)
                while len(taken) < 20:
                    with anyio.CancelScope() as scope:
                        async with anyio.create_task_group() as racing:
                            racing.start_soon(cancel_soon, scope)
                            taken.append(await anext(server))
                            racing.cancel_scope.cancel()
                for session in taken:
                    await session.send(Message(type=1))
        assert port(server)
