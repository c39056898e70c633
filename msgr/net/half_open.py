"""The handshakes that are under way at an acceptor, and who has to go when there are too many."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import Final, Generic, TypeAlias, TypeVar

from ..errors import Refused

T = TypeVar("T", bound=Hashable)

Neighbourhood: TypeAlias = IPv4Address | IPv6Address | IPv6Network | None
"""What counts as one host."""

_PREFIX: Final = 64
_TURNOVER: Final = 1.0
_LONGEST: Final = 0.01


def neighbourhood(host: IPv4Address | IPv6Address | None) -> Neighbourhood:
    """Return what a host is counted as: an IPv6 host has 64 bits of address to itself, and takes any of them."""
    if isinstance(host, IPv6Address):
        if host.ipv4_mapped is not None:
            return host.ipv4_mapped
        if not host.is_link_local:  # there all neighbours have the same prefix
            return IPv6Network((host, _PREFIX), strict=False)
    return host


@dataclass(frozen=True, slots=True)
class _Place:
    host: Neighbourhood
    since: float


class HalfOpen(Generic[T]):
    """The handshakes under way, oldest first: at most `most` of them, and at most `per_host` from one host.

    One more from a host that has as many as it may ends the oldest of that host (ACCEPT-1), so a host that floods us
    displaces nobody but itself. One more than there may be in all ends the oldest of all (LIMIT-4).

    Many who come at once are no flood if they are quick: whoever asks for the `pace` before each gives every one of
    them a second, or as near to it as small limits allow, and who comes meanwhile waits in the kernel (ACCEPT-5).
    """

    def __init__(self, most: int, per_host: int) -> None:
        self._most = most
        self._per_host = per_host
        self._places: dict[T, _Place] = {}
        self._by_host: dict[Neighbourhood, dict[T, None]] = {}

    def __len__(self) -> int:
        return len(self._places)

    @property
    def hosts(self) -> int:
        """How many hosts they come from."""
        return len(self._by_host)

    @property
    def pace(self) -> float:
        """For how many seconds to wait, unless one of them is over, before there is one more; 0 while there is room."""
        if len(self._places) >= self._most:
            return min(_TURNOVER / self._most, _LONGEST)
        if any(len(of_host) >= self._per_host for of_host in self._by_host.values()):
            return min(_TURNOVER / self._per_host, _LONGEST)
        return 0.0

    def age(self, now: float) -> float:
        """Return for how many seconds the oldest has been under way; 0 where there is none."""
        return next((now - place.since for place in self._places.values()), 0.0)

    def add(self, one: T, host: IPv4Address | IPv6Address | None, now: float) -> tuple[T, Refused] | None:
        """Take up a handshake that begins; returns the one that has to go for it, if any, and why."""
        near = neighbourhood(host)
        self._places[one] = _Place(near, now)
        of_host = self._by_host.setdefault(near, {})
        of_host[one] = None
        if len(of_host) > self._per_host:
            why = f"more than {self._per_host} handshakes at once from {near}; its oldest goes first"
            return self._remove_first(of_host), Refused(why, rule="ACCEPT-1")
        if len(self._places) > self._most:
            why = f"more than {self._most} handshakes at once; the oldest goes first"
            return self._remove_first(self._places), Refused(why, rule="LIMIT-4")
        return None

    def discard(self, one: T) -> bool:
        """Take note that a handshake is over; tells whether it was still counted."""
        place = self._places.pop(one, None)
        if place is None:
            return False
        of_host = self._by_host[place.host]
        del of_host[one]
        if not of_host:
            del self._by_host[place.host]
        return True

    def _remove_first(self, among: dict[T, None] | dict[T, _Place]) -> T:
        """Remove now, as more may come before whoever drives it has noticed."""
        oldest = next(iter(among))
        self.discard(oldest)
        return oldest
