"""The sequence of AES-GCM nonces of one direction (FRAME-11).

========  ==========================================  ==========================================
bytes     msgr2.0                                     msgr2.1
========  ==========================================  ==========================================
0 to 3    u32 little-endian counter                   fixed
4 to 11   fixed                                       u64 little-endian counter
========  ==========================================  ==========================================

The first operation uses the nonce as the connection secret has it; the counter wraps, without a carry.
"""

from __future__ import annotations

from typing import Final

from ..errors import NoncesExhausted
from .mode import Revision

NONCE_SIZE: Final = 12
_FIXED_SIZE: Final = 4
_COUNTER_BITS: Final = {Revision.REV0: 32, Revision.REV1: 64}


class NonceSequence:
    """Hands out each nonce once.

    A wrapped counter ends the connection before a nonce repeats (CVE-2020-1759), whichever side would repeat it.
    """

    __slots__ = ("_counter", "_fixed", "_left", "_revision", "_wrap")

    def __init__(self, initial: bytes, revision: Revision) -> None:
        self._revision = revision
        self._wrap = 1 << _COUNTER_BITS[revision]
        self._left = self._wrap
        if revision is Revision.REV0:
            self._counter = int.from_bytes(initial[:4], "little")
            self._fixed = initial[4:]
        else:
            self._counter = int.from_bytes(initial[_FIXED_SIZE:], "little")
            self._fixed = initial[:_FIXED_SIZE]

    def next(self) -> bytes:
        """Return the next nonce; raises NoncesExhausted where it would be one that was used."""
        if not self._left:
            raise NoncesExhausted(f"all {self._wrap} nonces of this direction are used up [FRAME-11]")
        self._left -= 1
        counter = self._counter
        self._counter = (counter + 1) % self._wrap
        if self._revision is Revision.REV0:
            return counter.to_bytes(4, "little") + self._fixed
        return self._fixed + counter.to_bytes(8, "little")
