"""What a connection is told before it begins: settings, limits, time-outs. All frozen, all with safe defaults."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from ..auth import ClientMethod, ServerMethod
from ..errors import ConfigError
from ..frame import FrameLimits, Mode, Revision
from ..session import STATELESS_SERVER, ChannelQuotas, Policies
from ..wire import MSG_ADDR2, SUPPORTED, BannerFeature, EntityAddr, EntityName, EntityType
from .admission import Admission
from .compression import NO_COMPRESSION, Compressions

_MIB: Final = 1 << 20
_COMPRESSION: Final = int(BannerFeature.COMPRESSION)
_REVISION_1: Final = int(BannerFeature.REVISION_1)
_MSGR_EXT: Final = int(BannerFeature.MSGR_EXT)  # plain numbers: each operation of two flags makes a flag by search
_INCOMING: Final = 0.9
"""What part of the time for a handshake the end has that accepts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a peer may ask of us; each is checked before a byte of it is waited for or allocated.

    Sizes are in bytes. The first four hold for one frame: control payloads (LIMIT-1), and the three segments of a
    message's body (LIMIT-2); before a session is ready, only control frames are let in.
    """

    control: int = 64 << 10
    front: int = 16 * _MIB
    middle: int = 16 * _MIB
    data: int = 128 * _MIB
    banner: int = 4 << 10
    auth_attempts: int = 8
    """How many AUTH_REQUESTs a server answers on one connection."""
    auth_rounds: int = 8
    """How many steps one conversation may take."""
    reconnect_attempts: int = 8
    """How many times a client answers SESSION_RETRY and SESSION_RETRY_GLOBAL on one connection."""
    inbox: int = 32 * _MIB
    """Received messages that wait for the user, in bytes; beyond it the socket is not read."""
    outbox: int = 32 * _MIB
    """Messages that wait to be written, in bytes; beyond it senders wait. With channels it holds for each of them."""
    buffered: int = 512 * _MIB
    """Messages whose outcome is open, in bytes; more than that end the session (DELIVERY-4)."""
    parts: int = 64 * _MIB
    """Messages of which parts came and the rest has not, in bytes; peers that have MSGR_EXT are told (CHANNEL-6)."""
    half_open: int = 256
    """Connections whose handshake is under way at a server; one more ends the oldest (LIMIT-4)."""
    half_open_per_host: int = 128
    """Of these, how many may come from one host; one more ends the oldest from there (ACCEPT-1)."""
    dialling: int = 64
    """Handshakes that one messenger has under way as the end that dials; what is dialled beyond them waits (DIAL-1)."""
    backlog: int = 512
    """Connections that the kernel keeps for each listening socket until they are accepted (Ceph: 512)."""

    def handshake(self) -> FrameLimits:
        """Return the limits of frames before a session is ready."""
        return FrameLimits((self.control, 0, 0, 0))

    def session(self) -> FrameLimits:
        """Return the limits of frames in a session."""
        return FrameLimits((self.control, self.front, self.middle, self.data))


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long to wait, in seconds."""

    handshake: float = 10.0
    """From the first attempt to connect to a session that is ready. Who accepts has nine tenths of it (ACCEPT-4)."""
    close: float = 5.0
    """For what is queued to leave, when a session is closed."""
    initial_backoff: float = 0.2
    """Between the first failure to connect and the next try; it doubles from there."""
    max_backoff: float = 15.0
    """The longest wait between two tries, and the wait where the peer is to dial us."""
    keepalive: float | None = None
    """Between two KEEPALIVE2, where nothing else came in meanwhile (LIVE-1). Off: the Linux kernel's client breaks."""
    dead_peer: float | None = None
    """Without a byte from the peer, until the connection is given up (LIVE-2)."""
    parting: float = 1.0
    """For the peer to close, once it is told why the connection ends (NODE-8)."""
    idle: float | None = None
    """Without a message in either direction, until the connection is given up (LIVE-3)."""
    session: float | None = None
    """Without a connection, until a lossless session is ended, whoever is to dial (LIVE-4). Off: for ever."""
    coalesce: float = 0.0
    """How long what is less than a batch waits for more before it is written. Event loops round it up, many to 1 ms."""

    def incoming(self) -> Timeouts:
        """Return those of an end that accepts: it gives up first, as it alone can still say why (ACCEPT-4)."""
        return replace(self, handshake=_INCOMING * self.handshake)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What both ends of a connection are told.

    `modes` are the connection modes allowed, best first; none means the strongest that each method can key. What is
    not in `modes` and `revisions` is neither offered nor accepted, so nothing falls back to less.
    """

    name: EntityName
    modes: tuple[Mode, ...] = ()
    revisions: frozenset[Revision] = frozenset({Revision.REV1})
    addresses: tuple[EntityAddr, ...] = ()
    """Our own addresses. A client that has none is known by a random nonce and the IP at which the server sees it."""
    supported: int = SUPPORTED
    """Connection features that we tell of."""
    required: int = MSG_ADDR2
    """Connection features that the peer must have."""
    limits: Limits = Limits()
    timeouts: Timeouts = Timeouts()
    compression: Compressions = NO_COMPRESSION
    """What may be compressed, by the type of the peer. Off, as at Ceph."""
    node: Admission | None = None
    """Which node this is, and whom it lets in. Off: then our banner does not have MSGR_EXT (NODE-1)."""
    channels: ChannelQuotas | None = None
    """How the channels of a session share its way out. Off: what waits goes strictly by priority, as at Ceph."""
    check_data: bool = True
    """False takes frames whose segments have no checksums (`ms_crc_data = false` at a Ceph peer). CRC mode only."""

    def __post_init__(self) -> None:
        if not self.revisions:
            raise ConfigError("no revision is allowed; name 2.1, 2.0 or both")

    @property
    def banner_features(self) -> int:
        """The feature bits of our banner."""
        revision = _REVISION_1 if Revision.REV1 in self.revisions else 0
        extension = _MSGR_EXT if self.node is not None else 0
        return _COMPRESSION | revision | extension

    def modes_for(self, method: ClientMethod | ServerMethod) -> tuple[Mode, ...]:
        """Return the modes that `method` may be used with, best first (AUTH-2)."""
        if self.modes:
            return tuple(mode for mode in self.modes if mode in method.modes)
        return (max(method.modes),)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig(Config):
    """What the end that dials is told."""

    target: EntityAddr
    """The address that was dialled, with its nonce: the server must be at exactly this one (IDENT-4)."""
    methods: tuple[ClientMethod, ...] = field(repr=False)
    """Authentication methods, in order of preference."""
    expect: EntityType | None = None
    """The entity type that the server must have, if it matters (HELLO-1)."""
    as_server: ServerConfig | None = field(default=None, repr=False)
    """How to be the server, where it turns out that the peer dialled too, in the same connection (SIMOPEN-1)."""

    def __post_init__(self) -> None:
        # super() without arguments does not survive slots=True, which makes the class anew.
        Config.__post_init__(self)
        if not self.methods:
            raise ConfigError("no authentication method is given")
        for method in self.methods:
            if not self.modes_for(method):
                wanted = ", ".join(mode.name.lower() for mode in self.modes)
                possible = ", ".join(mode.name.lower() for mode in sorted(method.modes))
                raise ConfigError(
                    f"method {method.number} can key {possible} mode only; {wanted} is asked for [AUTH-2]"
                )
        if self.as_server is not None and self.as_server.banner_features != self.banner_features:
            raise ConfigError("as a server this end has another banner, but only one can be sent [SIMOPEN-1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig(Config):
    """What the end that accepts is told."""

    methods: tuple[ServerMethod, ...] = field(repr=False)
    """Authentication methods that are allowed."""
    policies: Policies = STATELESS_SERVER
    """What sessions promise, by the type that the client says it has."""
    gid: int = 0
    """The number in our name: an OSD's id, a monitor's rank."""

    def __post_init__(self) -> None:
        Config.__post_init__(self)
        if not self.methods:
            raise ConfigError("no authentication method is given")
        if not self.addresses:
            raise ConfigError("a server needs an address of its own, which clients name as their target")
