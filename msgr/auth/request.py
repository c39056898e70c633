"""The payload of a client's AUTH_REQUEST to a monitor, which methods none and cephx share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from ..wire import EntityName, Nested, Record, u8, u64

SERVICE: Final = 1
"""The first byte that clients send to osd, mds and mgr; servers take 1 to 9."""
MON: Final = 10
"""The first byte that clients send to a monitor; servers take 10 to 19."""

_SERVICE_BYTES: Final = range(1, 10)
_MON_BYTES: Final = range(10, 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Record):
    """Who asks, and which global id the asker means to keep (AUTH-20, CEPHX-8).

    ======  ===========  ===========================
    offset  size         field
    ======  ===========  ===========================
    0       u8           kind of peer that is asked
    1       entity name  name
    …       u64          global id, 0 for a new one
    ======  ===========  ===========================
    """

    kind: Annotated[int, u8]
    name: Annotated[EntityName, Nested(EntityName)]
    global_id: Annotated[int, u64]

    @property
    def for_mon(self) -> bool:
        """Whether a monitor is asked."""
        return self.kind in _MON_BYTES

    @property
    def for_service(self) -> bool:
        """Whether an osd, mds or mgr is asked."""
        return is_for_service(self.kind)


def is_for_service(kind: int) -> bool:
    """Tell whether a payload of AUTH_REQUEST that begins with this byte is for an osd, mds or mgr."""
    return kind in _SERVICE_BYTES
