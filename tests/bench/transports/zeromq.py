"""pyzmq with CURVE: a pair of sockets, in a program that blocks or on asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import anyio
import zmq
import zmq.asyncio

from msgr.wire import Octets

from ..links import Announce, BlockingLink, Link, Talk, Task

_WAITING: Final = 1000
"""How many messages may wait at either end; that is what ZeroMQ has by default."""
_WAITING_BYTES: Final = 32 << 20
_LARGE: Final = 64 << 10
"""From here on messages are not copied between Python and ZeroMQ: that is faster only where they are large."""


class CurveLink:
    """A socket of ZeroMQ that blocks."""

    def __init__(self, socket: Any, task: Task) -> None:
        self._socket = socket
        self._copy = task.work.size < _LARGE

    def send(self, message: Octets) -> None:
        """Hand the message to ZeroMQ."""
        self._socket.send(message, copy=self._copy)

    def flush(self) -> None:
        """Do nothing: ZeroMQ sends as soon as it can."""

    def receive(self) -> Octets:
        """Return the next message."""
        received = self._socket.recv(copy=self._copy)
        message: Octets = received if self._copy else received.buffer
        return message


class AwaitedCurveLink:
    """The same on asyncio."""

    def __init__(self, socket: Any, task: Task) -> None:
        self._socket = socket
        self._copy = task.work.size < _LARGE

    async def send(self, message: Octets) -> None:
        """Hand the message to ZeroMQ."""
        await self._socket.send(message, copy=self._copy)

    async def flush(self) -> None:
        """Do nothing: ZeroMQ sends as soon as it can."""

    async def receive(self) -> Octets:
        """Return the next message."""
        received = await self._socket.recv(copy=self._copy)
        message: Octets = received if self._copy else received.buffer
        return message


class Curve:
    """Blocking sockets of ZeroMQ."""

    @contextmanager
    def accept(self, task: Task, announce: Announce) -> Iterator[BlockingLink]:
        """Listen until somebody connects."""
        with zmq.Context() as context, listening(context, task, announce) as socket:
            yield CurveLink(socket, task)

    @contextmanager
    def connect(self, task: Task, address: str) -> Iterator[BlockingLink]:
        """Connect, and hang up in the end."""
        with zmq.Context() as context, connected(context, task, address) as socket:
            yield CurveLink(socket, task)


class AwaitedCurve:
    """Sockets of ZeroMQ on asyncio."""

    async def serve(self, task: Task, announce: Announce, talk: Talk) -> None:
        """Listen until cancelled, and talk with who connects."""
        with zmq.asyncio.Context() as context, listening(context, task, announce) as socket:
            await talk(AwaitedCurveLink(socket, task))
            await anyio.sleep_forever()

    @asynccontextmanager
    async def connect(self, task: Task, address: str) -> AsyncIterator[Link]:
        """Connect, and hang up in the end."""
        with zmq.asyncio.Context() as context, connected(context, task, address) as socket:
            yield AwaitedCurveLink(socket, task)


@contextmanager
def listening(context: Any, task: Task, announce: Announce) -> Iterator[Any]:
    """Listen with a key of our own, which the address tells."""
    public, secret = zmq.curve_keypair()
    with _socket(context, task, public, secret) as socket:
        socket.curve_server = True
        port = socket.bind_to_random_port("tcp://127.0.0.1")
        announce(f"{port} {public.decode()}")
        yield socket


@contextmanager
def connected(context: Any, task: Task, address: str) -> Iterator[Any]:
    """Connect to the server whose address and key we were told."""
    port, server = address.split()
    with _socket(context, task, *zmq.curve_keypair()) as socket:
        socket.curve_serverkey = server.encode()
        socket.connect(f"tcp://127.0.0.1:{port}")
        yield socket


def _socket(context: Any, task: Task, public: bytes, secret: bytes) -> Any:
    socket = context.socket(zmq.PAIR)
    socket.curve_publickey, socket.curve_secretkey = public, secret
    socket.set_hwm(max(2, min(_WAITING, _WAITING_BYTES // task.work.size)))
    socket.linger = 1000
    return socket


def blocking() -> Curve:
    """Return the way that blocks."""
    return Curve()


def awaited() -> AwaitedCurve:
    """Return the way on asyncio."""
    return AwaitedCurve()
