"""TLS over the streams of asyncio, on its own loop or on uvloop: each message behind its length."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path
from struct import Struct
from typing import Final

import anyio

from msgr.wire import Octets

from ..links import Announce, Link, Talk, Task
from ..materials import tls

_LENGTH: Final = Struct("<I")
_LIMIT: Final = 1 << 20
"""How much a reader holds; with the 64 KiB that are the default, messages of megabytes are slower."""
_JOIN: Final = 64 << 10
"""Up to here what belongs together is joined before it is written."""

context_of = lru_cache(tls)


class StreamLink:
    """One write a message, as the documentation of asyncio shows it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, message: Octets) -> None:
        """Write the length and the message."""
        length = _LENGTH.pack(len(message))
        if len(message) < _JOIN:
            self._writer.write(length + message)
        else:  # another write is cheaper than another copy
            self._writer.write(length)
            self._writer.write(message)
        await self._writer.drain()

    async def flush(self) -> None:
        """Do nothing: all is written."""

    async def receive(self) -> Octets:
        """Read the length and the message."""
        (length,) = _LENGTH.unpack(await self._reader.readexactly(4))
        return await self._reader.readexactly(length)


class JoinedLink(StreamLink):
    """What one can do by hand: messages are gathered, and written together."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer)
        self._waiting = bytearray()

    async def send(self, message: Octets) -> None:
        """Keep the message until there is enough for a write."""
        if len(message) >= _JOIN:
            await self.flush()
            await super().send(message)
            return
        self._waiting += _LENGTH.pack(len(message))
        self._waiting += message
        if len(self._waiting) >= _JOIN:
            await self.flush()

    async def flush(self) -> None:
        """Write what has gathered."""
        if self._waiting:
            gathered, self._waiting = self._waiting, bytearray()
            self._writer.write(gathered)
            await self._writer.drain()


class Streams:
    """TLS over streams."""

    def __init__(self, kind: type[StreamLink] = StreamLink) -> None:
        self._kind = kind

    async def serve(self, task: Task, announce: Announce, talk: Talk) -> None:
        """Listen until cancelled; every connection is talked with."""

        async def come(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            _no_delay(writer)
            await talk(self._kind(reader, writer))
            writer.close()

        context = context_of(task.directory, "server")
        server = await asyncio.start_server(come, "127.0.0.1", 0, ssl=context, limit=_LIMIT, backlog=1024)
        async with server:
            announce(str(server.sockets[0].getsockname()[1]))
            await anyio.sleep_forever()

    @asynccontextmanager
    async def connect(self, task: Task, address: str) -> AsyncIterator[Link]:
        """Connect, and hang up in the end."""
        context = context_of(Path(task.directory), "client")
        reader, writer = await asyncio.open_connection("127.0.0.1", int(address), ssl=context, limit=_LIMIT)
        _no_delay(writer)
        try:
            yield self._kind(reader, writer)
        finally:
            writer.close()


def _no_delay(writer: asyncio.StreamWriter) -> None:
    connected = writer.get_extra_info("socket")
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def one_by_one() -> Streams:
    """Return the plain way."""
    return Streams()


def joined() -> Streams:
    """Return the way by hand."""
    return Streams(JoinedLink)
