"""What is said to begin a session or to take one up again.

Each class is the payload of one frame: its `tag`, and its fields in wire order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, NewType

from ..frame import Tag
from ..wire import EntityAddr, Record, address, address_vector, boolean, i64, u64

Cookie = NewType("Cookie", int)
GlobalSeq = NewType("GlobalSeq", int)
ConnectSeq = NewType("ConnectSeq", int)
Seq = NewType("Seq", int)

LOSSY: Final = 1
"""Bit 0 of the identities' flags: the session does not survive its connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientIdent(Record):
    """Client: who I am, whom I mean to reach, and my half of a new session."""

    tag: ClassVar[Tag] = Tag.CLIENT_IDENT
    addresses: Annotated[tuple[EntityAddr, ...], address_vector]
    target: Annotated[EntityAddr, address]
    gid: Annotated[int, i64]
    global_seq: Annotated[int, u64]
    supported: Annotated[int, u64]
    required: Annotated[int, u64]
    flags: Annotated[int, u64]
    cookie: Annotated[int, u64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerIdent(Record):
    """Server: who I am, and my half of the new session."""

    tag: ClassVar[Tag] = Tag.SERVER_IDENT
    addresses: Annotated[tuple[EntityAddr, ...], address_vector]
    gid: Annotated[int, i64]
    global_seq: Annotated[int, u64]
    supported: Annotated[int, u64]
    required: Annotated[int, u64]
    flags: Annotated[int, u64]
    cookie: Annotated[int, u64]


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentMissingFeatures(Record):
    """Server: I require these feature bits, and you lack them."""

    tag: ClassVar[Tag] = Tag.IDENT_MISSING_FEATURES
    features: Annotated[int, u64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReconnect(Record):
    """Client: let us go on with this session; `msg_seq` is the last message I received."""

    tag: ClassVar[Tag] = Tag.SESSION_RECONNECT
    addresses: Annotated[tuple[EntityAddr, ...], address_vector]
    client_cookie: Annotated[int, u64]
    server_cookie: Annotated[int, u64]
    global_seq: Annotated[int, u64]
    connect_seq: Annotated[int, u64]
    msg_seq: Annotated[int, u64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReset(Record):
    """Server: I do not know that session; `full` tells to forget its queue as well."""

    tag: ClassVar[Tag] = Tag.SESSION_RESET
    full: Annotated[bool, boolean]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRetry(Record):
    """Server: your connect_seq is behind mine, which is this."""

    tag: ClassVar[Tag] = Tag.SESSION_RETRY
    connect_seq: Annotated[int, u64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRetryGlobal(Record):
    """Server: your global_seq is behind the highest I have seen from you, which is this."""

    tag: ClassVar[Tag] = Tag.SESSION_RETRY_GLOBAL
    global_seq: Annotated[int, u64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReconnectOk(Record):
    """Server: we go on; `msg_seq` is the last message I received."""

    tag: ClassVar[Tag] = Tag.SESSION_RECONNECT_OK
    msg_seq: Annotated[int, u64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(Record):
    """Server: I am dialling you myself, and that connection is to win. An empty frame."""

    tag: ClassVar[Tag] = Tag.WAIT
