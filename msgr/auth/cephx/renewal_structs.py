"""The layouts of what a client and a monitor say about tickets in an open session, inside of other messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from ...wire import Nested, Record, Timestamp, Vec, blob, named, u8, u32, u64
from ..key import CryptoKey
from .authorizer_structs import Authorizer
from .structs import Operation, ReplyHead, TicketReply


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketRequest(Record):
    """The services whose tickets are wanted, as a mask."""

    struct_v: Annotated[int, u8] = 1
    keys: Annotated[int, u32]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipalHead(Record):
    """How a request for service tickets begins: with an authorizer of the AUTH ticket, that knows no challenge."""

    operation: Annotated[int, named("H", Operation)] = Operation.PRINCIPAL_SESSION_KEY
    authorizer: Annotated[Authorizer, Nested(Authorizer)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipalRequest(PrincipalHead):
    """A whole request for service tickets."""

    request: Annotated[TicketRequest, Nested(TicketRequest)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipalReply(ReplyHead):
    """Service tickets, sealed with the session key of the AUTH ticket."""

    operation: Annotated[int, named("H", Operation)] = Operation.PRINCIPAL_SESSION_KEY
    tickets: Annotated[TicketReply, Nested(TicketReply)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RotatingReply(ReplyHead):
    """A daemon's rotating secrets: an envelope of a SecretList, sealed with the daemon's own key."""

    operation: Annotated[int, named("H", Operation)] = Operation.ROTATING_KEY
    sealed: Annotated[bytes, blob] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretEntry(Record):
    """A rotating secret with its id."""

    id: Annotated[int, u64]
    struct_v: Annotated[int, u8] = 1
    key: Annotated[CryptoKey, Nested(CryptoKey)]
    expires: Annotated[Timestamp, Nested(Timestamp)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretList(Record):
    """The rotating secrets of one kind of service, and the greatest of their ids (ROTATING-1)."""

    struct_v: Annotated[int, u8] = 1
    secrets: Annotated[tuple[SecretEntry, ...], Vec[Any](Nested(SecretEntry))]
    max_id: Annotated[int, u64]
