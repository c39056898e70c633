"""The states of a connection: each holds only what is true in it.

A state is entered by receiving a frame (or by starting), and named for what it waits for. `PeerVerified` can only be
made by checking a signature, so no state from there on can be reached without it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from ..auth import ClientConversation, ClientMethod, Keys, PeerVerified, ServerConversation, ServerMethod
from ..errors import MsgrError
from ..frame import Mode, Revision
from ..payload import AuthRequest, Banner, NodeAccept
from ..session import PeerSession
from .compression import Compression
from .events import Login, Met, Peer


@dataclass(frozen=True, slots=True)
class AwaitBanner:
    """Our banner is sent."""


@dataclass(frozen=True, slots=True)
class AwaitHello:
    """Banners are exchanged, our HELLO is sent."""

    banner: Banner
    revision: Revision


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a client to authenticate; `rest` are the methods that it did not try yet."""

    method: ClientMethod = field(repr=False)
    conversation: ClientConversation = field(repr=False)
    offered: tuple[Mode, ...]
    rest: tuple[ClientMethod, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class AwaitAuthReply:
    """Client: AUTH_REQUEST is sent. A refusal leaves the way open for another."""

    met: Met
    attempt: Attempt
    raced: bool = False
    """Whether the peer sent AUTH_REQUEST too, and will answer ours nevertheless (SIMOPEN-1)."""


@dataclass(frozen=True, slots=True)
class TurnServer:
    """Client, for a moment: the peer dialled as well, and it is for this end to answer (SIMOPEN-1)."""

    met: Met
    request: AuthRequest = field(repr=False)


@dataclass(frozen=True, slots=True)
class AwaitAuthStep:
    """Client: AUTH_REQUEST_MORE is sent, `rounds` times. A refusal now is final."""

    met: Met
    attempt: Attempt
    rounds: int


@dataclass(frozen=True, slots=True)
class AwaitAuthRequest:
    """Server: HELLOs are exchanged; `attempts` were refused."""

    met: Met
    attempts: int


@dataclass(frozen=True, slots=True)
class AwaitAuthMore:
    """Server: AUTH_REPLY_MORE is sent, `rounds` times."""

    met: Met
    method: ServerMethod = field(repr=False)
    mode: Mode
    conversation: ServerConversation = field(repr=False)
    rounds: int


@dataclass(frozen=True, slots=True)
class AwaitEnd:
    """Server: AUTH_BAD_METHOD ended a conversation; nothing but the end of the stream may follow."""

    error: MsgrError


@dataclass(frozen=True, slots=True)
class AwaitSignature:
    """AUTH_DONE has passed, the mode is switched, our signature is sent; `sent` is what the peer's must cover."""

    login: Login
    keys: Keys = field(repr=False)
    sent: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AwaitCompressionRequest:
    """Server: the peer is authenticated, and both banners have COMPRESSION."""

    login: Login
    proof: PeerVerified = field(repr=False)


@dataclass(frozen=True, slots=True)
class AwaitCompressionDone:
    """Client: COMPRESSION_REQUEST is sent, with what `wanted` allows, if we want it at all."""

    login: Login
    proof: PeerVerified = field(repr=False)
    wanted: Compression | None


@dataclass(frozen=True, slots=True)
class AwaitNodeHello:
    """Both banners have MSGR_EXT; our NODE_HELLO is sent."""

    login: Login
    proof: PeerVerified = field(repr=False)


@dataclass(frozen=True, slots=True)
class AwaitOwner:
    """Whether the peer's node may come in is for the owner of the connection to find out; of ours it may be known."""

    login: Login
    proof: PeerVerified = field(repr=False)
    accepted: NodeAccept | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class AwaitNodeVerdict:
    """Client: the server's node may come in; whether ours may, it will say."""

    login: Login
    proof: PeerVerified = field(repr=False)
    stay: bool
    """Whether there is to be a session; else the answer is all that was wanted (NODE-10)."""


@dataclass(frozen=True, slots=True)
class AwaitClientIdent:
    """Server: all is agreed but whose session it is."""

    login: Login
    proof: PeerVerified = field(repr=False)


@dataclass(frozen=True, slots=True)
class AwaitServerIdent:
    """Client: CLIENT_IDENT is sent."""

    login: Login
    proof: PeerVerified = field(repr=False)


@dataclass(frozen=True, slots=True)
class AwaitReconnectOk:
    """Client: SESSION_RECONNECT is sent, `attempts` times."""

    login: Login
    proof: PeerVerified = field(repr=False)
    attempts: int


@dataclass(frozen=True, slots=True)
class Ready:
    """Messages flow."""

    peer: Peer
    session: PeerSession = field(repr=False)
    proof: PeerVerified = field(repr=False)


@dataclass(frozen=True, slots=True)
class Parting:
    """All is said, a NODE_REJECT with the reason perhaps: whatever comes is dropped, until the peer or time ends it."""

    error: MsgrError | None
    until: float


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing more is sent or received."""

    error: MsgrError | None


State: TypeAlias = (
    AwaitBanner
    | AwaitHello
    | AwaitAuthReply
    | TurnServer
    | AwaitAuthStep
    | AwaitAuthRequest
    | AwaitAuthMore
    | AwaitEnd
    | AwaitSignature
    | AwaitCompressionRequest
    | AwaitCompressionDone
    | AwaitNodeHello
    | AwaitOwner
    | AwaitNodeVerdict
    | AwaitClientIdent
    | AwaitServerIdent
    | AwaitReconnectOk
    | Ready
    | Parting
    | Ended
)
