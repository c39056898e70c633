"""Byte streams: our own over a socket, and any other that anyio knows."""

from __future__ import annotations

import errno
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, Protocol, TypeAlias

import anyio
import anyio.abc
from anyio.lowlevel import checkpoint

from ..errors import ConnectionLost
from ..wire import Octets

READ_SIZE: Final = 64 << 10
"""How many bytes a system call asks for. Room for more is mapped anew each time, which costs more than it saves."""
_READS: Final = 16
"""How many reads may follow each other without a turn for others."""
_JOIN_BELOW: Final = 64 << 10
"""Batches smaller than this are joined before they are written: a copy costs less than a gathered write."""
_BROKEN: Final = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.BusyResourceError, OSError)
"""What a foreign stream raises when it is of no use any more; OSError is the form of TLS's own errors."""
_GATHER: Final = 64
"""How many pieces one system call may take; well below every system's IOV_MAX."""


Address: TypeAlias = tuple[str, int]
"""An IP address and a port."""


class Stream(Protocol):
    """What a connection is driven over. All of it raises ConnectionLost where the stream is broken."""

    async def receive(self) -> bytes:
        """Return what came in; no bytes mean that the other end finished. Cancelling loses nothing."""

    async def receive_into(self, space: memoryview) -> int:
        """Put what came in into `space`, and return how much; nothing means that the other end finished.

        Cancelling loses nothing.
        """

    async def send(self, pieces: list[Octets]) -> None:
        """Write all pieces, in order. Cancelling leaves an unknown part of them written: the stream is then spent."""

    def send_now(self, pieces: list[Octets]) -> list[Octets]:
        """Write as much as can be written without waiting, and return the rest."""

    def receive_now(self) -> bytes | None:
        """Return what came in, or None where nothing has, or nobody can tell; no bytes mean that it finished."""

    async def finish(self) -> bool:
        """Tell the other end that nothing more is sent; False where only `part` can tell it."""

    async def part(self) -> None:
        """Close both directions in agreement with the other end. Nobody may be receiving."""

    async def aclose(self) -> None:
        """Close both directions at once."""

    def ends(self) -> tuple[Address | None, Address | None]:
        """Return the addresses of this end and of the other, as far as they have any."""


class SocketStream:
    """A connected, non-blocking stream socket, which this object owns.

    It writes before it waits, and waits only when that would block. It reads at once where the last read may have left
    something, and waits where that had emptied the socket.
    """

    __slots__ = ("_empty", "_reads", "_socket", "on_close")

    def __init__(self, connected: socket.socket) -> None:
        connected.setblocking(False)
        if connected.family in (socket.AF_INET, socket.AF_INET6):
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connected
        self._empty = True  # as far as the last read could tell
        self._reads = 0
        self.on_close: Callable[[], None] | None = None
        """Called when the descriptor is given back."""

    def fileno(self) -> int:
        """Return the descriptor, for a loop to watch."""
        return self._socket.fileno()

    async def receive(self) -> bytes:
        """Return what came in; no bytes mean that the other end finished. Cancelling loses nothing."""
        while True:
            await self._turn()
            data = self.receive_now()
            self._empty = data is None or len(data) < READ_SIZE
            if data is not None:
                return data

    async def receive_into(self, space: memoryview) -> int:
        """Put what came in into `space`, and return how much; nothing means that the other end finished."""
        while True:
            await self._turn()
            size = self.receive_into_now(space)
            self._empty = size is None or size < len(space)
            if size is not None:
                return size

    def receive_now(self) -> bytes | None:
        """Return what came in, or None where nothing has; no bytes mean that the other end finished."""
        try:
            return self._socket.recv(READ_SIZE)
        except BlockingIOError:
            return None
        except OSError as error:
            raise _lost(error) from error

    def receive_into_now(self, space: memoryview) -> int | None:
        """Put what came in into `space`, and return how much, or None where nothing has."""
        try:
            return self._socket.recv_into(space)
        except BlockingIOError:
            return None
        except OSError as error:
            raise _lost(error) from error

    async def _turn(self) -> None:
        """Wait until there is something to read; where there was all the time, let others have their turn as well."""
        if self._empty:
            await self._until(anyio.wait_readable)
            self._reads = 0
        elif self._reads >= _READS:
            await checkpoint()
            self._reads = 0
        self._reads += 1

    async def send(self, pieces: list[Octets]) -> None:
        """Write all pieces, in order. Cancelling leaves an unknown part of them written: the stream is then spent."""
        while pieces := self.send_now(pieces):
            await self._until(anyio.wait_writable)

    def send_now(self, pieces: list[Octets]) -> list[Octets]:
        """Write as much as can be written without waiting, and return the rest."""
        if len(pieces) > 1 and sum(map(len, pieces)) < _JOIN_BELOW:
            pieces = [b"".join(pieces)]
        start = 0
        while start < len(pieces):
            try:
                if start + 1 == len(pieces):
                    written = self._socket.send(pieces[start])
                else:
                    written = self._socket.sendmsg(pieces[start : start + _GATHER])
            except BlockingIOError:
                return pieces[start:]
            except OSError as error:
                raise _lost(error) from error
            while start < len(pieces) and written >= len(pieces[start]):
                written -= len(pieces[start])
                start += 1
            if written:
                pieces[start] = memoryview(pieces[start])[written:]
        return []

    async def _until(self, ready: Callable[[socket.socket], Awaitable[None]]) -> None:
        try:
            await ready(self._socket)
        except (anyio.ClosedResourceError, OSError, ValueError) as error:  # closed while it was waited for
            raise _lost(error) from error

    async def finish(self) -> bool:
        """Tell the other end that nothing more is sent."""
        self.finish_now()
        return True

    def finish_now(self) -> None:
        """Tell the other end that nothing more is sent."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            if error.errno != errno.ENOTCONN:  # else both ends have finished; what else happened, the reader hears
                raise _lost(error) from error

    async def part(self) -> None:
        """Close both directions: `finish` was all that there is to agree on."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close both directions at once, and wake who waits for them."""
        if self._socket.fileno() >= 0:
            anyio.notify_closing(self._socket)
            self.close_now()

    def close_now(self) -> None:
        """Close both directions at once, where nobody waits for them."""
        if self._socket.fileno() >= 0:
            self._socket.close()
            if self.on_close is not None:
                self.on_close()

    def ends(self) -> tuple[Address | None, Address | None]:
        """Return the addresses of this end and of the other, as far as they have any."""
        try:
            return _address(self._socket.getsockname()), _address(self._socket.getpeername())
        except OSError:  # it is closed
            return None, None


