"""grpc.aio with TLS: one call that streams in both directions, of plain bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio
import grpc
import grpc.aio

from msgr.wire import Octets

from ..links import Announce, Link, Talk, Task

_OPTIONS: Final = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
_SERVICE, _METHOD = "bench.Messages", "Exchange"


class CallLink:
    """One end of a call: the client's has the same `read` and `write` as the server's."""

    def __init__(self, call: Any) -> None:
        self._call = call

    async def send(self, message: Octets) -> None:
        """Write a message; gRPC says when the next may come."""
        await self._call.write(message)

    async def flush(self) -> None:
        """Do nothing: all is written."""

    async def receive(self) -> Octets:
        """Return the next message."""
        message = await self._call.read()
        if message is grpc.aio.EOF:
            raise EOFError
        received: bytes = message
        return received


class Grpc:
    """gRPC on asyncio."""

    async def serve(self, task: Task, announce: Announce, talk: Talk) -> None:
        """Listen until cancelled; every call is talked with."""

        async def exchange(_: Any, context: Any) -> None:
            await talk(CallLink(context))

        server = grpc.aio.server(options=_OPTIONS)
        handler = grpc.stream_stream_rpc_method_handler(exchange)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, {_METHOD: handler}),))
        authority, key, certificate = (
            (task.directory / name).read_bytes() for name in ("authority.pem", "server.key", "server.pem")
        )
        credentials = grpc.ssl_server_credentials([(key, certificate)], authority, require_client_auth=True)
        port = server.add_secure_port("127.0.0.1:0", credentials)
        await server.start()
        announce(str(port))
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await server.stop(None)

    @asynccontextmanager
    async def connect(self, task: Task, address: str) -> AsyncIterator[Link]:
        """Connect, and hang up in the end."""
        authority, key, certificate = (
            (task.directory / name).read_bytes() for name in ("authority.pem", "client.key", "client.pem")
        )
        credentials = grpc.ssl_channel_credentials(authority, key, certificate)
        async with grpc.aio.secure_channel(f"127.0.0.1:{address}", credentials, options=_OPTIONS) as channel:
            yield CallLink(channel.stream_stream(f"/{_SERVICE}/{_METHOD}")())


def awaited() -> Grpc:
    """Return the one way."""
    return Grpc()
