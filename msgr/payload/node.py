"""What two nodes tell each other behind the banner bit MSGR_EXT, before either says which session it wants.

All three are versioned records: what a later version appends, an older reader passes over. Numbers that have no name
here are kept as they came.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Annotated, ClassVar, Final

from ..frame import NodeTag
from ..wire import (
    EntityAddr,
    Nested,
    Raw,
    Record,
    Timestamp,
    Vec,
    Versioned,
    address_vector,
    blob,
    boolean,
    named,
    text,
    u32,
    u64,
)

COOKIE_SIZE: Final = 16
_NEVER: Final = Timestamp()


@unique
class Purpose(IntEnum):
    """What a connection is made for."""

    SESSION = 0
    """To carry a session."""
    REVERSE_CHECK = 1
    """To ask whether a cookie is that of the node which answers; there is nothing after the answer (NODE-10)."""


@unique
class Encryption(IntEnum):
    """What a node wants of encryption."""

    DISABLED = 0
    OPTIONAL = 1
    REQUIRED = 2


@unique
class RejectKind(IntEnum):
    """Whether a node that was rejected should try again."""

    PERMANENT = 1
    """Not before somebody changes a configuration."""
    TRANSIENT = 2
    """Later, as it is."""
    SESSION_MISMATCH = 3
    """At once, with a new session: the one asked for is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program(Record):
    """Which process a node is: a restart shows in it."""

    pid: Annotated[int, u64] = 0
    started: Annotated[Timestamp, Nested(Timestamp)] = _NEVER
    serial: Annotated[int, u64] = 0
    """Counts the handshakes of the process, from 1."""


NO_PROGRAM: Final = Program()


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeHello(Versioned):
    """Both ends: which node I am, which I take you for, and whom I let in (NODE-2).

    Empty text and number 0 mean that nothing is said about it.
    """

    tag: ClassVar[NodeTag] = NodeTag.NODE_HELLO
    cluster: Annotated[str, text] = ""
    accepted_clusters: Annotated[tuple[str, ...], Vec(text)] = ()
    version: Annotated[str, text] = ""
    accepted_versions: Annotated[tuple[str, ...], Vec(text)] = ()
    node: Annotated[int, u64] = 0
    host: Annotated[str, text] = ""
    target_node: Annotated[int, u64] = 0
    target_host: Annotated[str, text] = ""
    scope: Annotated[str, text] = ""
    program: Annotated[Program, Nested(Program)] = NO_PROGRAM
    encryption: Annotated[int, named("B", Encryption)] = Encryption.OPTIONAL
    purpose: Annotated[int, named("B", Purpose)] = Purpose.SESSION
    cookie: Annotated[bytes, Raw(COOKIE_SIZE)] = bytes(COOKIE_SIZE)
    """Random, of this attempt; that of a reverse check is the one asked about."""
    listening: Annotated[tuple[EntityAddr, ...], address_vector] = ()
    """Where the node can be dialled, for the reverse check."""
    part_limit: Annotated[int, u64] = 0
    """How many bytes of unfinished messages the sender of this holds; 0 takes none in parts (CHANNEL-6)."""
    padding_wanted: Annotated[int, u32] = 0
    """How much padding NODE_ACCEPT shall have, to try whether the way back carries it."""
    padding: Annotated[bytes, blob] = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAccept(Versioned):
    """Server: come in."""

    tag: ClassVar[NodeTag] = NodeTag.NODE_ACCEPT
    reverse_checked: Annotated[bool, boolean] = False
    """Whether I have dialled you back."""
    padding: Annotated[bytes, blob] = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReject(Versioned):
    """Both ends, at any time before there is a session: no, and why; the connection ends (NODE-8)."""

    tag: ClassVar[NodeTag] = NodeTag.NODE_REJECT
    kind: Annotated[int, named("B", RejectKind)]
    rule: Annotated[str, text] = ""
    reason: Annotated[str, text] = ""
