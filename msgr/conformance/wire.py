"""A TCP stream, and the record of what passes over it."""

from __future__ import annotations

import socket

import anyio

from ..testing.sockets import RawStream
from .transcript import Transcript
from .verdict import Ending


class Wire:
    """One TCP connection with the peer that is judged."""

    __slots__ = ("_stream", "ending", "transcript")

    def __init__(self, connected: socket.socket, transcript: Transcript) -> None:
        self._stream = RawStream(connected)
        self.transcript = transcript
        self.ending = Ending.OPEN

    async def write(self, data: bytes, says: str) -> None:
        """Write bytes; where the peer has gone, that is seen by reading."""
        self.transcript.note(sent=True, says=says, data=data)
        try:
            await self._stream.send(data)
        except anyio.BrokenResourceError:
            return

    async def read(self) -> bytes:
        """Return bytes, or none at the end of the stream, however it comes; then `ending` tells."""
        if self.ending is not Ending.OPEN:
            return b""
        try:
            return await self._stream.receive()
        except anyio.EndOfStream:
            self.ending = Ending.CLOSED
        except anyio.BrokenResourceError:
            self.ending = Ending.RESET
        return b""

    async def half_close(self) -> None:
        """Say that nothing more will be written."""
        try:
            await self._stream.send_eof()
        except anyio.BrokenResourceError:
            return

    async def close(self) -> None:
        """Close at our end."""
        await self._stream.aclose()
