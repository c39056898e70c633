"""A TCP socket that can be closed as politely, or as rudely, as a test likes."""

from __future__ import annotations

import socket
from array import array
from collections.abc import Awaitable, Callable
from typing import Final

import anyio
import anyio.abc
from anyio.lowlevel import cancel_shielded_checkpoint, checkpoint_if_cancelled

_NO_LINGER: Final = array("i", [1, 0]).tobytes()  # on, for 0 seconds


class RawStream(anyio.abc.ByteStream):
    """A connected socket, which this object owns. anyio's own stream cannot send an RST on every backend."""

    def __init__(self, connected: socket.socket) -> None:
        connected.setblocking(False)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connected

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Return up to `max_bytes`; raises EndOfStream and BrokenResourceError. Cancelling it loses nothing."""
        await checkpoint_if_cancelled()
        while True:
            try:
                data = self._socket.recv(max_bytes)
            except BlockingIOError:
                await self._until(anyio.wait_readable)
                continue
            except OSError as error:
                raise anyio.BrokenResourceError from error
            await cancel_shielded_checkpoint()
            if not data:
                raise anyio.EndOfStream
            return data

    async def send(self, item: bytes) -> None:
        """Write all of `item`; raises BrokenResourceError. Cancelling it leaves an unknown part written."""
        await checkpoint_if_cancelled()
        rest = memoryview(item)
        while rest:
            try:
                rest = rest[self._socket.send(rest) :]
            except BlockingIOError:
                await self._until(anyio.wait_writable)
            except OSError as error:
                raise anyio.BrokenResourceError from error

    async def _until(self, ready: Callable[[socket.socket], Awaitable[None]]) -> None:
        try:
            await ready(self._socket)
        except (anyio.ClosedResourceError, OSError, ValueError) as error:  # closed while it was waited for
            raise anyio.BrokenResourceError from error

    async def send_eof(self) -> None:
        """Send a FIN."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise anyio.BrokenResourceError from error

    async def aclose(self) -> None:
        """Close: a FIN, unless bytes came that nobody read, to which the system answers with an RST."""
        self._close()

    def reset(self) -> None:
        """Close with an RST: what was on its way, in either direction, is lost."""
        if self._socket.fileno() >= 0:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._close()

    def _close(self) -> None:
        if self._socket.fileno() >= 0:
            anyio.notify_closing(self._socket)
            self._socket.close()
