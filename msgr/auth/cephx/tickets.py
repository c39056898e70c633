"""Tickets: received and kept by clients, minted and opened by servers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Protocol, Self

from ...errors import AuthError
from ...wire import EntityType, type_name
from ..key import CryptoKey
from ..method import Dice
from .crypto import Usage
from .envelope import open_envelope, seal
from .rotating import SERVICES, RotatingSecret
from .structs import AUID, AuthTicket, Framed, ServiceTicket, TicketBlob, TicketGrant, TicketInfo, TicketReply, whole


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket as its holder keeps it: good until `expires`, to be renewed from `renew_after` on.

    Both are in the holder's own clock: only the ticket's duration comes from the server.
    """

    service: int
    session_key: CryptoKey
    blob: TicketBlob = field(repr=False)
    expires: float
    renew_after: float

    @classmethod
    def received(cls, service: int, told: ServiceTicket, blob: TicketBlob, now: float) -> Self:
        """Return the ticket that came at `now`. A validity of 0 is for ever."""
        validity = float(told.validity) or inf
        return cls(service, told.session_key, blob, now + validity, now + validity * 0.75)

    def is_good(self, now: float) -> bool:
        """Whether a server will still take it."""
        return now < self.expires

    def is_due(self, now: float) -> bool:
        """Whether it is time for a new one."""
        return now >= self.renew_after


class Holder(Protocol):
    """Who keeps tickets, and the global id that they are for."""

    @property
    def global_id(self) -> int:
        """The global id, or 0 for none."""

    @property
    def tickets(self) -> Mapping[int, Ticket]:
        """The tickets held, by service."""

    def keep(self, global_id: int, tickets: Mapping[int, Ticket]) -> None:
        """Keep new tickets for `global_id`."""


def accept(grant: TicketGrant, *, key: CryptoKey, old: CryptoKey | None, now: float) -> Ticket:
    """Return the ticket in `grant`, which `key` opens and, if an older ticket was shown, the session key `old`.

    Raises AuthError or DecodeError.
    """
    service = type_name(grant.service)
    told = whole(ServiceTicket, open_envelope(key, Usage.TICKET_SESSION_KEY, grant.for_holder))
    if told.session_key.is_empty:
        raise AuthError(f"no session key comes with the {service} ticket", rule="CEPHX-16")
    if grant.service == EntityType.AUTH and told.session_key.type < key.type:
        # Service keys may be of a weaker type, where the service knows no better; the ticket office does.
        raise AuthError(
            f"a session key of type {told.session_key.type} for a client whose key has type {key.type}", rule="CEPHX-16"
        )
    if bool(grant.encrypted) != (old is not None):
        right = "plain" if old is None else "sealed with the older ticket's session key"
        raise AuthError(f"the {service} ticket must be {right}", rule="CEPHX-23")
    ticket = grant.ticket
    if old is not None:
        ticket = whole(Framed, open_envelope(old, Usage.TICKET_BLOB, ticket)).content
    return Ticket.received(grant.service, told, whole(TicketBlob, ticket), now)


def accept_auth(reply: TicketReply, *, key: CryptoKey, old: CryptoKey | None, now: float) -> Ticket:
    """Return the one ticket in `reply`, which is for AUTH and opens with `key` (CEPHX-12); raises like `accept`."""
    if [grant.service for grant in reply.grants] != [EntityType.AUTH]:
        named = ", ".join(type_name(grant.service) for grant in reply.grants) or "nobody"
        raise AuthError(f"tickets for {named}, where one for auth belongs", rule="CEPHX-12")
    return accept(reply.grants[0], key=key, old=old, now=now)


def accept_services(reply: TicketReply, *, key: CryptoKey, wanted: int, now: float) -> dict[int, Ticket]:
    """Return the service tickets in `reply`: each one wanted, and none twice (CEPHX-14); raises like `accept`."""
    tickets: dict[int, Ticket] = {}
    for grant in reply.grants:
        if grant.service in tickets or grant.service not in SERVICES or not grant.service & wanted:
            raise AuthError(f"a ticket for {type_name(grant.service)}, unwanted or twice", rule="CEPHX-14")
        tickets[grant.service] = accept(grant, key=key, old=None, now=now)
    return tickets


def grant(
    service: int, blob: TicketBlob, told: ServiceTicket, *, key: CryptoKey, old: CryptoKey | None, dice: Dice
) -> TicketGrant:
    """Return a ticket on its way to the holder of `key`, who showed an older ticket with session key `old`, or none."""
    ticket = blob.encode()
    if old is not None:
        ticket = seal(old, Usage.TICKET_BLOB, Framed(content=ticket).encode(), dice)
    return TicketGrant(
        service=service,
        for_holder=seal(key, Usage.TICKET_SESSION_KEY, told.encode(), dice),
        encrypted=int(old is not None),
        ticket=ticket,
    )


def mint(secret: RotatingSecret, info: TicketInfo, dice: Dice) -> TicketBlob:
    """Return a ticket that holders of `secret` can open."""
    return TicketBlob(secret_id=secret.id, sealed=seal(secret.key, Usage.TICKET_INFO, info.encode(), dice))


def open_ticket(secret: RotatingSecret, blob: TicketBlob, now: float) -> TicketInfo:
    """Return the inside of a ticket that was minted with `secret`.

    Raises AuthError, where it is expired too, or DecodeError.
    """
    info = TicketInfo.decode(open_envelope(secret.key, Usage.TICKET_INFO, blob.sealed))
    _check(info.ticket)
    if float(info.ticket.expires) <= now:
        raise AuthError(f"a ticket of {info.ticket.name} that is expired", rule="CEPHX-20")
    if info.session_key.is_empty:
        raise AuthError(f"a ticket of {info.ticket.name} without a session key", rule="CEPHX-16")
    return info


def _check(ticket: AuthTicket) -> None:
    """Raise AuthError for a ticket that no server would mint: under type aes, somebody may have altered the bytes."""
    usual = ticket.auid == AUID and ticket.caps.allow_all == 0 and ticket.flags == 0
    if not usual or ticket.struct_v != 2 or ticket.expires < ticket.created or ticket.expires.nanoseconds >= 10**9:
        raise AuthError(f"a ticket that says what no server mints, for {ticket.name}", rule="CEPHX-20")
