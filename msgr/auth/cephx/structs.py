"""The layouts of cephx, each said once.

Most begin with a version byte and have no length, so a reader that meets a newer one cannot skip what was added at its
end. Where a layout is the last thing in its blob, what follows it there stays unread.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, unique
from typing import Annotated, Any, Final, Self, TypeVar

from ...errors import DecodeError
from ...wire import (
    EntityName,
    EntityType,
    Nested,
    Octets,
    Reader,
    Record,
    Timestamp,
    Vec,
    blob,
    i32,
    named,
    text,
    u8,
    u32,
    u64,
)
from ..key import CryptoKey

R = TypeVar("R", bound=Record)

AUID: Final = (1 << 64) - 1
"""What stands where tickets once had a user's number."""


@unique
class Operation(IntEnum):
    """What a client asks a monitor for."""

    AUTH_SESSION_KEY = 0x0100
    PRINCIPAL_SESSION_KEY = 0x0200
    ROTATING_KEY = 0x0400


def whole(cls: type[R], data: Octets) -> R:
    """Read a record that must fill `data` to its end (CEPHX-15); raises DecodeError."""
    reader = Reader(data)
    record = cls.read(reader)
    if reader.left:
        raise DecodeError(f"{reader.left} bytes after the end of {cls.__name__}", rule="CEPHX-15")
    return record


@dataclass(frozen=True, slots=True, kw_only=True)
class Framed(Record):
    """Bytes with their length before them: the content of a blob that holds another blob."""

    content: Annotated[bytes, blob] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerChallenge(Record):
    """The payload of a monitor's AUTH_REPLY_MORE; that of a service's has it sealed (AUTHORIZER-3)."""

    struct_v: Annotated[int, u8] = 1
    challenge: Annotated[int, u64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenges(Record):
    """What the client's proof covers."""

    server: Annotated[int, u64]
    client: Annotated[int, u64]


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketBlob(Record):
    """A ticket as its holder has it: sealed with the secret of that id, which the holder does not know."""

    struct_v: Annotated[int, u8] = 1
    secret_id: Annotated[int, u64] = 0
    sealed: Annotated[bytes, blob] = field(repr=False, default=b"")

    @property
    def is_empty(self) -> bool:
        """Whether no ticket is in it."""
        return not self.sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestHead(Record):
    """How every request to a monitor begins."""

    operation: Annotated[int, named("H", Operation)]


@dataclass(frozen=True, slots=True, kw_only=True)
class OldAuthenticate(Record):
    """The proof, as version 1 has it; all versions begin so.

    ======  ===========  ======================================
    offset  size         field
    ======  ===========  ======================================
    0       u16          operation 0x0100
    2       u8           version
    3       u64          client's challenge
    11      u64          proof
    19      ticket blob  the previous AUTH ticket, or an empty one
    ======  ===========  ======================================
    """

    operation: Annotated[int, named("H", Operation)] = Operation.AUTH_SESSION_KEY
    struct_v: Annotated[int, u8] = 1
    challenge: Annotated[int, u64]
    proof: Annotated[int, u64] = field(repr=False)
    old_ticket: Annotated[TicketBlob, Nested(TicketBlob)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticate(OldAuthenticate):
    """The payload of AUTH_REQUEST_MORE from version 2 on: a u32 mask of the wanted services' tickets follows."""

    struct_v: Annotated[int, u8] = 3
    other_keys: Annotated[int, u32]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTicket(Record):
    """What the holder of a ticket is told: the session key that is in it too, and for how long it is good."""

    struct_v: Annotated[int, u8] = 1
    session_key: Annotated[CryptoKey, Nested(CryptoKey)]
    validity: Annotated[Timestamp, Nested(Timestamp)]


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketGrant(Record):
    """One ticket on its way to its holder.

    ======  =====  ===============================================================================
    offset  size   field
    ======  =====  ===============================================================================
    0       u32    service
    4       u8     version 1
    5       blob   envelope of a ServiceTicket
    …       u8     1 if the ticket is sealed with the session key of an older one
    …       blob   TicketBlob, or (1) the envelope of a blob of one
    ======  =====  ===============================================================================
    """

    service: Annotated[int, named("I", EntityType)]
    struct_v: Annotated[int, u8] = 1
    for_holder: Annotated[bytes, blob] = field(repr=False)
    encrypted: Annotated[int, u8]
    ticket: Annotated[bytes, blob] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketReply(Record):
    """Tickets on their way."""

    struct_v: Annotated[int, u8] = 1
    grants: Annotated[tuple[TicketGrant, ...], Vec[Any](Nested(TicketGrant))]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyHead(Record):
    """How every answer of a monitor begins."""

    operation: Annotated[int, named("H", Operation)] = Operation.AUTH_SESSION_KEY
    status: Annotated[int, i32] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BareReply(ReplyHead):
    """The payload of AUTH_DONE for a client that asked for no other keys."""

    auth: Annotated[TicketReply, Nested(TicketReply)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReply(BareReply):
    """The payload of AUTH_DONE: after the AUTH ticket, a blob with the framed connection secret, and one of tickets."""

    connection_secret: Annotated[bytes, blob] = field(repr=False)
    extra: Annotated[bytes, blob] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CapsText(Record):
    """A capability text."""

    text: Annotated[str, text]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthCapsInfo(Record):
    """What a ticket permits at its service: a blob with a text in it, or an empty blob."""

    struct_v: Annotated[int, u8] = 1
    allow_all: Annotated[int, u8] = 0
    caps: Annotated[bytes, blob] = b""

    @classmethod
    def of(cls, caps: str | None) -> Self:
        """Return the permission of this text, or none."""
        return cls(caps=b"" if caps is None else CapsText(text=caps).encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthTicket(Record):
    """Whom a ticket is for, and how long (CEPHX-20)."""

    struct_v: Annotated[int, u8] = 2
    name: Annotated[EntityName, Nested(EntityName)]
    global_id: Annotated[int, u64]
    auid: Annotated[int, u64] = AUID
    created: Annotated[Timestamp, Nested(Timestamp)]
    expires: Annotated[Timestamp, Nested(Timestamp)]
    caps: Annotated[AuthCapsInfo, Nested(AuthCapsInfo)]
    flags: Annotated[int, u32] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketInfo(Record):
    """The inside of a ticket: sealed with a rotating secret, so only servers read it."""

    struct_v: Annotated[int, u8] = 1
    ticket: Annotated[AuthTicket, Nested(AuthTicket)]
    session_key: Annotated[CryptoKey, Nested(CryptoKey)]
