"""The bytes of a file that may be damaged, and what is read from it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Final, Protocol

LONGEST: Final = 64 << 20
"""No block of a capture has more bytes: beyond that, a length is damage."""


class Damage(Exception):
    """A file does not go on as its format has it."""


class Readable(Protocol):
    """An open file, or what stands for one."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; none at the end."""


@dataclass(frozen=True, slots=True)
class Packet:
    """What was captured of one packet: the time in seconds since 1970, the link type, and its bytes."""

    time: float
    link: int
    data: bytes = field(repr=False)


class Source:
    """Reads a file from its beginning on, and knows where it stands. All of it raises Damage."""

    __slots__ = ("_begin", "_file", "position")

    def __init__(self, file: Readable, begin: bytes = b"") -> None:
        self._file = file
        self._begin = begin
        """What was read already, to see what the file is."""
        self.position = 0

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        data = self.upto(size)
        if len(data) < size:
            raise Damage(f"cut short after {self.position} bytes, where {size - len(data)} more belong")
        return data

    def upto(self, size: int) -> bytes:
        """Return the next `size` bytes, or what is left of the file."""
        if size > LONGEST:
            raise Damage(f"damaged at byte {self.position}: {size} bytes at once, which no capture has")
        data, self._begin = self._begin[:size], self._begin[size:]
        try:
            while len(data) < size and (more := self._file.read(size - len(data))):
                data += more
        except (OSError, EOFError, zlib.error) as error:
            raise Damage(f"unreadable after {self.position + len(data)} bytes: {error}") from None
        self.position += len(data)
        return data
