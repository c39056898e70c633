"""Renewal as a client does it: new tickets over the open session with a monitor, inside of its messages.

What `payload` is goes to the monitor as the content of MAuth, for method 2; what `accept` takes is that of MAuthReply.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ...errors import AuthError, AuthRefused, ConfigError, StateError
from ...wire import EntityName, EntityType, Reader
from ..key import CryptoKey
from ..method import Dice
from .authorizer import authorizer
from .proof import prove
from .renewal_structs import PrincipalReply, PrincipalRequest, RotatingReply, TicketRequest
from .rotating import SERVICES
from .service_secrets import ServiceSecrets
from .structs import Authenticate, Operation, ReplyHead, RequestHead, SessionReply, TicketReply, whole
from .tickets import Holder, Ticket, accept_auth, accept_services


@dataclass(frozen=True, slots=True)
class Renewal:
    """A request for new tickets, and how its answer is taken.

    `wanted` is the mask of services that it asks for. Giving it up, at any time, leaves the old tickets as they are.
    """

    payload: bytes = field(repr=False)
    wanted: int
    _operation: Operation
    _holder: Holder = field(repr=False)
    _auth: Ticket = field(repr=False)
    _key: CryptoKey = field(repr=False)
    _now: float

    def accept(self, reply: bytes, *, result: int = 0) -> None:
        """Keep the tickets in the monitor's answer, counting their time from when they were asked for.

        `result` is that of the message. Raises AuthRefused, AuthError or DecodeError, and StateError where the AUTH
        ticket has been replaced meanwhile; no ticket is kept or lost then.
        """
        holder = self._holder
        if holder.tickets.get(EntityType.AUTH) is not self._auth:
            raise StateError("an answer that comes too late: the auth ticket is another one now [RENEWAL-3]")
        check_reply(self._operation, reply, result)
        if self._operation is Operation.AUTH_SESSION_KEY:
            answer = whole(SessionReply, reply)
            auth = accept_auth(answer.auth, key=self._key, old=self._auth.session_key, now=self._now)
            tickets = {int(EntityType.AUTH): auth} | extra_tickets(answer, auth, self.wanted, self._now)
        else:
            granted = whole(PrincipalReply, reply).tickets
            tickets = accept_services(granted, key=self._auth.session_key, wanted=self.wanted, now=self._now)
        holder.keep(holder.global_id, tickets)


def extra_tickets(reply: SessionReply, auth: Ticket, wanted: int, now: float) -> dict[int, Ticket]:
    """Return the service tickets that come with an AUTH ticket; raises AuthError or DecodeError."""
    extra = whole(TicketReply, reply.extra) if reply.extra else TicketReply(grants=())
    return accept_services(extra, key=auth.session_key, wanted=wanted & ~EntityType.AUTH, now=now)


def renew_services(holder: Holder, auth: Ticket, due: int, dice: Dice, now: float) -> Renewal:
    """Ask for the tickets of the services in `due`, with the AUTH ticket (RENEWAL-1)."""
    nonce = Reader(dice(8)).number(8)
    shown = authorizer(auth, holder.global_id, nonce=nonce, challenge=None, dice=dice)
    request = PrincipalRequest(authorizer=shown, request=TicketRequest(keys=due))
    key = auth.session_key
    return Renewal(request.encode(), due, Operation.PRINCIPAL_SESSION_KEY, holder, auth, key, now)


def renew_auth(
    holder: Holder, auth: Ticket, key: CryptoKey, challenge: int, due: int, dice: Dice, now: float
) -> Renewal:
    """Ask for an AUTH ticket and those of the services in `due`, with the client's own key (RENEWAL-2).

    `challenge` is the one that the monitor gave when the session began. Raises StateError where there is none.
    """
    if not challenge:
        raise StateError("no challenge of an open session to answer: connect to a monitor first [RENEWAL-2]")
    client_challenge = Reader(dice(8)).number(8)
    proof = prove(key, server_challenge=challenge, client_challenge=client_challenge)
    wanted = due | EntityType.AUTH
    request = Authenticate(challenge=client_challenge, proof=proof, old_ticket=auth.blob, other_keys=wanted)
    return Renewal(request.encode(), wanted, Operation.AUTH_SESSION_KEY, holder, auth, key, now)


@dataclass(frozen=True, slots=True)
class RotatingRequest:
    """A daemon's request for the secrets that open the tickets of its clients (ROTATING-1)."""

    payload: bytes = field(repr=False)
    service: EntityType
    _key: CryptoKey = field(repr=False)

    @classmethod
    def of(cls, name: EntityName, key: CryptoKey) -> RotatingRequest:
        """Return the request of the daemon `name`; raises ConfigError where it is no daemon."""
        service = next((service for service in SERVICES if service == name.type), None)
        if service is None:
            raise ConfigError(f"{name} has no clients with tickets: only mon, mds, osd and mgr have [ROTATING-1]")
        return cls(RequestHead(operation=Operation.ROTATING_KEY).encode(), service, key)

    def accept(self, reply: bytes, *, result: int = 0) -> ServiceSecrets:
        """Return the secrets in the monitor's answer; raises AuthRefused, AuthError or DecodeError."""
        check_reply(Operation.ROTATING_KEY, reply, result)
        return ServiceSecrets.open(self.service, self._key, whole(RotatingReply, reply).sealed)


def check_reply(operation: Operation, reply: bytes, result: int) -> None:
    """Check how an answer begins (RENEWAL-3); raises AuthRefused, AuthError or DecodeError."""
    if result < 0:
        raise AuthRefused(f"the monitor refuses a renewal with {result}", result=result, rule="RENEWAL-3")
    head = ReplyHead.decode(reply)
    if head.status < 0:
        raise AuthRefused(f"the monitor refuses a renewal with {head.status}", result=head.status, rule="RENEWAL-3")
    if result or head.status or head.operation != operation:
        told = f"operation {head.operation:#x} with status {head.status} and result {result}"
        raise AuthError(f"{told}, where {operation:#x}, 0 and 0 belong", rule="RENEWAL-3")
