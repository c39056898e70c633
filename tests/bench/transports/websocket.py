"""websockets over TLS, without compression and keepalives."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from msgr.wire import Octets

from ..links import Announce, Link, Talk, Task
from ..materials import tls


class WebSocketLink:
    """A connection of websockets."""

    def __init__(self, connected: Any) -> None:
        self._connected = connected

    async def send(self, message: Octets) -> None:
        """Send a message; waits where too much is on its way."""
        await self._connected.send(message)

    async def flush(self) -> None:
        """Do nothing: all is written."""

    async def receive(self) -> Octets:
        """Return the next message."""
        received: bytes = await self._connected.recv()
        return received


class WebSockets:
    """websockets on asyncio."""

    async def serve(self, task: Task, announce: Announce, talk: Talk) -> None:
        """Listen until cancelled; every connection is talked with."""

        async def come(connected: Any) -> None:
            await talk(WebSocketLink(connected))

        context = tls(task.directory, "server")
        async with serve(
            come, "127.0.0.1", 0, ssl=context, compression=None, max_size=None, ping_interval=None
        ) as server:
            announce(str(next(iter(server.sockets)).getsockname()[1]))
            await anyio.sleep_forever()

    @asynccontextmanager
    async def connect(self, task: Task, address: str) -> AsyncIterator[Link]:
        """Connect, and hang up in the end."""
        context = tls(task.directory, "client")
        async with connect(
            f"wss://127.0.0.1:{address}", ssl=context, compression=None, max_size=None, ping_interval=None, proxy=None
        ) as connected:
            yield WebSocketLink(connected)


def awaited() -> WebSockets:
    """Return the one way."""
    return WebSockets()
