"""The checksum of msgr2: the bare CRC32-C register, with a seed and without any inversion."""

from __future__ import annotations

from typing import Final

from crc32c import crc32c

from .cursor import Octets

PREAMBLE_SEED: Final = 0
SEGMENT_SEED: Final = 0xFFFFFFFF
INVERSION: Final = 0xFFFFFFFF
"""What tells `crc32c` from `checksum`: the library inverts the register on the way in and out."""


def checksum(data: Octets, seed: int) -> int:
    """Return the raw CRC32-C of `data`, started from `seed` (FRAME-3, FRAME-5).

    It chains: `checksum(b, checksum(a, seed))` is the checksum of `a + b`. Where there is one for every segment, the
    call costs as much as the work: there the same is written out, with `crc32c` itself.
    """
    # Undoing both inversions leaves the bare register update.
    return crc32c(data, seed ^ INVERSION) ^ INVERSION


__all__ = ["INVERSION", "PREAMBLE_SEED", "SEGMENT_SEED", "checksum", "crc32c"]
