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
from typing import Final, NoReturn

from ..errors import ChecksumError, ConfigError
from ..wire import SEGMENT_SEED, Octets
from ..wire.checksum import INVERSION, crc32c
from . import preamble
from .late import is_aborted_by_flags, is_aborted_by_status, late_flags, late_status
from .mode import LARGE, Frame, Head, own
from .preamble import Preamble
from .tag import tag_name

_CHECKSUM: Final = Struct("<I")
_EPILOGUE_0: Final = Struct("<B4I")
assert _EPILOGUE_0.size == 17
_START: Final = SEGMENT_SEED ^ INVERSION
_COMPLETE: Final = late_status(False)
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

    def _cut(self, frame: Preamble, index: int, body: Octets, start: int, sums: list[int]) -> list[Octets]:
        """Cut the segments from `index` on, which are back to back, and hold each against its checksum."""
        segments: list[Octets] = []
        check = self.check_data
        for at, length in enumerate(frame.lengths[index:]):
            segment: Octets = b""
            if length:
                segment = body[start : start + length]
                if isinstance(segment, memoryview):
                    segment = own(segment)
                start += length
            if check:
                actual = crc32c(segment, _START) ^ INVERSION if length else SEGMENT_SEED
                if actual != sums[at]:
                    _complain(frame, index + at, actual, sums[at])
            segments.append(segment)
        return segments


def _complain(frame: Preamble, index: int, actual: int, expected: int) -> NoReturn:
    raise ChecksumError(
        f"{tag_name(frame.tag)} segment {index}: checksum {expected:#010x}, its bytes give {actual:#010x}",
        rule="FRAME-5",
    )


class CrcRev0(CrcMode):
    """CRC mode of msgr2.0."""

    def seal(self, frame: Frame) -> list[Octets]:
        """Return preamble, segments and epilogue."""
        sums = [crc32c(segment, _START) ^ INVERSION for segment in frame.segments]
        sums += [0] * (preamble.MAX_SEGMENTS - len(sums))
        head = preamble.pack(frame.tag, tuple(map(len, frame.segments)), frame.compressed)
        return [head, *frame.segments, _EPILOGUE_0.pack(late_flags(frame.aborted), *sums)]

    def open_head(self, data: bytes) -> Head:
        """Open a preamble."""
        frame = Preamble.decode(data)
        return Head(frame, sum(frame.lengths) + _EPILOGUE_0.size)

    def open_body(self, head: Head, body: memoryview) -> Frame:
        """Check and cut segments and epilogue."""
        flags, *sums = _EPILOGUE_0.unpack(body[-_EPILOGUE_0.size :])
        if is_aborted_by_flags(flags):
            return Frame(head.preamble.tag, (), aborted=True)
        segments = self._cut(head.preamble, 0, body, 0, sums)
        return Frame(head.preamble.tag, tuple(segments), compressed=head.preamble.compressed)


class CrcRev1(CrcMode):
    """CRC mode of msgr2.1."""

    def seal(self, frame: Frame) -> list[Octets]:
        """Return preamble, segments with the checksum of the first behind it, and epilogue; raises ConfigError."""
        tag, segments, aborted, compressed = frame
        first, *others = segments
        pieces: list[Octets] = [preamble.pack(tag, tuple(map(len, segments)), compressed)]
        if len(first):
            pieces += (first, _CHECKSUM.pack(crc32c(first, _START) ^ INVERSION))
        if others:
            sums = [crc32c(segment, _START) ^ INVERSION if segment else SEGMENT_SEED for segment in others]
            sums += _NO_SUMS[len(sums) :]
            pieces += others
            pieces.append(_EPILOGUE_1.pack(late_status(aborted), *sums))
        elif aborted:  # FRAME-12: no epilogue, so nothing could say it
            raise ConfigError(f"{tag_name(tag)} has one segment and cannot be aborted in msgr2.1")
        return pieces

    def open_head(self, data: bytes) -> Head:
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
        start = lengths[0]
        size = len(body)
        data: Octets = bytes(body) if size < LARGE else body  # one copy, and no views, for all the small segments
        first = bytes(data[:start])
        if start:
            (expected,) = _CHECKSUM.unpack_from(data, start)
            if self.check_data and (actual := crc32c(first, _START) ^ INVERSION) != expected:
                _complain(head.preamble, 0, actual, expected)
            start += _CHECKSUM.size
        if len(lengths) == 1:
            return Frame(tag, (first,), False, compressed)
        status, *sums = _EPILOGUE_1.unpack_from(data, size - _EPILOGUE_1.size)
        aborted = status != _COMPLETE and is_aborted_by_status(status)
        others = self._cut(head.preamble, 1, data, start, sums)  # of an aborted frame too: it covers the filler
        if aborted:
            return Frame(tag, (), aborted=True)
        # What the constructor of a NamedTuple comes to, without its call: there is one for every frame.
        return tuple.__new__(Frame, (tag, (first, *others), False, compressed))
