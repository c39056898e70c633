"""The seam between frames and their bytes: one object a mode and revision, replaced as a whole, never flagged.

Nobody outside this package asks whether a connection is encrypted.
"""

from __future__ import annotations

from enum import Enum, unique
from typing import Final, NamedTuple, Protocol

from ..errors import ConfigError
from ..wire import Octets
from .preamble import MAX_SEGMENTS, Preamble

LARGE: Final = 64 << 10
"""From how many bytes on a segment is not copied, where that can be helped, and a body gets a buffer of its own."""


def own(segment: memoryview) -> Octets:
    """Return what a frame keeps of a segment in its body: a view of a large one that is its own, else a copy."""
    return segment if len(segment) >= LARGE and not segment.readonly else bytes(segment)


@unique
class Revision(Enum):
    """The two framings of msgr2."""

    REV0 = "2.0"
    REV1 = "2.1"

    def __str__(self) -> str:
        return self.value


class Frame(NamedTuple):
    """A tag and its 1 to 4 segments, as the peers mean them.

    An `aborted` frame has no content: its sender withdrew it while it was on its way (FRAME-7). The segments of a
    `compressed` one are those on the wire; it stays inside this package.
    """

    tag: int
    segments: tuple[Octets, ...]
    aborted: bool = False
    compressed: bool = False

    def __repr__(self) -> str:
        # What the segments hold may be secret.
        sizes = ", ".join(str(len(segment)) for segment in self.segments)
        aborted, compressed = (", aborted" if self.aborted else ""), (", compressed" if self.compressed else "")
        return f"Frame(tag={self.tag!r}, sizes=({sizes}){aborted}{compressed})"

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


class Head(NamedTuple):
    """The first bytes of a frame, opened.

    `body_size` more bytes must follow. `verified` tells whether the preamble may be acted on already; where it is
    False (msgr2.0 secure), only the lengths may be used until the body is opened (FRAME-10). `inline` holds what of
    segment 0 came with the head.
    """

    preamble: Preamble
    body_size: int
    verified: bool = True
    inline: bytes = b""

    def __repr__(self) -> str:
        # What came with the head may be secret.
        return f"Head({self.preamble!r}, body_size={self.body_size}, verified={self.verified})"


class FrameMode(Protocol):
    """Turns frames into bytes and back, for one connection and both directions."""

    @property
    def head_size(self) -> int:
        """How many bytes `open_head` takes."""

    def seal(self, frame: Frame) -> list[Octets]:
        """Return the bytes of `frame` in pieces, large segments uncopied; raises NoncesExhausted."""

    def open_head(self, data: bytes) -> Head:
        """Open the first `head_size` bytes of a frame; raises FrameError."""

    def open_body(self, head: Head, body: memoryview) -> Frame:
        """Open the `head.body_size` bytes that follow `head`; raises FrameError.

        A `body` that can be written to is the frame's own: it is decrypted in place, and large segments are views of
        it. Of any other they are copies.
        """
