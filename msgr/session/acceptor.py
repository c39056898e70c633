"""How an acceptor answers CLIENT_IDENT and SESSION_RECONNECT: pure functions over plain values.

The rows are tried in order, and the first that fits decides; each names its rule. What a decision leads to is done by
the core: *Accept* begins a session, *Replace* gives this connection to the session that is there, *Wait*, *Retry*,
*RetryGlobal* and *Reset* send the frame of that name, *Drop* closes without a word.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto, unique
from typing import TypeAlias

from .policy import Policy


@unique
class Phase(Enum):
    """What the connection of a session is doing."""

    CONNECTING = auto()
    """We dial, and the session is not ready."""
    ACCEPTING = auto()
    """The peer dials, and the session is not ready."""
    READY = auto()
    """Messages flow."""
    STANDBY = auto()
    """There is no connection, and nobody makes one."""
    REPLACING = auto()
    """It is being given another connection."""
    CLOSED = auto()
    """The session is over."""


@dataclass(frozen=True, slots=True)
class Latecomer:
    """The CLIENT_IDENT of a connection that was dropped because its global_seq was too low."""

    cookie: int
    global_seq: int

    def came_again(self, cookie: int, global_seq: int) -> bool:
        """Tell whether the same process made another attempt: a connection that was merely late would not do that."""
        return cookie == self.cookie and global_seq > self.global_seq


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """The session that the acceptor's table has for the addresses of the one who asks."""

    phase: Phase
    policy: Policy
    client_cookie: int
    server_cookie: int
    peer_global_seq: int
    connect_seq: int
    latecomer: Latecomer | None = None


@dataclass(frozen=True, slots=True)
class Accept:
    """Begin a session; `stop` ends the one that is there."""

    rule: str
    stop: bool = False


@dataclass(frozen=True, slots=True)
class Replace:
    """Give this connection to the session that is there; `reset` makes that forget its state first.

    `peer_is_new` tells that the peer lost its own.
    """

    rule: str
    reset: bool = False
    peer_is_new: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Tell the peer to wait for our own connection; `nudge` makes sure that one comes to something."""

    rule: str
    nudge: bool = False


@dataclass(frozen=True, slots=True)
class Drop:
    """Close this connection: it is older than what we know."""

    rule: str


@dataclass(frozen=True, slots=True)
class Reset:
    """Tell the peer that its session is gone; `full` makes it forget its queue."""

    rule: str
    full: bool


@dataclass(frozen=True, slots=True)
class Retry:
    """Tell the peer to come again with a higher connect_seq than this."""

    rule: str
    connect_seq: int


@dataclass(frozen=True, slots=True)
class RetryGlobal:
    """Tell the peer to come again with a higher global_seq than this."""

    rule: str
    global_seq: int


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on with the session that is there, on this connection."""

    rule: str


IdentDecision: TypeAlias = Accept | Replace | Wait | Drop
ReconnectDecision: TypeAlias = Resume | Reset | Retry | RetryGlobal | Wait


def decide_ident(
    existing: Existing | None, *, policy: Policy, cookie: int, global_seq: int, peer_key: bytes, own_key: bytes
) -> IdentDecision:
    """Answer a CLIENT_IDENT whose sender meant us and has the features we need.

    `peer_key` and `own_key` order the two ends' addresses (SESSION-RACE-1).
    """
    if policy.lossy and policy.server and not policy.register:
        return Accept("SESSION-IDENT-4")
    if existing is None:
        return Accept("SESSION-IDENT-5")
    if existing.phase is Phase.CLOSED:
        return Accept("SESSION-IDENT-6")
    if existing.phase is Phase.REPLACING:
        return Wait("SESSION-IDENT-7")
    if existing.peer_global_seq > global_seq and not _has_restarted(existing, cookie, global_seq):
        return Drop("SESSION-IDENT-8")
    if existing.policy.lossy:
        return Accept("SESSION-IDENT-9", stop=True)
    if existing.client_cookie and existing.server_cookie and existing.client_cookie != cookie:
        return Replace("SESSION-IDENT-10", reset=existing.policy.resetcheck, peer_is_new=True)
    if existing.client_cookie == cookie:
        return Replace("SESSION-IDENT-11")
    if existing.phase in (Phase.READY, Phase.STANDBY):
        return Replace("SESSION-IDENT-12")
    if peer_key < own_key or existing.policy.server:
        return Replace("SESSION-IDENT-13")
    return Wait("SESSION-IDENT-14", nudge=True)


def _has_restarted(existing: Existing, cookie: int, global_seq: int) -> bool:
    """Tell whether the low global_seq is that of a peer which began to count anew, and not that of an old connection.

    Ceph's daemons do not ask, and shut out such a peer until it has counted up (SESSION-IDENT-15).
    """
    known, latecomer = existing.client_cookie, existing.latecomer
    return cookie not in (0, known) and latecomer is not None and latecomer.came_again(cookie, global_seq)


def decide_reconnect(
    existing: Existing | None,
    *,
    policy: Policy,
    client_cookie: int,
    global_seq: int,
    connect_seq: int,
    peer_key: bytes,
    own_key: bytes,
) -> ReconnectDecision:
    """Answer a SESSION_RECONNECT. Its server_cookie decides nothing, as with Ceph's daemons."""
    if existing is None:
        return Reset("SESSION-RECONNECT-1", full=True)
    if existing.phase is Phase.CLOSED:
        return Reset("SESSION-RECONNECT-2", full=True)
    if existing.phase is Phase.REPLACING:
        return RetryGlobal("SESSION-RECONNECT-3", existing.peer_global_seq)
    if existing.client_cookie != client_cookie:
        return Reset("SESSION-RECONNECT-4", full=policy.resetcheck)
    if not existing.server_cookie:
        return Reset("SESSION-RECONNECT-5", full=False)
    if existing.peer_global_seq > global_seq:
        return RetryGlobal("SESSION-RECONNECT-6", existing.peer_global_seq)
    if existing.connect_seq > connect_seq:
        return Retry("SESSION-RECONNECT-7", existing.connect_seq)
    if existing.connect_seq == connect_seq and peer_key > own_key and not existing.policy.server:
        return Wait("SESSION-RECONNECT-8")
    return Resume("SESSION-RECONNECT-9")
