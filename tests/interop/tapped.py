"""Streams of our messenger that are read along, and cut."""

from __future__ import annotations

import socket

import pytest

from msgr.frame import NodeTag, Tag
from msgr.net import acceptor, dialler
from msgr.net.stream import SocketStream
from msgr.wire import Octets

from ..lab import ReleaseName
from .tap import WITNESS, Direction, Tap, tag_of


class Strings:
    """All streams that a messenger has, and what was said over them."""

    def __init__(self) -> None:
        self.streams: list[TappedStream] = []
        self.story: list[tuple[Tag | NodeTag, Direction]] = []
        self.readable = True

    def cut(self) -> int:
        """Break all connections at our end, and return how many there were."""
        streams, self.streams = self.streams, []
        return sum(stream.cut() for stream in streams)


class TappedStream(SocketStream):
    """A stream whose frames are counted; only in crc mode can they be read."""

    __slots__ = ("_strings", "_taps")

    def __init__(self, connected: socket.socket, strings: Strings) -> None:
        super().__init__(connected)
        self._strings = strings
        self._taps: dict[Direction, Tap] = {"seen": Tap(), "sent": Tap()}
        strings.streams.append(self)

    def receive_now(self) -> bytes | None:
        """Return what came in, and note what it says."""
        data = super().receive_now()
        self._note("seen", data or b"")
        return data

    def receive_into_now(self, space: memoryview) -> int | None:
        """Put what came in into its place, and note what it says."""
        size = super().receive_into_now(space)
        self._note("seen", bytes(space[: size or 0]))
        return size

    def send_now(self, pieces: list[Octets]) -> list[Octets]:
        """Write what can be written, and note what that says."""
        said = b"".join(pieces)
        left = super().send_now(pieces)
        self._note("sent", said[: len(said) - sum(map(len, left))])
        return left

    def cut(self) -> bool:
        """Break the connection in both directions, and tell whether there was one."""
        if self._socket.fileno() < 0:
            return False
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return False
        return True

    def _note(self, direction: Direction, data: bytes) -> None:
        if not self._strings.readable:
            return
        for said in self._taps[direction].feed(data):
            WITNESS.note(said, direction)
            self._strings.story.append((tag_of(said), direction))


@pytest.fixture
def strings(monkeypatch: pytest.MonkeyPatch, release: ReleaseName) -> Strings:
    """Tap the streams of all messengers of one test."""
    held = Strings()
    WITNESS.release = release

    def tapped(connected: socket.socket) -> TappedStream:
        return TappedStream(connected, held)

    for module in (dialler, acceptor):
        monkeypatch.setattr(module, "SocketStream", tapped)
    return held
