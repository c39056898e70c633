"""Any byte stream of anyio will do: UNIX sockets, TLS, memory."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import anyio.abc
import pytest
from anyio.streams.tls import TLSListener, TLSStream

import msgr
from msgr import Message, Mode
from msgr.net.stream import SocketStream

from .streams import MemoryStream, Wrapped
from .tls import contexts
from .world import ADMIN, BOUND, FORMS, KEYRING, all_of, echo, memory_pair

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

_WHERE = "v2:127.0.0.1:1"


async def serve_one(stream: anyio.abc.ByteStream) -> None:
    """Be an echo server at one stream."""
    async with msgr.accept(stream, _WHERE, name="mon.a", auth=KEYRING) as session:
        await echo(session)


async def is_served(stream: anyio.abc.ByteStream, form: tuple[Mode, msgr.Revision] = FORMS[-1]) -> None:
    """Be a client at one stream: 1,000 messages, a large one, and a keepalive."""
    mode, _revision = form
    with anyio.fail_after(BOUND):
        async with msgr.connect(_WHERE, name=ADMIN, auth=KEYRING, stream=stream, modes=(mode, Mode.SECURE)) as session:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(send_all, session, 1000)
                for tid in range(1000):
                    assert (await session.receive()).tid == tid
            await session.send(Message(type=1, data=bytes(3 << 20)))
            assert (await session.receive()).size == 3 << 20
            await session.ping()


async def send_all(session: msgr.Session, count: int) -> None:
    """Send numbered messages."""
    for tid in range(count):
        await session.send(Message(type=1, tid=tid, front=b"x" * 50))


@asynccontextmanager
async def served(
    listener: anyio.abc.Listener[anyio.abc.SocketStream] | TLSListener,
    handle: Callable[[anyio.abc.ByteStream], Awaitable[None]],
) -> AsyncIterator[None]:
    """Hand what connects to `handle`, and wait for it in the end."""
    async with listener, anyio.create_task_group() as tasks, anyio.create_task_group() as handlers:
        tasks.start_soon(listener.serve, handle, handlers)
        try:
            yield
        finally:
            tasks.cancel_scope.cancel()


async def test_unix_socket(tmp_path: Path) -> None:
    async with served(await anyio.create_unix_listener(tmp_path / "socket"), serve_one):
        await is_served(await anyio.connect_unix(tmp_path / "socket"))


async def test_tcp_stream_of_anyio() -> None:
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with served(listener, serve_one):
        number = listener.extra(anyio.abc.SocketAttribute.local_port)
        await is_served(await anyio.connect_tcp("127.0.0.1", number))


async def test_memory() -> None:
    one, other = MemoryStream.pair()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve_one, other)
        await is_served(one)


@asynccontextmanager
async def tls_pair(tmp_path: Path) -> AsyncIterator[tuple[TLSStream, TLSStream]]:
    """Hold both ends of a TLS connection over TCP."""
    server, client = contexts(tmp_path)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    number = listener.extra(anyio.abc.SocketAttribute.local_port)
    far: list[TLSStream] = []
    arrived, over = anyio.Event(), anyio.Event()

    async def hold(stream: anyio.abc.ByteStream) -> None:
        assert isinstance(stream, TLSStream)
        far.append(stream)
        arrived.set()
        await over.wait()

    async with served(TLSListener(listener, server), hold):
        near = await TLSStream.wrap(
            await anyio.connect_tcp("127.0.0.1", number), hostname="localhost", ssl_context=client
        )
        await arrived.wait()
        try:
            yield near, far[0]
        finally:
            over.set()
            for stream in (near, far[0]):
                await anyio.aclose_forcefully(stream)


async def test_tls(tmp_path: Path) -> None:
    async with tls_pair(tmp_path) as (near, far), anyio.create_task_group() as tasks:
        tasks.start_soon(serve_one, far)
        await is_served(near)


async def test_tls_ends_in_good_order(tmp_path: Path) -> None:
    """TLS cannot close one direction alone; all that was queued arrives, and the end is clean at both ends."""
    async with tls_pair(tmp_path) as (near, far):
        got: list[Message] = []

        async def receive() -> None:
            async with msgr.accept(far, _WHERE, name="mon.a", auth=KEYRING) as session:
                got.extend(await all_of(session))
                assert session.error is None

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(receive)
            with anyio.fail_after(BOUND):
                async with msgr.connect(_WHERE, name=ADMIN, auth=KEYRING, stream=near) as session:
                    await send_all(session, 1000)
                assert session.error is None
        assert [message.tid for message in got] == list(range(1000))


async def test_tls_that_is_cut(tmp_path: Path) -> None:
    """Without a farewell of TLS, it is no orderly end."""
    async with tls_pair(tmp_path) as (near, far), anyio.create_task_group() as tasks:

        async def cut() -> None:
            with suppress(msgr.ConnectionLost):
                async with msgr.accept(far, _WHERE, name="mon.a", auth=KEYRING) as session:
                    await far.transport_stream.aclose()
                    await session.receive()
                    pytest.fail("a message from nowhere")

        tasks.start_soon(cut)
        with anyio.fail_after(BOUND), pytest.raises(msgr.ConnectionLost, match="the stream broke"):
            async with msgr.connect(_WHERE, name=ADMIN, auth=KEYRING, stream=near) as session:
                await all_of(session)


class Faulty(Wrapped):
    """A stream whose step number `at` fails."""

    def __init__(self, inner: anyio.abc.ByteStream, at: int, error: Exception) -> None:
        super().__init__(inner)
        self.at = at
        self.error = error

    async def before(self, step: int) -> None:
        """Fail, when it is time."""
        if step == self.at:
            raise self.error

    async def aclose(self) -> None:
        """Close, and fail if nothing else did."""
        await super().aclose()
        if self.at == -1:
            raise self.error


ERRORS = [anyio.BrokenResourceError(), anyio.BusyResourceError("reading"), ssl.SSLError(1, "bad mac"), OSError(5, "io")]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_a_fault_at_every_step_is_a_lost_connection(error: Exception) -> None:
    """Each read and each write fails once: it never hangs, and never ends in another error."""
    for at in range(-1, 100):
        one, other = MemoryStream.pair()
        faulty = Faulty(one, at, error)
        try:
            with anyio.fail_after(BOUND):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(serve_quietly, other)
                    async with msgr.connect(_WHERE, name=ADMIN, auth=KEYRING, stream=faulty) as session:
                        await session.send(Message(type=1))
                        await session.receive()
        except* msgr.ConnectionLost:
            assert faulty.steps > at
        if faulty.steps <= at:
            break
    assert 12 < at < 99


async def serve_quietly(stream: anyio.abc.ByteStream) -> None:
    """Be an echo server that takes it well when its client is lost."""
    with suppress(msgr.ConnectionLost):
        await serve_one(stream)


async def test_orderly_end_over_memory() -> None:
    async with memory_pair() as (near, far):
        await near.send(Message(type=5))
        await near.close()
        assert [message.type for message in await all_of(far)] == [5]
        assert near.error is far.error is None


async def test_sockets_of_any_family() -> None:
    """Pieces of all sizes, more than the kernel takes at once."""
    pieces = [bytes([number]) * (number * 1000 % 7777) for number in range(256)] * 4
    one, other = map(SocketStream, socket.socketpair())
    got = bytearray()
    async with anyio.create_task_group() as tasks:

        async def receive() -> None:
            while data := await other.receive():
                got.extend(data)

        tasks.start_soon(receive)
        await one.send(list(pieces))
        assert await one.finish()
    assert got == b"".join(pieces)
    await other.part()
    for _ in range(2):
        await one.aclose()


async def test_a_socket_that_breaks() -> None:
    """In whatever it does, it is a lost connection."""
    one, other = map(SocketStream, socket.socketpair())
    errors = 0
    async with anyio.create_task_group() as tasks:

        async def wait() -> None:
            nonlocal errors
            with pytest.raises(msgr.ConnectionLost):
                await one.receive()
            errors += 1

        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        await one.aclose()
    assert errors == 1
    for action in (one.receive, one.finish, lambda: one.send([b"x"]), lambda: other.send([b"x", b"y"])):
        with pytest.raises(msgr.ConnectionLost, match="the stream broke"):
            await action()
    await other.aclose()


async def test_stream_belongs_to_the_session_from_the_start() -> None:
    """A setting that makes no sense closes it as well."""
    one, other = MemoryStream.pair()
    with pytest.raises(msgr.errors.ConfigError, match="no revision"):
        async with msgr.connect(_WHERE, name=ADMIN, auth=KEYRING, stream=one, revisions=frozenset()):
            pass
    with pytest.raises(anyio.EndOfStream):
        await other.receive()
    await other.aclose()
