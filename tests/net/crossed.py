"""TCP connections that both ends dialled, and one whose ends are the same socket: real ones, on loopback."""

from __future__ import annotations

import socket
import struct
import sys
import time
from contextlib import suppress
from ctypes import addressof, create_string_buffer
from typing import Final

import anyio.abc
import pytest

_SO_ATTACH_FILTER: Final = 26
_SO_DETACH_FILTER: Final = 27
_LIMIT: Final = 10.0
"""Seconds that a connection may take; TCP tries again after one."""

linux_only: Final = pytest.mark.skipif(sys.platform != "linux", reason="it takes a socket filter of Linux")


def crossed(one: str, other: str) -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a connection that opened simultaneously, with ports of their own; nobody listened.

    The first SYN finds nobody, and the RST that answers it is kept from its socket by a filter: which so goes on
    waiting for an answer to its SYN, as if that were on a long way. The SYN that comes then from the other end crosses
    it, and TCP does what RFC 9293 (3.5) has for that.
    """
    first, second = _bound(one), _bound(other)
    _deafen(first)
    _connect(first, second.getsockname())
    first.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
    _connect(second, first.getsockname())
    for end, peer in ((first, second), (second, first)):
        _until_connected(end)
        assert end.getpeername() == peer.getsockname()
    return first, second


def with_itself(host: str = "127.0.0.1") -> socket.socket:
    """Return a socket that is connected to itself, which is the same mechanism with one socket."""
    alone = _bound(host)
    _connect(alone, alone.getsockname())
    _until_connected(alone)
    assert alone.getpeername() == alone.getsockname()
    return alone


async def stream_of(connected: socket.socket) -> anyio.abc.SocketStream:
    """Return the stream of a socket, which it owns from then on."""
    return await anyio.abc.SocketStream.from_socket(connected)


def address_of(end: socket.socket) -> str:
    """Return the address of an end."""
    host, port = end.getsockname()[:2]
    return f"v2:{host}:{port}"


def _bound(host: str) -> socket.socket:
    end = socket.socket()
    end.setblocking(False)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # who dials from its listening port needs it, too
    end.bind((host, 0))
    return end


def _deafen(end: socket.socket) -> None:
    """Have a socket hear nothing: a filter of one instruction, which keeps no byte of any packet."""
    program = create_string_buffer(struct.pack("=HBBI", 0x06, 0, 0, 0))
    end.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", 1, addressof(program)))


def _connect(end: socket.socket, to: tuple[str, int]) -> None:
    with suppress(BlockingIOError):
        end.connect(to)


def _until_connected(end: socket.socket) -> None:
    deadline = time.monotonic() + _LIMIT
    while time.monotonic() < deadline:
        if code := end.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(code, "the ends did not meet")
        with suppress(OSError):
            end.getpeername()
            return
    raise TimeoutError("the ends did not meet")
