"""Notes what really worked with a peer that is Ceph's own, whatever the test that runs had in mind.

A sighting is one connection of ours whose session was ready, and over which the peer then said something: a message, or
the answer to a keepalive. All that it says is taken from the connection itself. It counts when the test has passed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final

import pytest

from msgr.auth import CephxMonitorPeer, CephxServer, CephxServiceClient, CephxServiceServer, MonitorKey
from msgr.auth.method import AuthMethod
from msgr.core import Connected, Connection, Event, KeepaliveAcked, MessageReceived
from msgr.core.context import Context
from msgr.wire import AddressType, EntityAddr, EntityType
from msgr.wire.entity import type_name

from ..lab import ReleaseName

PROGRAM: Final = "program"
"""A peer that is one of Ceph's messenger programs: it says that it is an OSD, or a client."""

_SINCE_18: Final = 1 << 33
"""A connection feature that 18.2 has and 16.2 has not: so a peer's identity tells its release."""


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Sighting:
    """What worked, once."""

    release: ReleaseName
    """As the peer's own features have it."""
    peer: str
    """The type of the peer, as its HELLO has it, or PROGRAM."""
    ours: str
    """The type that we had."""
    dialled: bool
    """Whether we dialled."""
    lossy: bool
    auth: str
    """How the client proved who it is: by nothing, its key, a ticket, or a ticket made with the key of the monitors."""
    mode: str
    revision: str
    compression: str
    """What was agreed; empty where nothing was."""
    resumed: bool
    """Whether the connection took up a session of before."""

    def as_json(self) -> dict[str, Any]:
        """Return it for a file; the constructor takes it back."""
        return asdict(self)


class Watch:
    """Looks at all connections of ours while one test runs."""

    def __init__(self, *, programs: bool) -> None:
        self._programs = programs
        self._silent: dict[Context[Any], Connected] = {}
        """Sessions that are ready, over which the peer has said nothing yet."""
        self._seen: list[tuple[Sighting, frozenset[EntityAddr]]] = []
        self._ours: set[EntityAddr] = set()

    def note(self, context: Context[Any], event: Event) -> None:
        """Take what a connection tells its owner."""
        if isinstance(event, Connected):
            self._silent[context] = event
            self._ours.update(_addresses(context.config.addresses or event.session.own_addresses))
        elif isinstance(event, MessageReceived | KeepaliveAcked) and (ready := self._silent.pop(context, None)):
            self._seen.append((self._sighting(context, ready), frozenset(_addresses(ready.peer.addresses))))

    def sightings(self) -> set[Sighting]:
        """Return what was seen; where both ends were ours, that proves nothing."""
        return {sighting for sighting, addresses in self._seen if not addresses & self._ours}

    @property
    def own(self) -> int:
        """How many connections that worked are not counted, because both ends were ours."""
        return sum(bool(addresses & self._ours) for _, addresses in self._seen)

    def _sighting(self, context: Context[Any], ready: Connected) -> Sighting:
        assert isinstance(context.link, Connection)
        peer, login = ready.peer, ready.peer.login
        return Sighting(
            release="18.2" if peer.features & _SINCE_18 else "16.2",
            peer=PROGRAM if self._programs else type_name(login.met.entity_type),
            ours=type_name(context.config.name.type),
            dialled=context.link.dialled,
            lossy=peer.lossy,
            auth=_proof(context, ready),
            mode=login.mode.name.lower(),
            revision=str(login.met.revision),
            compression="" if peer.compression is None else peer.compression.name.lower(),
            resumed=ready.resumed,
        )


@contextmanager
def watching(*, programs: bool = False) -> Iterator[Watch]:
    """Watch all connections of ours while the body runs; their peers may be Ceph's messenger programs."""
    watch, emit = Watch(programs=programs), Context.emit

    def emitted(context: Context[Any], event: Event) -> None:
        emit(context, event)
        watch.note(context, event)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Context, "emit", emitted)
        yield watch


def _addresses(addresses: tuple[EntityAddr, ...]) -> Iterator[EntityAddr]:
    return (address for address in addresses if address.type != AddressType.NONE)


def _proof(context: Context[Any], ready: Connected) -> str:
    """Return how the client proved who it is, by the method that was agreed."""
    login = ready.peer.login
    if login.method == AuthMethod.NONE:
        return "none"
    (method,) = (method for method in context.config.methods if method.number == login.method)
    if isinstance(method, CephxMonitorPeer):
        return "mon."
    if isinstance(method, CephxServiceServer):
        return "mon." if isinstance(method._secrets, MonitorKey) else "ticket"
    if isinstance(method, CephxServer):
        return "mon." if login.met.entity_type == EntityType.MON else "key"
    return "ticket" if isinstance(method, CephxServiceClient) else "key"