class AnyioStream:
    """Any byte stream of anyio (TLS, UNIX, memory), which this object then owns."""

    __slots__ = ("_stream",)

    def __init__(self, stream: anyio.abc.ByteStream) -> None:
        self._stream = stream

    async def receive(self) -> bytes:
        """Return what came in; no bytes mean that the other end finished."""
        try:
            return await self._stream.receive(READ_SIZE)
        except anyio.EndOfStream:
            return b""
        except _BROKEN as error:
            raise _lost(error) from error

    async def receive_into(self, space: memoryview) -> int:
        """Put what came in into `space`, and return how much; nothing means that the other end finished."""
        try:
            data = await self._stream.receive(len(space))
        except anyio.EndOfStream:
            return 0
        except _BROKEN as error:
            raise _lost(error) from error
        space[: len(data)] = data
        return len(data)

    async def send(self, pieces: list[Octets]) -> None:
        """Write all pieces, in order. Cancelling leaves an unknown part of them written: the stream is then spent."""
        try:
            await self._stream.send(b"".join(pieces))
        except _BROKEN as error:
            raise _lost(error) from error

    def send_now(self, pieces: list[Octets]) -> list[Octets]:
        """Write nothing: whether such a stream would wait, nobody can tell."""
        return pieces

    def receive_now(self) -> bytes | None:
        """Return None: nor can anybody tell what has come."""
        return None

    async def finish(self) -> bool:
        """Tell the other end that nothing more is sent; False where the stream cannot close one direction (TLS)."""
        try:
            await self._stream.send_eof()
        except NotImplementedError:
            return False
        except _BROKEN as error:
            raise _lost(error) from error
        return True

    async def part(self) -> None:
        """Close both directions; TLS tells the other end, and waits until that has closed too."""
        with suppress(*_BROKEN):  # an answer without ceremony is one as well
            await self._stream.aclose()

    async def aclose(self) -> None:
        """Close both directions at once."""
        with suppress(*_BROKEN):
            await anyio.aclose_forcefully(self._stream)

    def ends(self) -> tuple[Address | None, Address | None]:
        """Return the addresses of this end and of the other, as far as they have any."""
        attributes = (anyio.abc.SocketAttribute.local_address, anyio.abc.SocketAttribute.remote_address)
        own, other = (_address(self._stream.extra(attribute, None)) for attribute in attributes)
        return own, other


def _address(sockaddr: Any) -> Address | None:
    """Return what a socket calls an address, unless it is of another family than IP."""
    return (str(sockaddr[0]), int(sockaddr[1])) if isinstance(sockaddr, tuple) and len(sockaddr) >= 2 else None


def _lost(error: Exception) -> ConnectionLost:
    return ConnectionLost(f"the stream broke: {str(error) or type(error).__name__}")
