"""The layouts of a service connection: an authorizer shows a ticket, and proves that its bearer has its session key.

The challenge between the first authorizer and the second is a `ServerChallenge` in a raw envelope.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from ...wire import EntityType, Nested, Record, blob, named, u8, u64
from .structs import TicketBlob


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorizer(Record):
    """The payload of AUTH_REQUEST and AUTH_REQUEST_MORE to a service (AUTHORIZER-1).

    ======  ===========  =========================================================================
    offset  size         field
    ======  ===========  =========================================================================
    0       u8           version 1, which tells a service from a monitor too: services take 1 to 9
    1       u64          global id, that in the ticket
    9       u32          service
    13      ticket blob  the ticket as it was granted
    …       blob         envelope of an Authorize
    ======  ===========  =========================================================================
    """

    version: Annotated[int, u8] = 1
    global_id: Annotated[int, u64]
    service: Annotated[int, named("I", EntityType)]
    ticket: Annotated[TicketBlob, Nested(TicketBlob)]
    authorize: Annotated[bytes, blob] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OldAuthorize(Record):
    """What only the bearer of a ticket can seal, as version 1 has it, which knew no challenges; all begin so."""

    struct_v: Annotated[int, u8] = 1
    nonce: Annotated[int, u64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorize(OldAuthorize):
    """The same from version 2 on: u8 1 and the challenge + 1 follow, or zeros in the first authorizer."""

    struct_v: Annotated[int, u8] = 2
    have_challenge: Annotated[int, u8] = 0
    challenge_plus_one: Annotated[int, u64] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OldAuthorizeReply(Record):
    """What only a service that can open the ticket can seal: the answer in crc mode, and how every answer begins."""

    struct_v: Annotated[int, u8] = 1
    nonce_plus_one: Annotated[int, u64]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizeReply(OldAuthorizeReply):
    """The answer in secure mode, with the connection secret."""

    struct_v: Annotated[int, u8] = 2
    connection_secret: Annotated[bytes, blob] = field(repr=False)
