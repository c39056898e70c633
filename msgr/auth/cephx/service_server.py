"""cephx as an osd, mds or mgr speaks it to its clients: it knows no keys, and opens tickets with rotating secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from ...errors import AuthError, ConfigError, DecodeError, PeerError
from ...frame import Mode
from ...wire import EntityType, Reader, type_name
from ..key import CryptoKey
from ..method import AuthMethod, Denied, Dice, Done, Identity, Keys, More, Verdict
from ..request import is_for_service
from ..results import Result
from .authorizer import WRAP, SecretSource, open_authorize, open_shown
from .authorizer_structs import Authorizer, AuthorizeReply, OldAuthorizeReply
from .connection_secret import BOTH_MODES, make_secret
from .crypto import Usage
from .envelope import seal
from .rotating import SERVICES
from .service_client import GENERAL
from .service_secrets import MonitorKey
from .structs import AuthTicket, CapsText, Framed, ServerChallenge, TicketInfo, whole

SLOP: Final = 30.0
"""Seconds by which the clocks of a cluster may differ before a good ticket is refused (AUTHORIZER-9)."""


class CephxServiceServer:
    """Admits who shows a ticket for `service` that one of `secrets` opens.

    Who that is and what it may do stands in the ticket: the Identity has the capabilities at this service. Tickets
    are taken until `slop` seconds after their end.
    """

    __slots__ = ("_secrets", "_service", "_slop")

    def __init__(self, service: EntityType, secrets: SecretSource, *, slop: float = SLOP) -> None:
        if service not in SERVICES:
            raise ConfigError(f"{type_name(service)} has no clients with tickets: only mon, mds, osd and mgr have any")
        if slop < 0:
            raise ConfigError(f"slop={slop}: tickets cannot end before their end")
        self._service = service
        self._secrets = secrets
        self._slop = slop

    @classmethod
    def for_monitors(cls, key: CryptoKey) -> CephxServiceServer:
        """Return what a monitor with this key of `mon.` takes from other monitors, and from nobody else."""
        return cls(EntityType.MON, MonitorKey(key))

    @property
    def number(self) -> AuthMethod:
        """The number on the wire."""
        return AuthMethod.CEPHX

    @property
    def modes(self) -> frozenset[Mode]:
        """The modes that this method can key."""
        return BOTH_MODES

    def converse(self, dice: Dice, *, now: float) -> CephxServiceConversation:
        """Open the conversation of one connection at wall-clock time `now`, in seconds."""
        return CephxServiceConversation(self, dice, now)

    def open(self, shown: Authorizer, now: float) -> TicketInfo:
        """Return the inside of the ticket that an authorizer shows; raises AuthError or DecodeError."""
        among_monitors = self._service == EntityType.MON
        if (shown.ticket.secret_id == GENERAL) != among_monitors:
            maker = "a monitor made for another" if not among_monitors else "a monitor gave"
            raise AuthError(f"a ticket that {maker}, at {type_name(self._service)}", rule="AUTHORIZER-10")
        info = open_shown(shown, self._service, self._secrets, now=now, slop=self._slop)
        if among_monitors and (info.ticket.global_id, info.ticket.name.type) != (0, EntityType.MON):
            raise AuthError(f"a ticket as monitors make it, for {info.ticket.name}", rule="AUTHORIZER-10")
        return info

    def identity(self, ticket: AuthTicket) -> Identity:
        """Return who a ticket says that its bearer is; raises AuthError or DecodeError."""
        caps = {}
        if ticket.caps.caps:
            caps = {type_name(self._service): whole(CapsText, ticket.caps.caps).text}
        return Identity(ticket.name, ticket.global_id, caps)


@dataclass(frozen=True, slots=True)
class _AwaitFirst:
    """Nothing that counts has been heard."""


@dataclass(frozen=True, slots=True)
class _AwaitSecond:
    """The challenge is out, for the bearer of this ticket."""

    mode: Mode
    first: Authorizer
    session_key: CryptoKey
    identity: Identity
    challenge: int


@dataclass(frozen=True, slots=True)
class _Over:
    """Decided."""


_State: TypeAlias = _AwaitFirst | _AwaitSecond | _Over


class CephxServiceConversation:
    """One handshake with a client."""

    __slots__ = ("_dice", "_method", "_now", "_state")

    def __init__(self, method: CephxServiceServer, dice: Dice, now: float) -> None:
        self._method = method
        self._dice = dice
        self._now = now
        self._state: _State = _AwaitFirst()

    def begin(self, payload: bytes, *, mode: Mode) -> Verdict:
        """Take the payload of AUTH_REQUEST. A client that was denied here may try again, and is challenged anew."""
        if not isinstance(self._state, _AwaitFirst):
            return Denied(Result.EACCES, "AUTH_REQUEST out of turn [AUTHORIZER-2]")
        try:
            first = _read(payload)
            info = self._method.open(first, self._now)
            if open_authorize(info.session_key, first).have_challenge:
                raise AuthError("a first authorizer that answers a challenge", rule="AUTHORIZER-2")
            identity = self._method.identity(info.ticket)
        except PeerError as error:
            return Denied(Result.EACCES, str(error))
        challenge = Reader(self._dice(8)).number(8)
        self._state = _AwaitSecond(mode, first, info.session_key, identity, challenge)
        body = ServerChallenge(challenge=challenge).encode()
        return More(seal(info.session_key, Usage.AUTHORIZE_CHALLENGE, body, self._dice))

    def more(self, payload: bytes) -> Verdict:
        """Take the payload of AUTH_REQUEST_MORE. Right or wrong, the challenge is good for no other."""
        state, self._state = self._state, _Over()
        if not isinstance(state, _AwaitSecond):
            return Denied(Result.EACCES, "AUTH_REQUEST_MORE out of turn [AUTHORIZER-2]")
        try:
            second, first = _read(payload), state.first
            if (second.global_id, second.service, second.ticket) != (first.global_id, first.service, first.ticket):
                raise AuthError("a second authorizer with another ticket than the first", rule="AUTHORIZER-2")
            authorize = open_authorize(state.session_key, second)
            if not authorize.have_challenge:
                raise AuthError("a second authorizer that answers no challenge", rule="AUTHORIZER-2")
            if authorize.challenge_plus_one != (state.challenge + 1) % WRAP:
                raise AuthError("an answer to another challenge than ours", rule="AUTHORIZER-4")
        except PeerError as error:
            return Denied(Result.EACCES, str(error))
        return self._admit(state, (authorize.nonce + 1) % WRAP)

    def _admit(self, state: _AwaitSecond, nonce_plus_one: int) -> Done:
        """Return AUTH_DONE, with the connection secret in secure mode (AUTHORIZER-6)."""
        secret = make_secret(state.mode, self._dice)
        reply = OldAuthorizeReply(nonce_plus_one=nonce_plus_one)
        if secret:
            reply = AuthorizeReply(nonce_plus_one=nonce_plus_one, connection_secret=secret)
        sealed = seal(state.session_key, Usage.AUTHORIZE_REPLY, reply.encode(), self._dice)
        return Done(Framed(content=sealed).encode(), state.identity, Keys(state.session_key.secret, secret))


def _read(payload: bytes) -> Authorizer:
    """Return the authorizer in a payload; raises AuthError or DecodeError."""
    if payload and not is_for_service(payload[0]):
        raise AuthError(f"first byte {payload[0]}, where 1 to 9 belong", rule="AUTHORIZER-1")
    try:
        return Authorizer.decode(payload)
    except DecodeError as error:
        raise AuthError(f"an authorizer that cannot be read: {error.text}", rule="AUTHORIZER-1") from None
