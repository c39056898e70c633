"""The checksum of msgr2: the bare CRC32-C register, with a seed and without any inversion."""

from __future__ import annotations

from typing import Final

from crc32c import crc32c

from .cursor import Octets

PREAMBLE_SEED: Final = 0
SEGMENT_SEED: Final = 0xFFFFFFFF


def checksum(data: Octets, seed: int) -> int:
    """Return the raw CRC32-C of `data`, started from `seed` (FRAME-3, FRAME-5).

    It chains: `checksum(b, checksum(a, seed))` is the checksum of `a + b`.
    """
    # The library inverts the register on the way in and out; undoing both leaves the bare register update.
    return crc32c(data, seed ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
