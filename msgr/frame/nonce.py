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

from struct import Struct
from typing import Final

from ..errors import NoncesExhausted
from .mode import Revision

_REV0: Final = Struct("<I8s")
_REV1: Final = Struct("<4sQ")
NONCE_SIZE: Final = _REV1.size


class NonceSequence:
    """Hands out each nonce once.

    A wrapped counter ends the connection before a nonce repeats (CVE-2020-1759), whichever side would repeat it.
    """

    __slots__ = ("_counter_leads", "_first", "_fixed", "_used", "_wrap")

    def __init__(self, initial: bytes, revision: Revision) -> None:
        self._counter_leads = revision is Revision.REV0
        self._fixed: bytes
        self._first: int
        if self._counter_leads:
            self._first, self._fixed = _REV0.unpack(initial)
            self._wrap = 1 << 32
        else:
            self._fixed, self._first = _REV1.unpack(initial)
            self._wrap = 1 << 64
        self._used = 0

    def next(self) -> bytes:
        """Return the next nonce; raises NoncesExhausted where it would be one that was used."""
        used, wrap = self._used, self._wrap
        if used == wrap:
            raise NoncesExhausted(f"all {wrap} nonces of this direction are used up [FRAME-11]")
        self._used = used + 1
        counter = self._first + used
        if counter >= wrap:
            counter -= wrap
        return _REV0.pack(counter, self._fixed) if self._counter_leads else _REV1.pack(self._fixed, counter)
