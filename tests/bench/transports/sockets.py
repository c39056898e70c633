"""Plain blocking sockets: no protocol but a length before each message, no encryption, nothing to lose."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from struct import Struct
from typing import Final

from msgr.wire import Octets

from ..links import Announce, BlockingLink, Task

_LENGTH: Final = Struct("<I")
_BUFFER: Final = 256 << 10
_JOIN: Final = 64 << 10


class SocketLink:
    """Small messages are joined for a write, and cut out of a read; large ones go as they are."""

    def __init__(self, connected: socket.socket) -> None:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connected
        self._out = bytearray()
        self._in = b""
        self._at = 0

    def send(self, message: Octets) -> None:
        """Send a message, or keep it until there is enough for a write."""
        self._out += _LENGTH.pack(len(message))
        if len(message) >= _JOIN:
            self.flush()
            self._socket.sendall(message)
            return
        self._out += message
        if len(self._out) >= _JOIN:
            self.flush()

    def flush(self) -> None:
        """Write what has gathered."""
        if self._out:
            self._socket.sendall(self._out)
            self._out = bytearray()

    def receive(self) -> Octets:
        """Return the next message."""
        held, at = self._in, self._at
        if len(held) >= at + 4:
            end = at + 4 + _LENGTH.unpack_from(held, at)[0]
            if len(held) >= end:
                self._at = end
                return held[at + 4 : end]
        return self._more()

    def _more(self) -> Octets:
        rest = self._in[self._at :]
        self._at = 0
        while len(rest) < 4:
            rest += self._read()
        (length,) = _LENGTH.unpack_from(rest)
        if length < _JOIN:
            while len(rest) < 4 + length:
                rest += self._read()
            self._in = rest
            self._at = 4 + length
            return rest[4 : 4 + length]
        message = bytearray(length)
        view = memoryview(message)
        there = min(length, len(rest) - 4)
        view[:there] = rest[4 : 4 + there]
        self._in = rest[4 + there :]
        while there < length:
            got = self._socket.recv_into(view[there:])
            if not got:
                raise EOFError
            there += got
        return view

    def _read(self) -> bytes:
        data = self._socket.recv(_BUFFER)
        if not data:
            raise EOFError
        return data


class Sockets:
    """Blocking sockets."""

    @contextmanager
    def accept(self, task: Task, announce: Announce) -> Iterator[BlockingLink]:
        """Listen until somebody connects."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            announce(str(listening.getsockname()[1]))
            connected, _ = listening.accept()
            with connected:
                yield SocketLink(connected)

    @contextmanager
    def connect(self, task: Task, address: str) -> Iterator[BlockingLink]:
        """Connect, and hang up in the end."""
        with socket.create_connection(("127.0.0.1", int(address))) as connected:
            yield SocketLink(connected)


def blocking() -> Sockets:
    """Return the one way."""
    return Sockets()
