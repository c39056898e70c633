"""No wake-up is swallowed: the lesson of the accept loop that returned "pending" and was never woken (demand 56)."""

from __future__ import annotations

import ast
import hashlib
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import anyio
import anyio.abc
import pytest

import msgr
from msgr.core import CLIENT, SERVER
from msgr.net.stream import SocketStream

from .. import raw
from ..leaks import until
from ..streams import TripStream
from ..world import ADMIN, BOUND, KEYRING, address, echoing, is_served, port

NET = Path(msgr.__file__).parent / "net"
STEPS = len(SERVER) + len(CLIENT)
"""More steps than a handshake has."""


def blind_loops(tree: ast.AST) -> Iterator[int]:
    """Yield the lines of loops that go on after an error, and in which nothing is awaited."""
    for loop in ast.walk(tree):
        if not isinstance(loop, ast.While):
            continue
        inner = list(ast.walk(loop))
        handlers = [node for node in inner if isinstance(node, ast.ExceptHandler)]
        goes_on = any(isinstance(handler.body[-1], ast.Continue | ast.Pass) for handler in handlers)
        waits = any(isinstance(node, ast.Await | ast.AsyncWith | ast.AsyncFor) for node in inner)
        if goes_on and not waits:
            yield loop.lineno


def test_loops_that_go_on_after_an_error_wait() -> None:
    """And no handler catches whatever comes: that would swallow cancellation."""
    for path in NET.glob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        assert list(blind_loops(tree)) == [], path.name
        bare = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.type is None]
        assert bare == [], path.name


def test_a_blind_loop_is_seen() -> None:
    loop = "while True:\n try:\n  {}\n except OSError:\n  {}"
    assert list(blind_loops(ast.parse(loop.format("f()", "continue")))) == [1]
    assert list(blind_loops(ast.parse(loop.format("f()", "pass")))) == [1]
    assert list(blind_loops(ast.parse(loop.format("f()", "raise")))) == []
    assert list(blind_loops(ast.parse(loop.format("await f()", "continue")))) == []


FAULTS: Final[dict[str, Callable[[], Exception]]] = {
    "broken": anyio.BrokenResourceError,
    "system": lambda: OSError(5, "Input/output error"),
}


@pytest.mark.anyio
@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("side", ["client", "server"])
async def test_a_stream_that_fails_once_at_each_step(kind: str, side: str) -> None:
    """The connection ends at once with the error, at both ends; nobody waits for what will not come (demand 56)."""

    def fail() -> None:
        raise FAULTS[kind]()

    step = 0
    tripped: list[bool] = []

    async def accept(stream: anyio.abc.SocketStream) -> None:
        tripping = TripStream(stream, step if side == "server" else -1, fail)
        with anyio.fail_after(BOUND), suppress(msgr.ConnectionLost):
            async with msgr.accept(tripping, where, name="mon.a", auth=KEYRING) as session:
                await session.ping()
        tripped.append(tripping.tripped)

    async with raw.listening(accept) as where:
        for step in range(STEPS):
            host, number = where.removeprefix("v2:").split(":")
            stream = TripStream(await anyio.connect_tcp(host, int(number)), step if side == "client" else -1, fail)
            with anyio.fail_after(BOUND), suppress(msgr.ConnectionLost):
                async with msgr.connect(where, name=ADMIN, auth=KEYRING, stream=stream) as session:
                    async for _ in session:
                        pass
            await until(lambda: bool(tripped))
            if not (tripped.pop() or stream.tripped):
                break
        assert 8 < step < STEPS - 1


@pytest.mark.anyio
@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("kind", FAULTS)
async def test_a_server_at_whose_stream_each_step_fails_once(kind: str) -> None:
    """It serves the next one (demand 56)."""

    def fail() -> None:
        raise FAULTS[kind]()

    async with echoing() as server:
        for step in range(STEPS):
            stream = TripStream(await anyio.connect_tcp("127.0.0.1", port(server)), step, fail)
            with anyio.fail_after(BOUND), suppress(msgr.ConnectionLost):
                async with msgr.connect(address(server), name=ADMIN, auth=KEYRING, stream=stream):
                    pass
            if not stream.tripped:
                break
        await is_served(server)
        await until(lambda: server.stats.half_open == 0)


@pytest.mark.anyio
@pytest.mark.usefixtures("nothing_left")
async def test_one_task_reads_while_another_writes() -> None:
    """Each direction stalls in turn while the other one goes on, and neither takes the other's wake-up (demand 57)."""
    piece, pieces = 1 << 20, 8
    near, far = (SocketStream(end) for end in socket.socketpair())
    out, back = (hashlib.shake_128(name).digest(piece) for name in (b"out", b"back"))
    came = bytearray()

    async def write() -> None:
        for _ in range(pieces):
            await near.send([out])

    async def read() -> None:
        while len(came) < piece * pieces:
            came.extend(await near.receive())

    with anyio.fail_after(BOUND):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(write)
            tasks.start_soon(read)
            rest = b""
            for _ in range(pieces):
                while len(rest) < piece:  # the writer goes on, and the reader waits
                    rest += await far.receive()
                assert rest[:piece] == out
                rest = rest[piece:]
                await far.send([back])  # the reader goes on, and the writer waits
    assert bytes(came) == back * pieces
    await near.aclose()
    await far.aclose()
