"""Peers that are played by hand: they dial a server and send it bytes, or listen and never say enough."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import anyio
import anyio.abc

from msgr import EntityAddr, EntityName, EntityType, Messenger, Mode, Revision
from msgr.auth import NoneClient
from msgr.core import ClientConfig, Connection
from msgr.core.states import Ready
from msgr.frame import Frame, Preamble, Tag, crc_mode
from msgr.payload import Ack, Banner, Control, Hello, to_frame

from .streams import Cut, cut
from .world import BOUND, port

BANNER: Final = Banner(supported=3).to_wire()
HELLO: Final = Hello(entity_type=EntityType.CLIENT, peer_address=EntityAddr.parse("v2:127.0.0.1:1"))


def frame(tag: int, *segments: bytes) -> bytes:
    """Return a frame of msgr2.1 in crc mode."""
    return b"".join(map(bytes, crc_mode(Revision.REV1).seal(Frame(tag, segments))))


def said(payload: Control) -> bytes:
    """Return the control frame that says `payload`."""
    return b"".join(map(bytes, crc_mode(Revision.REV1).seal(to_frame(payload))))


BAD: Final[dict[str, tuple[bytes, str]]] = {
    "msgr v1": (b"ceph v027" + bytes(200), "BANNER-1"),
    "http": (b"GET / HTTP/1.1\r\nHost: ceph\r\n\r\n", "BANNER-1"),
    "every byte": (bytes(range(256)), "BANNER-1"),
    "banner too long": (b"ceph v2\n\xff\xff", "BANNER-2"),
    "banner too short": (b"ceph v2\n\x0f\x00" + bytes(15), "BANNER-2"),
    "unknown feature required": (Banner(supported=3, required=1 << 40).to_wire(), "BANNER-3"),
    "revision not allowed": (Banner(supported=2).to_wire(), "BANNER-5"),
    "out of place": (BANNER + said(Ack(seq=0)), "STATE-1"),
    "message before authentication": (BANNER + frame(Tag.MESSAGE, bytes(41)), "STATE-1"),
    "hello twice": (BANNER + said(HELLO) * 2, "STATE-1"),
    "unknown tag": (BANNER + frame(99, b"?"), "STATE-1"),
    "four gibibytes": (BANNER + Preamble(Tag.HELLO, (0xFFFFFFFF,)).encode(), "FRAME-9"),
    "compressed": (BANNER + Preamble(Tag.HELLO, (8,), compressed=True).encode(), "FRAME-8"),
    "two segments": (BANNER + Preamble(Tag.HELLO, (8, 0)).encode(), "FRAME-4"),
    "preamble checksum": (BANNER + b"\1" * 32, "FRAME-3"),
    "garbage after hello": (BANNER + said(HELLO) + b"\xa5" * 64, "FRAME-3"),
    "hello cut short": (BANNER + frame(Tag.HELLO, b"\x08"), "WIRE-1"),
}
"""What a bad client sends, and the rule that it breaks."""


@asynccontextmanager
async def dial(server: Messenger) -> AsyncIterator[anyio.abc.SocketStream]:
    """Connect to a server, and say nothing."""
    host = server.addresses[0].host
    with anyio.fail_after(BOUND):
        stream = await anyio.connect_tcp(str(host), port(server))
    async with stream:
        yield stream


async def dropped(stream: anyio.abc.ByteStream) -> int:
    """Wait until the other end closes, or resets; returns how many bytes came before."""
    count = 0
    with anyio.fail_after(BOUND):
        try:
            while True:
                count += len(await stream.receive())
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return count


async def close(stream: anyio.abc.SocketStream, how: Cut) -> None:
    """Close a stream in this way."""
    cut(stream.extra(anyio.abc.SocketAttribute.raw_socket), how)
    await stream.aclose()


def is_open(connected: socket.socket) -> bool:
    """Tell whether the other end of a non-blocking socket has not closed; what it sent is lost."""
    try:
        while connected.recv(65536):
            pass
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False
    return False


@asynccontextmanager
async def listening(handle: Callable[[anyio.abc.SocketStream], Awaitable[None]]) -> AsyncIterator[str]:
    """Run a listener that hands each connection to `handle`; yields its address."""
    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as tasks,
    ):

        async def hold(stream: anyio.abc.SocketStream) -> None:
            async with stream:
                with suppress(anyio.EndOfStream, anyio.BrokenResourceError):  # it ended as it may
                    await handle(stream)

        tasks.start_soon(listener.serve, hold)
        yield f"v2:127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}"
        tasks.cancel_scope.cancel()


async def by_hand(stream: anyio.abc.ByteStream, target: str) -> Connection:
    """Go through the handshake with method none; returns the connection, which nobody drives from then on."""
    connection = Connection(
        ClientConfig(
            name=EntityName.parse("client.hand"),
            target=EntityAddr.parse(target),
            methods=(NoneClient(EntityName.parse("client.hand")),),
            modes=(Mode.CRC,),
        ),
        dice=secrets.token_bytes,
    )
    connection.start(now=time.monotonic(), wall=time.time())
    while not isinstance(connection.state, Ready):
        for piece in connection.data_to_send():
            await stream.send(bytes(piece))
        connection.receive_data(await stream.receive(), now=time.monotonic())
    return connection
