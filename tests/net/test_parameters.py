"""What can be set about sessions and their connections: demands 40, 41, 47, 48 and 49."""

from __future__ import annotations

import socket

import anyio
import pytest

from msgr import Limits, Message
from msgr.net.stream import SocketStream
from msgr.testing import ChaosProxy

from .leaks import until
from .nodes import joined, messenger
from .world import BOUND, LOOPBACK

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


async def test_many_who_ask_for_a_session_at_once_get_the_same_one() -> None:
    """Demand 40: fifty ask in two messengers that dial each other; each pair has one session, over one connection."""
    async with messenger(1, listen=LOOPBACK) as one, messenger(2, listen=LOOPBACK) as other:
        sessions = set()

        async def ask(number: int) -> None:
            near, far = (one, other) if number % 2 else (other, one)
            session = near.session(str(far.listening[0]))
            sessions.add(session)
            await (await session.send(Message(type=2)))

        with anyio.fail_after(BOUND):
            async with anyio.create_task_group() as tasks:
                for number in range(50):
                    tasks.start_soon(ask, number)
        assert len(sessions) == len(one.sessions) + len(other.sessions) == 2
        assert all(session.connected for session in sessions)
        for session in sessions:
            session.abort()


async def test_a_lazy_session_has_no_socket_before_something_is_sent() -> None:
    """Demand 41: nobody is dialled, and the first message makes the connection."""
    async with ChaosProxy() as proxy, messenger(2, listen=LOOPBACK, advertise=proxy.address) as far:
        proxy.target = str(far.listening[0])
        async with messenger(1) as near:
            session = near.session(proxy.address, lazy=True)
            await anyio.wait_all_tasks_blocked()
            await anyio.wait_all_tasks_blocked()
            assert proxy.stats.connections == 0
            assert not session.connected
            with anyio.fail_after(BOUND):
                await (await session.send(Message(type=2)))
            assert proxy.stats.connections == 1
            session.abort()
        for end in far.sessions:
            end.abort()


async def test_a_write_is_tried_before_readiness_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Demand 47: on a socket with room, nobody waits for it to become writable."""
    waited = 0
    wait_writable = anyio.wait_writable

    async def counting(sock: socket.socket) -> None:
        nonlocal waited
        waited += 1
        await wait_writable(sock)

    monkeypatch.setattr(anyio, "wait_writable", counting)
    one, other = socket.socketpair()
    stream = SocketStream(one)
    for _ in range(50):
        await stream.send([b"a few bytes"])
    assert waited == 0
    with anyio.move_on_after(0.05):
        while True:
            await stream.send([bytes(1 << 20)])
    assert waited > 0
    await stream.aclose()
    other.close()


async def test_a_messenger_that_listens_nowhere() -> None:
    """Demand 48: it can be made, entered and left without a socket."""
    async with messenger(1) as node:
        assert node.listening == node.addresses == ()
        assert node.sessions == ()
        assert node.stats.accepted == 0


async def test_reading_goes_on_while_writing_is_stuck() -> None:
    """Demand 49: neither direction waits for the other."""
    limits = Limits(inbox=64 << 10, outbox=1 << 20)
    async with joined(limits=limits) as (near, far), anyio.create_task_group() as tasks:

        async def fill() -> None:
            while True:
                await near.send(Message(type=2, data=bytes(200_000)))

        tasks.start_soon(fill)
        with anyio.fail_after(BOUND):
            await until(lambda: near.stats.held_bytes >= 1 << 20)
            for tid in range(20):
                far.post(Message(type=3, tid=tid))
            assert [(await near.receive()).tid for _ in range(20)] == list(range(20))
        tasks.cancel_scope.cancel()
