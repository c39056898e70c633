"""Streams in memory behave as sockets do."""

from __future__ import annotations

import anyio
import pytest

from msgr import Message, accept, connect
from msgr.testing import memory_pair

from ..net.leaks import until

pytestmark = pytest.mark.anyio


async def test_bytes_arrive_in_order_and_then_the_end() -> None:
    ours, theirs = memory_pair()
    await ours.send(b"one")
    await ours.send(b"two")
    await ours.send_eof()
    assert await theirs.receive(4) == b"onet"
    assert await theirs.receive() == b"wo"
    for _ in range(2):
        with pytest.raises(anyio.EndOfStream):
            await theirs.receive()
    await theirs.send(b"back")
    assert await ours.receive() == b"back"
    with pytest.raises(anyio.BrokenResourceError):
        await ours.send(b"more")


async def test_a_writer_waits_for_its_reader() -> None:
    ours, theirs = memory_pair(capacity=10)
    sent = anyio.Event()

    async def send() -> None:
        await ours.send(bytes(25))
        sent.set()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send)
            assert len(await theirs.receive()) == 10
            assert not sent.is_set()
            assert len(await theirs.receive()) == 10
            assert len(await theirs.receive()) == 5
            await sent.wait()


async def test_a_close_lets_what_was_written_through() -> None:
    ours, theirs = memory_pair()
    await ours.send(b"last words")
    await ours.aclose()
    assert await theirs.receive() == b"last words"
    with pytest.raises(anyio.EndOfStream):
        await theirs.receive()
    with pytest.raises(anyio.BrokenResourceError):
        await theirs.send(b"too late")
    for broken in (ours.receive(), ours.send(b"x")):
        with pytest.raises(anyio.ClosedResourceError):
            await broken


async def test_a_reset_loses_what_was_written_and_wakes_who_waits() -> None:
    ours, theirs = memory_pair()
    await theirs.send(b"lost")
    errors: list[Exception] = []

    async def receive() -> None:
        try:
            await theirs.receive()
        except anyio.BrokenResourceError as error:
            errors.append(error)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(receive)
            await anyio.wait_all_tasks_blocked()
            ours.reset()
    assert len(errors) == 1
    with pytest.raises(anyio.BrokenResourceError):
        await theirs.send(b"x")


async def test_a_session_over_a_pair(nothing_left: None) -> None:
    ours, theirs = memory_pair()
    at = "v2:127.0.0.1:6789"
    taken: list[bytes] = []

    async def serve() -> None:
        async with accept(theirs, at, name="mon.a", auth=None) as session:
            taken.extend([bytes(message.front) async for message in session])

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(serve)
            async with connect(at, name="client.a", auth=None, stream=ours) as session:
                await session.send(Message(type=1, front=b"hello"))
        await until(lambda: taken == [b"hello"])
