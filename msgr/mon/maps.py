"""The maps of a cluster that a client has to read: of the monitors, and of the manager."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final
from uuid import UUID

from ..wire import (
    AddressType,
    EntityAddr,
    Map,
    Nested,
    Raw,
    Timestamp,
    Vec,
    Versioned,
    address_vector,
    boolean,
    rest,
    text,
    u8,
    u16,
    u32,
    u64,
)


def msgr2_address(addresses: tuple[EntityAddr, ...]) -> EntityAddr | None:
    """Return the address at which msgr2 is spoken, if there is one."""
    return next((address for address in addresses if address.type == AddressType.MSGR2), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class MonFeature(Versioned):
    """A set of the monitors' own features."""

    bits: Annotated[int, u64] = 0


_NEVER: Final = Timestamp()
_NONE: Final = MonFeature()


@dataclass(frozen=True, slots=True, kw_only=True)
class MonInfo(Versioned):
    """One monitor; what version 6 appends (when it was added) stays unread."""

    VERSION = 5
    OLDEST = 2

    name: Annotated[str, text]
    addresses: Annotated[tuple[EntityAddr, ...], address_vector]
    priority: Annotated[int, u16] = 0
    weight: Annotated[int, u16] = 0
    crush_location: Annotated[Mapping[str, str], Map(text, text)] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MonMap(Versioned):
    """Which monitors the cluster `fsid` has; what version 10 appends stays unread."""

    VERSION = 9
    COMPAT = 6
    OLDEST = 9

    fsid_bytes: Annotated[bytes, Raw(16)]
    epoch: Annotated[int, u32]
    last_changed: Annotated[Timestamp, Nested(Timestamp)] = _NEVER
    created: Annotated[Timestamp, Nested(Timestamp)] = _NEVER
    persistent: Annotated[MonFeature, Nested(MonFeature)] = _NONE
    optional: Annotated[MonFeature, Nested(MonFeature)] = _NONE
    mons: Annotated[Mapping[str, MonInfo], Map(text, Nested(MonInfo))]
    ranks: Annotated[tuple[str, ...], Vec(text)]
    release: Annotated[int, u8]
    """The oldest major release among the monitors, such as 16."""
    removed_ranks: Annotated[tuple[int, ...], Vec(u32)] = ()
    strategy: Annotated[int, u8] = 1
    disallowed_leaders: Annotated[tuple[str, ...], Vec(text)] = ()
    stretch_mode: Annotated[bool, boolean] = False
    tiebreaker: Annotated[str, text] = ""
    stretch_down: Annotated[tuple[str, ...], Vec(text)] = ()

    @property
    def fsid(self) -> UUID:
        """The cluster's own number."""
        return UUID(bytes=self.fsid_bytes)

    @property
    def addresses(self) -> dict[str, EntityAddr]:
        """The msgr2 addresses by the monitors' names, in the order of their ranks."""
        order = [name for name in self.ranks if name in self.mons] + list(self.mons)
        found = {name: msgr2_address(self.mons[name].addresses) for name in dict.fromkeys(order)}
        return {name: address for name, address in found.items() if address is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class MgrMap(Versioned):
    """Which manager is active. `tail` is what clients need not read: standbys, modules, services."""

    VERSION = 11
    COMPAT = 6
    OLDEST = 6

    epoch: Annotated[int, u32]
    addresses: Annotated[tuple[EntityAddr, ...], address_vector] = ()
    gid: Annotated[int, u64] = 0
    available: Annotated[bool, boolean] = False
    name: Annotated[str, text] = ""
    tail: Annotated[bytes, rest] = field(default=b"", repr=False)

    @property
    def address(self) -> EntityAddr | None:
        """Where the active manager speaks msgr2, if there is one."""
        return msgr2_address(self.addresses) if self.available else None
