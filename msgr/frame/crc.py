"""CRC mode: checksums against bit errors, and nothing against people (FRAME-5).

========  ====================================================  ========================================
part      msgr2.0                                               msgr2.1
========  ====================================================  ========================================
preamble  32 bytes                                              32 bytes
segments  back to back                                          segment 0, u32 its checksum (neither if
                                                                it is empty), the others back to back
epilogue  u8 late flags, u32 checksum of segments 0 to 3        only if N > 1: u8 late status, u32
                                                                checksum of segments 1 to 3
========  ====================================================  ========================================

Checksums start from 0xffffffff, so that of an empty segment is 0xffffffff; slots beyond N are 0.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from ..errors import ChecksumError, ConfigError
from ..wire import SEGMENT_SEED, Octets, checksum
from . import preamble
from .late import is_aborted_by_flags, is_aborted_by_status, late_flags, late_status
from .mode import Frame, Head
from .preamble import Preamble
from .tag import tag_name

_CHECKSUM: Final = Struct("<I")
_EPILOGUE_0: Final = Struct("<B4I")
assert _EPILOGUE_0.size == 17
_EPILOGUE_1: Final = Struct("<B3I")
assert _EPILOGUE_1.size == 13


class CrcMode:
    """What both revisions share. `check_data` False takes frames of a peer that does not checksum its segments.

    Ceph from 17 on sends zeros for all segment checksums under `ms_crc_data = false`, and nothing announces it.
    """

    head_size: Final = preamble.SIZE

    def __init__(self, *, check_data: bool = True) -> None:
        self.check_data = check_data

    def _check(self, frame: Preamble, index: int, segment: Octets, expected: int) -> None:
        if not self.check_data:
            return
        actual = checksum(segment, SEGMENT_SEED)
        if actual != expected:
            raise ChecksumError(
                f"{tag_name(frame.tag)} segment {index}: checksum {expected:#010x}, its bytes give {actual:#010x}",
                rule="FRAME-5",
            )


class CrcRev0(CrcMode):
    """CRC mode of msgr2.0."""

    def seal(self, frame: Frame) -> list[Octets]:
        """Return preamble, segments and epilogue."""
        lengths = tuple(map(len, frame.segments))
        sums = [checksum(segment, SEGMENT_SEED) for segment in frame.segments]
        sums += [0] * (preamble.MAX_SEGMENTS - len(sums))
        head = Preamble(frame.tag, lengths, frame.compressed).encode()
        return [head, *frame.segments, _EPILOGUE_0.pack(late_flags(frame.aborted), *sums)]

    def open_head(self, data: Octets) -> Head:
        """Open a preamble."""
        frame = Preamble.decode(data)
        return Head(frame, sum(frame.lengths) + _EPILOGUE_0.size)

    def open_body(self, head: Head, body: memoryview) -> Frame:
        """Check and cut segments and epilogue."""
        flags, *sums = _EPILOGUE_0.unpack(body[-_EPILOGUE_0.size :])
        if is_aborted_by_flags(flags):
            return Frame(head.preamble.tag, (), aborted=True)
        segments: list[bytes] = []
        start = 0
        for index, length in enumerate(head.preamble.lengths):
            segment = body[start : start + length]
            self._check(head.preamble, index, segment, sums[index])
            segments.append(bytes(segment))
            start += length
        return Frame(head.preamble.tag, tuple(segments), compressed=head.preamble.compressed)


class CrcRev1(CrcMode):
    """CRC mode of msgr2.1."""

    def seal(self, frame: Frame) -> list[Octets]:
        """Return preamble, segments with the checksum of the first behind it, and epilogue; raises ConfigError."""
        first, *others = frame.segments
        pieces: list[Octets] = [Preamble(frame.tag, tuple(map(len, frame.segments)), frame.compressed).encode()]
        if len(first):
            pieces += [first, _CHECKSUM.pack(checksum(first, SEGMENT_SEED))]
        if others:
            sums = [checksum(segment, SEGMENT_SEED) for segment in others]
            sums += [0] * (3 - len(sums))
            pieces += [*others, _EPILOGUE_1.pack(late_status(frame.aborted), *sums)]
        elif frame.aborted:  # FRAME-12: no epilogue, so nothing could say it
            raise ConfigError(f"{tag_name(frame.tag)} has one segment and cannot be aborted in msgr2.1")
        return pieces

    def open_head(self, data: Octets) -> Head:
        """Open a preamble."""
        frame = Preamble.decode(data)
        first, *others = frame.lengths
        size = first + _CHECKSUM.size if first else 0
        return Head(frame, size + (sum(others) + _EPILOGUE_1.size if others else 0))

    def open_body(self, head: Head, body: memoryview) -> Frame:
        """Check and cut segments and epilogue."""
        first, *others = head.preamble.lengths
        segments = [bytes(body[:first])]
        start = first
        if first:
            (expected,) = _CHECKSUM.unpack_from(body, first)
            self._check(head.preamble, 0, segments[0], expected)
            start += _CHECKSUM.size
        if not others:
            return Frame(head.preamble.tag, tuple(segments), compressed=head.preamble.compressed)
        status, *sums = _EPILOGUE_1.unpack(body[-_EPILOGUE_1.size :])
        aborted = is_aborted_by_status(status)
        for index, length in enumerate(others):
            segment = body[start : start + length]
            self._check(head.preamble, index + 1, segment, sums[index])  # of an aborted frame too: it covers the filler
            segments.append(bytes(segment))
            start += length
        if aborted:
            return Frame(head.preamble.tag, (), aborted=True)
        return Frame(head.preamble.tag, tuple(segments), compressed=head.preamble.compressed)
