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
_COUNTER_BITS: Final = {Revision.REV0: 32, Revision.REV1: 64}


class NonceSequence:
    """Hands out each nonce once.

    A wrapped counter ends the connection before a nonce repeats (CVE-2020-1759), whichever side would repeat it.
    """

    __slots__ = ("_after", "_before", "_first", "_size", "_used", "_wrap")

    def __init__(self, initial: bytes, revision: Revision) -> None:
        bits = _COUNTER_BITS[revision]
        counter_first = revision is Revision.REV0
        self._size = 4 if counter_first else 8
        self._wrap = 1 << bits
        self._used = 0
        counter = initial[: self._size] if counter_first else initial[-self._size :]
        self._before = b"" if counter_first else initial[: -self._size]
        self._after = initial[self._size :] if counter_first else b""
        self._first = int.from_bytes(counter, "little")

    def next(self) -> bytes:
        """Return the next nonce; raises NoncesExhausted where it would be one that was used."""
        used, wrap = self._used, self._wrap
        if used == wrap:
            raise NoncesExhausted(f"all {wrap} nonces of this direction are used up [FRAME-11]")
        self._used = used + 1
        counter = (self._first + used) % wrap
        return self._before + counter.to_bytes(self._size, "little") + self._after
