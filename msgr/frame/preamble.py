"""The 32 bytes that begin every frame (FRAME-2).

======  =====  ======================================================================
offset  size   field
======  =====  ======================================================================
0       u8     tag
1       u8     number of segments, 1 to 4
2 + 6i  u32    length of segment i, without padding, checksum or tag
6 + 6i  u16    alignment that the sender suggests for it
26      u8     flags; bit 0: the segments are compressed
27      u8     reserved
28      u32    checksum of bytes 0 to 27, seed 0
======  =====  ======================================================================

Slots beyond the number of segments are sent as zeros and not looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from struct import Struct
from typing import Final, NamedTuple

from ..errors import ChecksumError, FrameError, FrameTooLarge
from ..wire import PREAMBLE_SEED
from ..wire.checksum import INVERSION, crc32c
from .tag import parse_tag, tag_name

_LAYOUT: Final = Struct("<BB" + "IH" * 4 + "BBI")
assert _LAYOUT.size == 32  # FRAME-2
SIZE: Final = _LAYOUT.size
_FIELDS: Final = Struct(_LAYOUT.format.removesuffix("I"))
"""All but the checksum."""
_TAKEN: Final = Struct(_LAYOUT.format.replace("H", "2x").removesuffix("BBI") + "BxI")
"""What of it is looked at."""
assert _TAKEN.size == SIZE
_CHECKSUM: Final = Struct("<I")
_CHECKED: Final = SIZE - _CHECKSUM.size
_START: Final = PREAMBLE_SEED ^ INVERSION
_TAGS: Final = tuple(map(parse_tag, range(256)))

MAX_SEGMENTS: Final = 4
ALIGNMENTS: Final = (8, 8, 8, 4096)
COMPRESSED: Final = 1
REMEMBERED: Final = 512
"""How many preambles are remembered, packed and taken apart: most messages have one that others had before."""


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """How many bytes each of the four segments may have."""

    segments: tuple[int, int, int, int]

    def check(self, preamble: Preamble) -> None:
        """Raise FrameTooLarge where a segment is announced longer than its limit (FRAME-9).

        One that is compressed may be as long as a segment within the limit can get by that.
        """
        _, lengths, compressed = preamble
        limits = self.segments
        if len(lengths) == MAX_SEGMENTS:  # written out for messages with data, of which there are most
            a, b, c, d = lengths
            w, x, y, z = limits
            if a <= w and b <= x and c <= y and d <= z:
                return
        for index, (length, limit) in enumerate(zip(lengths, limits, strict=False)):
            if compressed and limit:
                limit += limit // 6 + 64  # snappy's worst case, and what the formats put in front
            if length > limit:
                raise FrameTooLarge(
                    f"{tag_name(preamble.tag)} announces {length} bytes in segment {index}, {limit} are allowed",
                    rule="FRAME-9",
                )


@lru_cache(REMEMBERED)
def pack(tag: int, lengths: tuple[int, ...], compressed: bool) -> bytes:
    """Return the 32 bytes that begin a frame, checksum included (FRAME-2, FRAME-3)."""
    count = len(lengths)
    flags = COMPRESSED if compressed else 0
    if count == MAX_SEGMENTS:  # a message with data, of which there are most
        a, b, c, d = lengths
        w, x, y, z = ALIGNMENTS
        head = _FIELDS.pack(tag, count, a, w, b, x, c, y, d, z, flags, 0)
    else:
        slots = [part for pair in zip(lengths, ALIGNMENTS, strict=False) for part in pair]
        head = _FIELDS.pack(tag, count, *slots, *[0] * (2 * (MAX_SEGMENTS - count)), flags, 0)
    return head + _CHECKSUM.pack(crc32c(head, _START) ^ INVERSION)


class Preamble(NamedTuple):
    """What the first 32 bytes of a frame say."""

    tag: int
    lengths: tuple[int, ...]
    compressed: bool = False

    def encode(self) -> bytes:
        """Return the 32 bytes, checksum included."""
        return pack(self.tag, self.lengths, self.compressed)

    @classmethod
    @lru_cache(REMEMBERED)
    def decode(cls, data: bytes) -> Preamble:
        """Take 32 bytes apart; raises ChecksumError (FRAME-3) and FrameError (FRAME-1, FRAME-4)."""
        number, count, l0, l1, l2, l3, flags, expected = _TAKEN.unpack(data)
        actual = crc32c(data[:_CHECKED], _START) ^ INVERSION
        if actual != expected:
            raise ChecksumError(f"preamble checksum {expected:#010x}, its bytes give {actual:#010x}", rule="FRAME-3")
        tag = _TAGS[number]
        lengths: tuple[int, ...] = (l0, l1, l2, l3)
        if count != MAX_SEGMENTS:
            if not 1 <= count < MAX_SEGMENTS:
                text = f"{tag_name(tag)} with {count} segments, 1 to {MAX_SEGMENTS} are possible"
                raise FrameError(text, rule="FRAME-1")
            lengths = lengths[:count]
        if not lengths[-1] and count > 1:
            raise FrameError(f"{tag_name(tag)} with {count} segments, the last one empty", rule="FRAME-4")
        return cls(tag, lengths, flags & COMPRESSED != 0)
