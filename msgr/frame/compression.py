"""On-wire compression: the segments of a frame, each on its own, between what peers mean and what a mode seals.

It is agreed for a connection, and applied frame by frame: flag bit 0 of the preamble tells which are compressed, and
no state is carried from one to the next. Lengths, checksums, padding and inline part are those of what is sent, so the
modes need not know of it (COMPRESSION-4).
"""

from __future__ import annotations

from enum import IntEnum, unique
from typing import Final, Protocol

from ..errors import ConfigError, FrameError, FrameTooLarge
from ..wire import Octets
from .mode import Frame
from .preamble import FrameLimits
from .tag import tag_name

EXTRA: Final = "compression"
"""The extra of the package that brings the codecs."""


@unique
class Algorithm(IntEnum):
    """How segments are compressed."""

    SNAPPY = 1
    ZLIB = 2
    ZSTD = 3
    LZ4 = 4
    BROTLI = 5


class TooLong(Exception):
    """What a codec holds would be longer than it may be."""


class Damaged(Exception):
    """The bytes are not what a codec writes."""


class Incompressible(Exception):
    """A codec cannot take bytes, by their number."""


class Codec(Protocol):
    """One algorithm, without a state."""

    def compress(self, plain: Octets) -> bytes:
        """Return the bytes of one segment, perhaps more than there were; raises Incompressible."""

    def decompress(self, packed: Octets, limit: int) -> bytes:
        """Return what was compressed; raises Damaged, and TooLong before more than `limit` bytes are produced."""


def codec_of(algorithm: Algorithm) -> Codec:
    """Return the codec of an algorithm; raises ConfigError where the extra is not installed."""
    try:
        from . import codecs
    except ModuleNotFoundError:
        raise ConfigError(f"compression needs the extra of that name: pip install 'msgr[{EXTRA}]'") from None
    return codecs.CODECS[algorithm]


class FrameCompressor:
    """Compresses the frames of one connection, and opens those of its peer."""

    __slots__ = ("_codec", "_minimum", "algorithm")

    def __init__(self, algorithm: Algorithm, minimum: int) -> None:
        self.algorithm = algorithm
        self._codec = codec_of(algorithm)
        self._minimum = minimum

    def pack(self, frame: Frame) -> Frame:
        """Return the frame as it is to be sealed.

        One whose segments have fewer than `minimum` bytes together goes as it is, and so does one that the algorithm
        cannot take. A segment that gets longer is sent compressed all the same; an empty one stays empty.
        """
        if frame.size < self._minimum:
            return frame
        try:
            segments = tuple(self._codec.compress(segment) if len(segment) else b"" for segment in frame.segments)
        except Incompressible:
            return frame
        return Frame(frame.tag, segments, frame.aborted, compressed=True)

    def unpack(self, frame: Frame, limits: FrameLimits) -> Frame:
        """Return a frame that came in as its sender means it, within `limits`.

        Raises FrameTooLarge before a segment gets longer than its limit (COMPRESSION-5), and FrameError for bytes that
        are not what the algorithm writes (COMPRESSION-6).
        """
        if not frame.compressed:
            return frame
        segments = []
        for index, (packed, limit) in enumerate(zip(frame.segments, limits.segments, strict=False)):
            try:
                segments.append(self._codec.decompress(packed, limit) if len(packed) else b"")
            except (TooLong, Damaged) as error:
                where = f"{tag_name(frame.tag)} segment {index}, {self.algorithm.name.lower()}: {error}"
                if isinstance(error, TooLong):
                    raise FrameTooLarge(where, rule="COMPRESSION-5") from None
                raise FrameError(where, rule="COMPRESSION-6") from None
        return Frame(frame.tag, tuple(segments), frame.aborted)
