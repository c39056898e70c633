"""What a connection tells its owner: whole at birth, frozen, and discreet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ..auth import Identity
from ..errors import MsgrError
from ..frame import Mode, Revision
from ..payload import Banner
from ..session import Message
from ..wire import EntityAddr, Timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """Banners and HELLOs are exchanged. Nothing of this is authenticated yet."""

    banner: Banner
    """The peer's."""
    revision: Revision
    entity_type: int
    seen_as: EntityAddr
    """The address at which the peer sees us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Authentication is over, and both signatures are right.

    `identity` is whom a server found its client to be; a client has none of its server, which proved to know the key.
    """

    met: Met
    method: int
    mode: Mode
    global_id: int
    identity: Identity | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """The other end of a session that is ready."""

    login: Login
    addresses: tuple[EntityAddr, ...]
    gid: int
    features: int
    """The connection features that both ends have."""
    lossy: bool
    """Whether the server calls the session lossy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """A server refused an attempt to authenticate. `reason` was not told to the client."""

    method: int
    result: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """The session is ready: messages may be sent, and will be received."""

    peer: Peer


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReceived:
    """A message came in."""

    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepaliveAcked:
    """The peer answered a keepalive."""

    stamp: Timestamp
    round_trip: float
    """Seconds since the stamp was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """The connection is over; the last event. `error` is None where nothing went wrong."""

    error: MsgrError | None


Event: TypeAlias = Met | Login | Denial | Connected | MessageReceived | KeepaliveAcked | Closed
