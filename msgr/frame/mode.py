"""The seam between frames and their bytes: one object a mode and revision, replaced as a whole, never flagged.

Nobody outside this package asks whether a connection is encrypted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Protocol

from ..errors import ConfigError
from ..wire import Octets
from .preamble import MAX_SEGMENTS, Preamble


@unique
class Revision(Enum):
    """The two framings of msgr2."""

    REV0 = "2.0"
    REV1 = "2.1"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Frame:
    """A tag and its 1 to 4 segments, as the peers mean them.

    An `aborted` frame has no content: its sender withdrew it while it was on its way (FRAME-7). The segments of a
    `compressed` one are those on the wire; it stays inside this package.
    """

    tag: int
    segments: tuple[Octets, ...] = field(repr=False)
    aborted: bool = False
    compressed: bool = False

    @property
    def size(self) -> int:
        """The bytes of all segments together."""
        return sum(map(len, self.segments))

    @classmethod
    def of(cls, tag: int, *segments: Octets) -> Frame:
        """Return a frame of up to four segments, without the empty ones at the end (FRAME-4)."""
        count = len(segments)
        if not 1 <= count <= MAX_SEGMENTS:
            raise ConfigError(f"{count} segments; a frame has 1 to {MAX_SEGMENTS}")
        while count > 1 and not len(segments[count - 1]):
            count -= 1
        return cls(tag, segments[:count])


@dataclass(frozen=True, slots=True)
class Head:
    """The first bytes of a frame, opened.

    `body_size` more bytes must follow. `verified` tells whether the preamble may be acted on already; where it is
    False (msgr2.0 secure), only the lengths may be used until the body is opened (FRAME-10). `inline` holds what of
    segment 0 came with the head.
    """

    preamble: Preamble
    body_size: int
    verified: bool = True
    inline: bytes = field(default=b"", repr=False)


class FrameMode(Protocol):
    """Turns frames into bytes and back, for one connection and both directions."""

    @property
    def head_size(self) -> int:
        """How many bytes `open_head` takes."""

    def seal(self, frame: Frame) -> list[Octets]:
        """Return the bytes of `frame` in pieces, large segments uncopied; raises NoncesExhausted."""

    def open_head(self, data: Octets) -> Head:
        """Open the first `head_size` bytes of a frame; raises FrameError."""

    def open_body(self, head: Head, body: memoryview) -> Frame:
        """Open the `head.body_size` bytes that follow `head`; raises FrameError."""
