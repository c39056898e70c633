"""Byte streams that are no sockets, and some that break on purpose."""

from __future__ import annotations

import socket
from collections.abc import Callable
from struct import pack
from typing import Final, Literal, Self, TypeAlias

import anyio
import anyio.abc
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

Cut: TypeAlias = Literal["FIN", "RST"]
CUTS: Final[tuple[Cut, Cut]] = ("FIN", "RST")
_PIECE: Final = 64 << 10


class MemoryStream(anyio.abc.ByteStream):
    """One end of a pipe in memory. A write waits while there is one that the other end has not taken."""

    def __init__(self, send: MemoryObjectSendStream[bytes], receive: MemoryObjectReceiveStream[bytes]) -> None:
        self._send = send
        self._receive = receive
        self._rest = b""

    @classmethod
    def pair(cls) -> tuple[Self, Self]:
        """Return both ends of a new pipe."""
        to_one = anyio.create_memory_object_stream[bytes](1)
        to_other = anyio.create_memory_object_stream[bytes](1)
        return cls(to_other[0], to_one[1]), cls(to_one[0], to_other[1])

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Return some bytes."""
        data = self._rest or await self._receive.receive()
        self._rest = data[max_bytes:]
        return data[:max_bytes]

    async def send(self, item: bytes) -> None:
        """Write all bytes, 64 KiB at a time, as a socket's buffer would have it."""
        for start in range(0, len(item), _PIECE):
            await self._send.send(bytes(item[start : start + _PIECE]))

    async def send_eof(self) -> None:
        """End one direction."""
        await self._send.aclose()

    async def aclose(self) -> None:
        """End both directions."""
        await self._send.aclose()
        await self._receive.aclose()


class Wrapped(anyio.abc.ByteStream):
    """Another stream; `before` is called with the number of each step, a read or a write, that is about to be taken."""

    def __init__(self, inner: anyio.abc.ByteStream) -> None:
        self.inner = inner
        self.steps = 0

    async def before(self, step: int) -> None:
        """Do what is to be done before a step."""

    async def _step(self) -> None:
        self.steps += 1
        await self.before(self.steps - 1)

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Return some bytes."""
        await self._step()
        return await self.inner.receive(max_bytes)

    async def send(self, item: bytes) -> None:
        """Write all bytes."""
        await self._step()
        await self.inner.send(item)

    async def send_eof(self) -> None:
        """End one direction."""
        await self._step()
        await self.inner.send_eof()

    async def aclose(self) -> None:
        """End both directions."""
        await self.inner.aclose()


class CutStream(Wrapped):
    """A TCP stream that is closed, or reset, right before its step number `at`."""

    def __init__(self, inner: anyio.abc.SocketStream, at: int, how: Cut) -> None:
        super().__init__(inner)
        self._raw: socket.socket = inner.extra(anyio.abc.SocketAttribute.raw_socket)
        self.at = at
        self.how = how
        self.was_cut = False

    async def before(self, step: int) -> None:
        """Cut, when it is time."""
        if step == self.at:
            self.was_cut = True
            cut(self._raw, self.how)
            await self.inner.aclose()


class TripStream(Wrapped):
    """A stream that calls `trip` right before its step number `at`."""

    def __init__(self, inner: anyio.abc.ByteStream, at: int, trip: Callable[[], None]) -> None:
        super().__init__(inner)
        self.at = at
        self.trip = trip
        self.tripped = False

    async def before(self, step: int) -> None:
        """Trip, when it is time."""
        if step == self.at:
            self.tripped = True
            self.trip()


def cut(connected: socket.socket, how: Cut) -> None:
    """Make the close that follows a reset, or end our direction at once."""
    if how == "RST":
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
    else:
        connected.shutdown(socket.SHUT_WR)
