"""A real monitor that knows us as the other monitor of its cluster: it dials us for as long as it lives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from msgr.core import MessageReceived
from msgr.payload import ServerIdent
from msgr.session import Message, Outcome, PeerSession, Receipt
from msgr.wire import EntityAddr

from ..lab import Cluster, ReleaseName, Settings
from .tap import WITNESS
from .wire import Node, Wire

PING: Final = 2
"""A type of message that a monitor answers with one of the same type."""

_QUICK: Final = MappingProxyType({"mon probe timeout": "0.5", "ms max backoff": "2"})


@dataclass(frozen=True, slots=True)
class Duel:
    """Our node, and the daemon that it is up against."""

    cluster: Cluster
    node: Node
    daemon: EntityAddr
    daemon_name: str

    def dial(self, session: PeerSession | None = None) -> Wire:
        """Dial the daemon."""
        return self.node.dial(self.daemon, session)

    @property
    def session(self) -> PeerSession:
        """Our session with the daemon."""
        return self.node.session(self.daemon)


@contextmanager
def duel(release: ReleaseName, *, smaller: bool, listens: bool, extra: Mapping[str, str] = _QUICK) -> Iterator[Duel]:
    """Run a cluster of two monitors of a release, of which we are one: the one with the smaller address, or the other.

    The connection that the smaller one dials wins a race (SESSION-RACE-1).
    """
    ours, theirs = ("mon.a", "mon.b") if smaller else ("mon.b", "mon.a")
    settings = Settings(release=release, monitors=2, foreign=(ours,), auth="none", modes="crc", extra=extra)
    WITNESS.release = release
    with Cluster(settings) as cluster:
        address = EntityAddr.parse(cluster.addresses[ours])
        with Node(ours, address, listens=listens) as node:
            yield Duel(cluster, node, EntityAddr.parse(cluster.addresses[theirs]), theirs)


def begin(lab: Duel) -> Wire:
    """Dial, begin a session, and have a ping answered."""
    wire = lab.dial()
    wire.expect(ServerIdent)
    talk(wire)
    return wire


def talk(wire: Wire) -> None:
    """Have a ping answered and everything acknowledged: the session works."""
    receipts = ping(wire, 1)
    answers(wire, 1)
    assert settled(wire, receipts)


def cut(wire: Wire, *, by: str) -> None:
    """Break the connection, with whatever is under way, at our end or at the daemon's."""
    if by == "us":
        wire.cut()
    else:
        wire.spoil()


def ping(wire: Wire, count: int) -> list[Receipt]:
    """Queue messages that the daemon will answer."""
    return [wire.connection.send_message(Message(type=PING)) for _ in range(count)]


def answers(wire: Wire, count: int) -> None:
    """Go on until the daemon has answered so many pings."""
    while count:
        count -= wire.expect(Message).type == PING


def settled(wire: Wire, receipts: list[Receipt]) -> bool:
    """Go on until all these messages have an outcome, and tell whether all are acknowledged."""
    while any(receipt.outcome is None for receipt in receipts):
        wire.step()
    return all(receipt.outcome is Outcome.ACKNOWLEDGED for receipt in receipts)


def seqs(*wires: Wire) -> list[int]:
    """Return the numbers of all messages that were delivered over these connections, in that order."""
    return [event.message.seq for wire in wires for event in wire.events if isinstance(event, MessageReceived)]


def in_a_row(numbers: list[int]) -> bool:
    """Tell whether nothing is lost, doubled or out of order."""
    return numbers == list(range(1, len(numbers) + 1))
