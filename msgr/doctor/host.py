"""What this host's own tables say of the peer: a queue that nobody empties, and sockets that nobody closes."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import anyio

from ..wire import IPAddress, unmapped
from .finding import Finding
from .tables import CLOSE_WAIT, LISTEN, PROC, TableRow, overflows, sockets

_READINGS: Final = 5
_PAUSE: Final = 0.1
"""Seconds between two readings: what is there in all of them stays, and was not caught in passing."""


@dataclass(frozen=True, slots=True)
class Place:
    """One address and port of the peer."""

    host: IPAddress
    port: int

    @classmethod
    def of(cls, sockaddr: Sequence[str | int]) -> Place:
        """Return the place that a socket's address names."""
        return cls(unmapped(ip_address(str(sockaddr[0]).partition("%")[0])), int(sockaddr[1]))

    @property
    def is_here(self) -> bool:
        """Whether the address is one of this host's own: only those can be bound."""
        family = socket.AF_INET if self.host.version == 4 else socket.AF_INET6
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as trying:
                trying.bind((str(self.host), 0))
        except OSError as error:
            return error.errno not in (errno.EADDRNOTAVAIL, errno.EINVAL, errno.EAFNOSUPPORT)
        return True

    def serves(self, row: TableRow) -> bool:
        """Tell whether the local end of a socket is this place, or listens at every address of the host."""
        host, port = row.local
        return port == self.port and (host == self.host or (row.state == LISTEN and host.is_unspecified))


@dataclass(frozen=True, slots=True)
class HostReading:
    """What all readings of the tables have in common; of numbers, the least."""

    listeners: int
    waiting: int
    left_open: frozenset[TableRow]
    """Sockets of the peer in CLOSE_WAIT."""
    clients_open: frozenset[TableRow]
    """Sockets of clients of the peer on this host in CLOSE_WAIT."""


async def read(places: Iterable[Place], proc: Path = PROC) -> HostReading | None:
    """Read the tables, several times as long as anything is conspicuous; None where the system does not tell."""
    wanted = tuple(places)
    found: HostReading | None = None
    for number in range(_READINGS):
        if number:
            await anyio.sleep(_PAUSE)
        rows = sockets(proc)
        if rows is None:
            return None
        now = _once(wanted, rows)
        found = now if found is None else _both(found, now)
        if not (found.waiting or found.left_open or found.clients_open):
            break
    return found


def _once(places: Sequence[Place], rows: Sequence[TableRow]) -> HostReading:
    listening = [row for row in rows if row.state == LISTEN and any(place.serves(row) for place in places)]
    # Bytes come and go; what a socket is known by are its ends.
    closing = [TableRow(row.local, row.remote, row.state, 0) for row in rows if row.state == CLOSE_WAIT]
    remotes = {(place.host, place.port) for place in places}
    return HostReading(
        len(listening),
        sum(row.waiting for row in listening),
        frozenset(row for row in closing if any(place.serves(row) for place in places)),
        frozenset(row for row in closing if row.remote in remotes),
    )


def _both(one: HostReading, other: HostReading) -> HostReading:
    return HostReading(
        min(one.listeners, other.listeners),
        min(one.waiting, other.waiting),
        one.left_open & other.left_open,
        one.clients_open & other.clients_open,
    )


async def health(places: Sequence[Place], proc: Path = PROC) -> str:
    """Return in a few words how the listener is that has no answer, where it is one of this host; else nothing."""
    if not any(place.is_here for place in places):
        return ""
    found = await read(places, proc)
    if found is None or not found.listeners:
        return ""
    return (
        f"its listener on this host: {found.waiting:,} connections wait to be accepted, {dropped(proc):,} were dropped "
        f"for a full queue since the host started, {len(found.left_open):,} sockets stay in CLOSE_WAIT"
    )


def dropped(proc: Path = PROC) -> int:
    """Return how many connections this host dropped for a full queue until now, as far as it tells."""
    return overflows(proc) or 0


def judge_backlog(places: Sequence[Place], found: HostReading | None, before: int, now: int) -> Finding:
    """Say whether the listener's queue is emptied; `before` and `now` are what `dropped` said at either end of it."""
    if not any(place.is_here for place in places):
        return Finding(name="backlog", ok=None, detail="not asked: the address is not one of this host")
    if found is None:
        return Finding(name="backlog", ok=None, detail="not asked: this system has no /proc/net/tcp")
    if not found.listeners:
        return Finding(name="backlog", ok=None, detail="no socket of this host (or container) listens at this port")
    since = (
        f"this host dropped {now:,} connections for a full queue since it started, {now - before:,} of them just now"
    )
    waiting = f"{found.waiting:,} connections wait to be accepted"
    if not found.waiting:
        return Finding(name="backlog", ok=True, detail=f"no connection waits to be accepted for long; {since}")
    advice = (
        "The daemon on this host does not accept connections: it hangs, or its loop of accepting died; look at what "
        "it does (a stack, its log, its limit of descriptors), then restart it."
    )
    return Finding(name="backlog", ok=False, detail=f"{waiting} and are not; {since}", advice=advice)


def judge_close_wait(places: Sequence[Place], found: HostReading | None) -> Finding:
    """Say whether sockets stay open on this host whose other end is gone."""
    if found is None:
        return Finding(name="close_wait", ok=None, detail="not asked: this system has no /proc/net/tcp")
    server, clients = len(found.left_open), len(found.clients_open)
    here = any(place.is_here for place in places)
    if not server and not clients:
        of = "the peer or its clients" if here else "clients of the peer"
        return Finding(name="close_wait", ok=True, detail=f"no socket of {of} on this host stays in CLOSE_WAIT")
    detail = f"{server:,} sockets of the peer and {clients:,} of its clients on this host stay in CLOSE_WAIT"
    whose = "daemon" if server else "client on this host"
    advice = (
        f"The other ends of these connections closed, and the {whose} does not: it leaks sockets or hangs; look at "
        "what it does, then restart it."
    )
    return Finding(name="close_wait", ok=False, detail=detail, advice=advice)
