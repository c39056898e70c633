"""cephx as a client speaks it to a monitor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

from ...errors import AuthError, ConfigError, StateError
from ...frame import Mode
from ...wire import EntityName, EntityType, Reader
from ..key import CryptoKey
from ..method import AuthMethod, Dice, Keys
from ..request import MON, Request
from .connection_secret import BOTH_MODES, check_secret
from .crypto import Usage
from .envelope import open_envelope
from .proof import prove
from .renewal import Renewal, RotatingRequest, extra_tickets, renew_auth, renew_services
from .rotating import SERVICES
from .service_client import CephxServiceClient
from .structs import (
    Authenticate,
    Framed,
    Operation,
    ReplyHead,
    ServerChallenge,
    SessionReply,
    TicketBlob,
    whole,
)
from .tickets import Ticket, accept_auth

WANTABLE: Final = EntityType.AUTH | sum(SERVICES)


class CephxClient:
    """The holder of a key, and of the tickets that it got with it.

    `needed` is a mask of EntityType: the services whose tickets are asked for; AUTH, the right to come again, is always
    among them. The global id and the tickets outlive a connection: the next conversation presents them again
    (GLOBALID-4), as long as they are good.

    It belongs to one session with one monitor at a time, over which it renews its tickets: who tries several monitors
    at once gives each attempt a client of its own, and keeps that of the winner.
    """

    __slots__ = ("_challenge", "_key", "_tickets", "global_id", "name", "needed")

    def __init__(self, name: EntityName, key: CryptoKey, needed: int = EntityType.AUTH) -> None:
        if key.is_empty:
            raise ConfigError(f"{name} has an empty key, which proves nothing [KEY-2]")
        self.name = name
        self.needed = int(EntityType.AUTH)
        self.need(needed)
        self.global_id = 0
        self._key = key
        self._tickets: Mapping[int, Ticket] = MappingProxyType({})
        self._challenge = 0

    def __repr__(self) -> str:
        return f"CephxClient({self.name}, global_id={self.global_id})"

    @property
    def number(self) -> AuthMethod:
        """The number on the wire."""
        return AuthMethod.CEPHX

    @property
    def modes(self) -> frozenset[Mode]:
        """The modes that this method can key."""
        return BOTH_MODES

    @property
    def tickets(self) -> Mapping[int, Ticket]:
        """The tickets held, by service."""
        return self._tickets

    def converse(self, dice: Dice, *, now: float) -> CephxClientConversation:
        """Open the conversation of one connection at wall-clock time `now`, in seconds."""
        ticket = self._tickets.get(EntityType.AUTH)
        if ticket is None or not ticket.is_good(now):
            self.forget()
            return CephxClientConversation(self, self._key, None, dice, now)
        return CephxClientConversation(self, self._key, Claim(self.global_id, ticket), dice, now)

    def wanted(self, now: float) -> int:
        """Return the mask of the tickets to ask for: those needed that are not there or due for renewal, and AUTH."""
        there = (service for service, ticket in self._tickets.items() if not ticket.is_due(now))
        return self.needed & ~sum(there) | EntityType.AUTH

    def need(self, services: int) -> None:
        """Ask for the tickets of these services too, from the next conversation or renewal on; raises ConfigError."""
        if services & ~WANTABLE:
            # A monitor answers such a mask with a list of tickets that breaks off.
            raise ConfigError(f"tickets {services:#x}: only mon, mds, osd, mgr and auth have any [CEPHX-9]")
        self.needed |= services

    def service(self, service: EntityType) -> CephxServiceClient:
        """Return the method by which the ticket of an osd, mds or mgr is shown to it; raises ConfigError."""
        return CephxServiceClient(self, service)

    def renewal(self, dice: Dice, now: float) -> Renewal | None:
        """Return what to ask the monitor for over the open session, or None while nothing is due (RENEWAL-1).

        Raises StateError where there is no good AUTH ticket to ask with: only another connection gives one.
        """
        due, auth = self.wanted(now) & ~EntityType.AUTH, self._tickets.get(EntityType.AUTH)
        if auth is None or not auth.is_good(now):
            raise StateError("no good auth ticket to renew others with: connect to a monitor first [RENEWAL-1]")
        if auth.is_due(now):
            return renew_auth(self, auth, self._key, self._challenge, due, dice, now)
        return renew_services(self, auth, due, dice, now) if due else None

    def rotating(self) -> RotatingRequest:
        """Return how a daemon asks for the secrets that open the tickets of its clients; raises ConfigError."""
        return RotatingRequest.of(self.name, self._key)

    def drop(self, service: EntityType) -> None:
        """Drop the ticket for `service`, because it was refused there: the next renewal asks for another (RENEWAL-8).

        Without that for AUTH, nothing that was granted is left.
        """
        if service == EntityType.AUTH:
            self.forget()
        else:
            self._tickets = MappingProxyType({kind: held for kind, held in self._tickets.items() if kind != service})

    def forget(self) -> None:
        """Drop the global id and the tickets, and begin anew: what to do when a server has refused them."""
        self.global_id = 0
        self._tickets = MappingProxyType({})
        self._challenge = 0

    def disown(self, claim: Claim) -> None:
        """Begin anew because a server has refused `claim`, unless another conversation has replaced it meanwhile."""
        if self._tickets.get(EntityType.AUTH) is claim.ticket:
            self.forget()

    def keep(self, global_id: int, tickets: Mapping[int, Ticket], *, challenge: int = 0) -> None:
        """Keep what a conversation was granted. Tickets that it did not ask for stay, if the id is still the same.

        `challenge` is that of the connection, if this is a new one: later proofs over it answer it again.
        """
        self._challenge = challenge or self._challenge
        kept = self._tickets if global_id == self.global_id else {}
        self.global_id = global_id
        self._tickets = MappingProxyType({**kept, **tickets})


@dataclass(frozen=True, slots=True)
class Claim:
    """A global id that was granted before, and the ticket that proves it."""

    global_id: int
    ticket: Ticket


@dataclass(frozen=True, slots=True)
class _AtRest:
    """Nothing was said yet."""


@dataclass(frozen=True, slots=True)
class _AwaitChallenge:
    """The request is out."""


@dataclass(frozen=True, slots=True)
class _AwaitDone:
    """The proof is out, with a wish for these tickets, in answer to this challenge."""

    wanted: int
    challenge: int


@dataclass(frozen=True, slots=True)
class _Over:
    """There is nothing left to say, for better or worse."""


_State: TypeAlias = _AtRest | _AwaitChallenge | _AwaitDone | _Over


class CephxClientConversation:
    """One handshake with a monitor. `claim` is what to present again, or None for a new global id."""

    __slots__ = ("_claim", "_dice", "_key", "_method", "_now", "_state")

    def __init__(self, method: CephxClient, key: CryptoKey, claim: Claim | None, dice: Dice, now: float) -> None:
        self._method = method
        self._key = key
        self._claim = claim
        self._dice = dice
        self._now = now
        self._state: _State = _AtRest()

    def begin(self) -> bytes:
        """Return the payload of AUTH_REQUEST; raises StateError the second time."""
        if not isinstance(self._state, _AtRest):
            raise StateError("this conversation has begun; each connection opens its own")
        self._state = _AwaitChallenge()
        global_id = 0 if self._claim is None else self._claim.global_id
        return Request(kind=MON, name=self._method.name, global_id=global_id).encode()

    def more(self, payload: bytes) -> bytes:
        """Take the server's challenge and return the proof; raises AuthError or DecodeError."""
        state, self._state = self._state, _Over()
        if not isinstance(state, _AwaitChallenge):
            raise AuthError("a challenge out of turn: the request is answered by exactly one", rule="CEPHX-17")
        server_challenge = whole(ServerChallenge, payload).challenge
        if server_challenge == 0:
            raise AuthError("a challenge of 0, which no server gives", rule="CEPHX-1")
        client_challenge = Reader(self._dice(8)).number(8)
        wanted = self._method.wanted(self._now)
        proof = prove(self._key, server_challenge=server_challenge, client_challenge=client_challenge)
        old_ticket = TicketBlob() if self._claim is None else self._claim.ticket.blob
        self._state = _AwaitDone(wanted, server_challenge)
        return Authenticate(challenge=client_challenge, proof=proof, old_ticket=old_ticket, other_keys=wanted).encode()

    def done(self, payload: bytes, *, global_id: int, mode: Mode) -> Keys:
        """Take the payload of AUTH_DONE and return the keys; raises AuthError or DecodeError."""
        state, self._state = self._state, _Over()
        if not isinstance(state, _AwaitDone):
            raise AuthError("AUTH_DONE out of turn: it follows the proof", rule="CEPHX-17")
        self._check_id(global_id)
        head = ReplyHead.decode(payload)
        if head.operation != Operation.AUTH_SESSION_KEY or head.status != 0:
            raise AuthError(
                f"operation {head.operation:#x} with status {head.status}, where 0x100 and 0 belong", rule="CEPHX-11"
            )
        reply = whole(SessionReply, payload)
        old = None if self._claim is None else self._claim.ticket.session_key
        ticket = accept_auth(reply.auth, key=self._key, old=old, now=self._now)
        secret = _connection_secret(reply.connection_secret, ticket.session_key, mode)
        tickets = {int(EntityType.AUTH): ticket} | extra_tickets(reply, ticket, state.wanted, self._now)
        self._method.keep(global_id, tickets, challenge=state.challenge)
        return Keys(ticket.session_key.secret, secret)

    def refused(self) -> bool:
        """Drop the claim, if one was proved in vain: then the next conversation may fare better (GLOBALID-4)."""
        state, self._state = self._state, _Over()
        if self._claim is None or not isinstance(state, _AwaitDone):
            return False
        self._method.disown(self._claim)
        return True

    def _check_id(self, global_id: int) -> None:
        """GLOBALID-5: never 0, and never another than the one that was proved."""
        if global_id == 0:
            raise AuthError("AUTH_DONE grants global id 0, which is none", rule="GLOBALID-5")
        if self._claim is not None and global_id != self._claim.global_id:
            raise AuthError(
                f"global id {global_id}, where {self._claim.global_id} was asked for again", rule="GLOBALID-5"
            )


def _connection_secret(blob: bytes, session_key: CryptoKey, mode: Mode) -> bytes:
    """Return the secret that keys the connection, in secure mode, and none in crc mode (CEPHX-13)."""
    sealed = whole(Framed, blob).content
    secret = whole(Framed, open_envelope(session_key, Usage.CONNECTION_SECRET, sealed)).content
    return check_secret(secret, mode, rule="CEPHX-13")
