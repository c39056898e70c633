"""Points in time and durations, as the wire has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Self

from .codec import u32
from .record import Record


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Timestamp(Record):
    """A time of the sender's wall clock, or a duration.

    ======  =====  ===========
    offset  size   field
    ======  =====  ===========
    0       u32    seconds
    4       u32    nanoseconds
    ======  =====  ===========
    """

    seconds: Annotated[int, u32] = 0
    nanoseconds: Annotated[int, u32] = 0

    @classmethod
    def of(cls, seconds: float) -> Self:
        """Return the timestamp of a time in seconds, such as `time.time()` gives."""
        whole = int(seconds)
        return cls(seconds=whole & 0xFFFFFFFF, nanoseconds=int((seconds - whole) * 1_000_000_000))

    def __float__(self) -> float:
        return self.seconds + self.nanoseconds / 1_000_000_000
