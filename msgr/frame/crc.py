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
from .mode import Frame, Head, own
from .preamble import Preamble
from .tag import tag_name

_CHECKSUM: Final = Struct("<I")
_EPILOGUE_0: Final = Struct("<B4I")
assert _EPILOGUE_0.size == 17
_NO_SUMS: Final = (0, 0, 0)
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
        sums = [checksum(segment, SEGMENT_SEED) for segment in frame.segments]
        sums += [0] * (preamble.MAX_SEGMENTS - len(sums))
        head = preamble.pack(frame.tag, [len(segment) for segment in frame.segments], frame.compressed)
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
        segments: list[Octets] = []
        start = 0
        for index, length in enumerate(head.preamble.lengths):
            segment = own(body[start : start + length])
            self._check(head.preamble, index, segment, sums[index])
            segments.append(segment)
            start += length
        return Frame(head.preamble.tag, tuple(segments), compressed=head.preamble.compressed)


class CrcRev1(CrcMode):
    """CRC mode of msgr2.1."""

    def seal(self, frame: Frame) -> list[Octets]:
        """Return preamble, segments with the checksum of the first behind it, and epilogue; raises ConfigError."""
        segments = frame.segments
        first = segments[0]
        pieces: list[Octets] = [preamble.pack(frame.tag, [len(segment) for segment in segments], frame.compressed)]
        if len(first):
            pieces += (first, checksum(first, SEGMENT_SEED).to_bytes(4, "little"))
        if len(segments) > 1:
            others = segments[1:]
            sums = [checksum(segment, SEGMENT_SEED) if segment else SEGMENT_SEED for segment in others]
            sums += _NO_SUMS[len(sums) :]
            pieces += [*others, _EPILOGUE_1.pack(late_status(frame.aborted), *sums)]
        elif frame.aborted:  # FRAME-12: no epilogue, so nothing could say it
            raise ConfigError(f"{tag_name(frame.tag)} has one segment and cannot be aborted in msgr2.1")
        return pieces

    def open_head(self, data: Octets) -> Head:
        """Open a preamble."""
        frame = Preamble.decode(data)
        lengths = frame.lengths
        size = sum(lengths)
        if lengths[0]:
            size += _CHECKSUM.size
        if len(lengths) > 1:
            size += _EPILOGUE_1.size
        return Head(frame, size)

    def open_body(self, head: Head, body: memoryview) -> Frame:
        """Check and cut segments and epilogue."""
        tag, lengths, compressed = head.preamble
        first = lengths[0]
        segments: list[Octets] = [bytes(body[:first])]
        start = first
        if first:
            (expected,) = _CHECKSUM.unpack_from(body, first)
            self._check(head.preamble, 0, segments[0], expected)
            start += _CHECKSUM.size
        if len(lengths) == 1:
            return Frame(tag, (segments[0],), False, compressed)
        status, *sums = _EPILOGUE_1.unpack(body[-_EPILOGUE_1.size :])
        aborted = is_aborted_by_status(status)
        for index in range(1, len(lengths)):
            end = start + lengths[index]
            segment = own(body[start:end])
            self._check(head.preamble, index, segment, sums[index - 1])  # of an aborted frame too: it covers the filler
            segments.append(segment)
            start = end
        if aborted:
            return Frame(tag, (), aborted=True)
        return Frame(tag, tuple(segments), False, compressed)
