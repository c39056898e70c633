"""What a connection tells its owner: whole at birth, frozen, and discreet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from ..auth import Identity
from ..errors import MsgrError
from ..frame import Algorithm, Mode, Revision
from ..payload import Banner, NodeAccept, NodeHello
from ..session import Message, PeerSession
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
    compression: Algorithm | None = None
    """How frames may be compressed, if that was agreed."""
    node: NodeHello | None = None
    """What it said about itself as a node, if both banners have MSGR_EXT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeMet:
    """The peer said which node it is; where our `Admission` answers *later*, the connection waits for `admit`."""

    hello: NodeHello
    login: Login


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAccepted:
    """The server lets our node in."""

    accept: NodeAccept


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """A server refused an attempt to authenticate. `reason` was not told to the client."""

    method: int
    result: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """The session is ready: messages may be sent, and will be received.

    `resumed` tells that it is one that was there before, and goes on with nothing lost.
    """

    peer: Peer
    resumed: bool
    session: PeerSession = field(repr=False, compare=False)
    """What goes on over this connection, whatever has become of that when this is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteReset:
    """The peer lost the session, by a restart or on purpose; what follows is a new one.

    `full` tells that messages which were never written are undelivered as well; those that were written and not
    acknowledged are unknown.
    """

    full: bool


class MessageReceived(NamedTuple):
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


Event: TypeAlias = (
    Met | Login | NodeMet | NodeAccepted | Denial | Connected | RemoteReset | MessageReceived | KeepaliveAcked | Closed
)
