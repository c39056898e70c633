"""cephx as a client speaks it to an osd, mds or mgr, and a monitor to another: with a ticket in place of a key."""

from __future__ import annotations

from enum import Enum, auto, unique
from math import inf
from typing import Final

from ...errors import AuthError, ConfigError, StateError
from ...frame import Mode
from ...wire import EntityName, EntityType, Reader, Timestamp, type_name
from ..key import CryptoKey, KeyType
from ..method import AuthMethod, Dice, Keys
from .authorizer import WRAP, authorizer
from .authorizer_structs import AuthorizeReply, OldAuthorizeReply
from .connection_secret import BOTH_MODES, check_secret
from .crypto import Usage
from .envelope import open_envelope
from .rotating import SERVICE_TTL, RotatingSecret
from .structs import AuthCapsInfo, AuthTicket, Framed, ServerChallenge, ServiceTicket, TicketInfo, whole
from .tickets import Holder, Ticket, mint

KNOWS_TICKETS: Final = (EntityType.MDS, EntityType.OSD, EntityType.MGR)
"""The services that take the tickets of a monitor; a monitor itself does not (AUTHORIZER-10)."""
GENERAL: Final = (1 << 64) - 1
"""The secret id that means the long-term key of the service itself."""
MONITORS: Final = EntityName(type=EntityType.MON, id="")
"""Whose key it is by which monitors know each other."""


class CephxServiceClient:
    """Shows the ticket for `service` that `holder` has at the time of each connection.

    One that is refused stays with its holder, who knows where to get another.
    """

    __slots__ = ("_holder", "_service")

    def __init__(self, holder: Holder, service: EntityType) -> None:
        if service not in KNOWS_TICKETS:
            raise ConfigError(f"no ticket opens a {type_name(service)}: only mds, osd and mgr take one [AUTHORIZER-10]")
        self._holder = holder
        self._service = service

    @property
    def number(self) -> AuthMethod:
        """The number on the wire."""
        return AuthMethod.CEPHX

    @property
    def modes(self) -> frozenset[Mode]:
        """The modes that this method can key."""
        return BOTH_MODES

    def converse(self, dice: Dice, *, now: float) -> CephxServiceClientConversation:
        """Open the conversation of one connection at wall-clock time `now`, in seconds.

        Raises StateError where there is no good ticket for the service.
        """
        ticket = self._holder.tickets.get(self._service)
        if ticket is None or not ticket.is_good(now):
            name = type_name(self._service)
            state = "no" if ticket is None else "only an expired"
            raise StateError(f"{state} ticket for {name}: a monitor gives them, to who needs them [AUTHORIZER-12]")
        return CephxServiceClientConversation(ticket, self._holder.global_id, dice)


class CephxMonitorPeer:
    """Is one monitor to another: with the key of `mon.`, a ticket needs nobody to grant it (AUTHORIZER-10)."""

    __slots__ = ("_key",)

    def __init__(self, key: CryptoKey) -> None:
        if key.is_empty:
            raise ConfigError("mon. has an empty key, which proves nothing [KEY-2]")
        self._key = key

    @property
    def number(self) -> AuthMethod:
        """The number on the wire."""
        return AuthMethod.CEPHX

    @property
    def modes(self) -> frozenset[Mode]:
        """The modes that this method can key."""
        return BOTH_MODES

    def converse(self, dice: Dice, *, now: float) -> CephxServiceClientConversation:
        """Open the conversation of one connection at wall-clock time `now`, in seconds."""
        session_key = CryptoKey.generate(dice, now, KeyType(self._key.type))
        ticket = AuthTicket(
            name=MONITORS,
            global_id=0,
            created=Timestamp.of(now),
            expires=Timestamp.of(now + SERVICE_TTL),
            caps=AuthCapsInfo.of("allow *"),
        )
        blob = mint(RotatingSecret(GENERAL, self._key, inf), TicketInfo(ticket=ticket, session_key=session_key), dice)
        told = ServiceTicket(session_key=session_key, validity=Timestamp.of(SERVICE_TTL))
        return CephxServiceClientConversation(Ticket.received(EntityType.MON, told, blob, now), 0, dice)


@unique
class _Turn(Enum):
    """What a conversation waits for; OVER is the end, for better or worse."""

    BEGIN = auto()
    CHALLENGE = auto()
    DONE = auto()
    OVER = auto()


class CephxServiceClientConversation:
    """One handshake with a service."""

    __slots__ = ("_dice", "_global_id", "_nonce", "_ticket", "_turn")

    def __init__(self, ticket: Ticket, global_id: int, dice: Dice) -> None:
        self._ticket = ticket
        self._global_id = global_id
        self._dice = dice
        self._nonce = Reader(dice(8)).number(8)
        self._turn = _Turn.BEGIN

    def begin(self) -> bytes:
        """Return the payload of AUTH_REQUEST; raises StateError the second time."""
        if self._turn is not _Turn.BEGIN:
            raise StateError("this conversation has begun; each connection opens its own")
        self._turn = _Turn.CHALLENGE
        return self._show(None)

    def more(self, payload: bytes) -> bytes:
        """Take the service's challenge and answer it, once (AUTHORIZER-3); raises AuthError or DecodeError."""
        turn, self._turn = self._turn, _Turn.OVER
        if turn is not _Turn.CHALLENGE:
            raise AuthError("a challenge out of turn: an authorizer is answered by exactly one", rule="AUTHORIZER-3")
        body = open_envelope(self._ticket.session_key, Usage.AUTHORIZE_CHALLENGE, payload)
        self._turn = _Turn.DONE
        return self._show(whole(ServerChallenge, body).challenge)

    def done(self, payload: bytes, *, global_id: int, mode: Mode) -> Keys:
        """Take the payload of AUTH_DONE and return the keys (AUTHORIZER-5, AUTHORIZER-11); raises PeerError."""
        turn, self._turn = self._turn, _Turn.OVER
        if turn is not _Turn.DONE:
            raise AuthError("AUTH_DONE without a challenge, which every service gives", rule="AUTHORIZER-3")
        if global_id != self._global_id:
            raise AuthError(f"global id {global_id}; that in the ticket is {self._global_id}", rule="AUTHORIZER-5")
        key = self._ticket.session_key
        body = open_envelope(key, Usage.AUTHORIZE_REPLY, whole(Framed, payload).content)
        reply = OldAuthorizeReply.decode(body)
        if reply.nonce_plus_one != (self._nonce + 1) % WRAP:
            raise AuthError("an answer to another nonce than ours", rule="AUTHORIZER-5")
        secret = whole(AuthorizeReply, body).connection_secret if reply.struct_v > 1 else b""
        if reply.struct_v <= 1:
            whole(OldAuthorizeReply, body)
        return Keys(key.secret, check_secret(secret, mode, rule="AUTHORIZER-6"))

    def _show(self, challenge: int | None) -> bytes:
        shown = authorizer(self._ticket, self._global_id, nonce=self._nonce, challenge=challenge, dice=self._dice)
        return shown.encode()
