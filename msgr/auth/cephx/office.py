"""The ticket office: what a monitor checks and gives, in a handshake and, for renewals, in the session after it."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from hmac import compare_digest

from ...errors import DecodeError, PeerError
from ...wire import EntityName, EntityType, Timestamp, type_name
from ..key import CryptoKey, KeyType
from ..keyring import Keyring, KeyringEntry
from ..method import Denied, Dice
from ..results import Result
from .crypto import Usage
from .envelope import seal
from .proof import prove
from .rotating import SERVICES, RotatingSecrets
from .structs import (
    AuthCapsInfo,
    Authenticate,
    AuthTicket,
    BareReply,
    Framed,
    OldAuthenticate,
    Operation,
    RequestHead,
    ServiceTicket,
    SessionReply,
    TicketBlob,
    TicketGrant,
    TicketInfo,
    TicketReply,
)
from .tickets import grant, mint, open_ticket


class Refusal(Exception):
    """Carries a verdict out of the depth of a check; it never leaves cephx."""

    def __init__(self, result: Result, reason: str) -> None:
        super().__init__(reason)
        self.denied = Denied(result, reason)


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whom tickets are for: the key is the one that was proved."""

    name: EntityName
    global_id: int
    caps: Mapping[str, str]
    key: CryptoKey = field(repr=False)


class Office:
    """Who may have tickets, and the secrets that seal them.

    `pending` are keys that are about to take the place of those in the keyring: either proves the entity.
    """

    __slots__ = ("_allowed", "_keyring", "_pending", "_required", "secrets")

    def __init__(
        self,
        keyring: Keyring,
        secrets: RotatingSecrets,
        *,
        pending: Mapping[EntityName, CryptoKey],
        allowed: AbstractSet[KeyType],
        required: AbstractSet[str],
    ) -> None:
        self._keyring = keyring
        self._pending = pending
        self._allowed = frozenset(allowed)
        self._required = frozenset(required)
        self.secrets = secrets

    def entry(self, name: EntityName) -> KeyringEntry | None:
        """Return what the keyring has for `name`, if it may enter at all (CEPHX-18)."""
        entry = self._keyring.get(name) if name in self._keyring else None
        return entry if entry is not None and self._required <= entry.caps.keys() else None

    def keys(self, name: EntityName) -> tuple[CryptoKey, ...]:
        """Return the keys with which `name` may prove itself: its own, and the one that is pending (CEPHX-24)."""
        entry = self.entry(name)
        if entry is None:
            return ()
        pending = self._pending.get(name)
        keys = (entry.key,) if pending is None else (entry.key, pending)
        return tuple([key for key in keys if not key.is_empty and key.type in self._allowed])

    def prove(
        self, name: EntityName, global_id: int, asked: Authenticate, *, challenge: int, dice: Dice, now: float
    ) -> Bearer:
        """Return the bearer whose key made this proof; raises Refusal."""
        entry, keys = self.entry(name), self.keys(name)
        proved: CryptoKey | None = None
        # Unknown names are calculated with a key that nobody has, so that they do not show by a faster answer.
        for key in keys or (CryptoKey.generate(dice, now),):
            proof = prove(key, server_challenge=challenge, client_challenge=asked.challenge)
            if compare_digest(f"{proof:016x}", f"{asked.proof:016x}"):  # CEPHX-22
                proved = key
        if entry is None or proved is None or not keys:
            raise Refusal(Result.EACCES, f"{name}: no such key here, or the wrong proof [CEPHX-18]")
        return Bearer(name, global_id, entry.caps, proved)

    def reclaim(self, name: EntityName, global_id: int, ticket: TicketBlob, now: float) -> CryptoKey:
        """Return the session key in a ticket that proves the claimed global id (GLOBALID-3); raises Refusal."""
        secret = self.secrets.find(EntityType.AUTH, ticket.secret_id, now)
        if secret is None or ticket.is_empty:
            raise Refusal(Result.EACCES, f"{name} claims a global id without a ticket known here [GLOBALID-3]")
        try:
            info = open_ticket(secret, ticket, now)
        except PeerError as error:
            raise Refusal(Result.EACCES, f"{name} claims a global id: {error} [GLOBALID-3]") from None
        if (info.ticket.global_id, info.ticket.name) != (global_id, name):
            raise Refusal(Result.EACCES, f"{name} claims a global id with another's ticket [GLOBALID-3]")
        return info.session_key

    def auth_reply(
        self,
        bearer: Bearer,
        other_keys: int,
        *,
        old: CryptoKey | None,
        connection_secret: bytes | None,
        dice: Dice,
        now: float,
    ) -> tuple[BareReply, CryptoKey]:
        """Return the answer to a proof with an AUTH ticket and those in `other_keys`, and the AUTH session key.

        A `connection_secret` of None is that of an open session, which has its own.
        """
        key_type = KeyType(bearer.key.type)
        auth, session_key = self._ticket(EntityType.AUTH, bearer, bearer.key, old, key_type, dice, now)
        reply = BareReply(auth=TicketReply(grants=(auth,)))
        if not other_keys:
            return reply, session_key
        secret = b""
        if connection_secret is not None:
            framed = Framed(content=connection_secret).encode()
            secret = Framed(content=seal(session_key, Usage.CONNECTION_SECRET, framed, dice)).encode()
        grants = self.service_grants(other_keys, bearer, session_key, dice=dice, now=now)
        extra = TicketReply(grants=grants).encode() if grants else b""
        return SessionReply(auth=reply.auth, connection_secret=secret, extra=extra), session_key

    def service_grants(
        self, mask: int, bearer: Bearer, session_key: CryptoKey, *, dice: Dice, now: float
    ) -> tuple[TicketGrant, ...]:
        """Return tickets for the services in `mask`, sealed with an AUTH session key; other bits are skipped."""
        grants = []
        for service in SERVICES:
            if mask & service:
                weaker = min(session_key.type, self.secrets.current(service, now).key.type)
                grants.append(self._ticket(service, bearer, session_key, None, KeyType(weaker), dice, now)[0])
        return tuple(grants)

    def _ticket(
        self,
        service: EntityType,
        bearer: Bearer,
        key: CryptoKey,
        old: CryptoKey | None,
        key_type: KeyType,
        dice: Dice,
        now: float,
    ) -> tuple[TicketGrant, CryptoKey]:
        """Return a new ticket for `service`, sealed for the holder of `key`, and the session key in it (CEPHX-20)."""
        lifetime = self.secrets.lifetime(service, now)
        session_key = CryptoKey.generate(dice, now, key_type)
        # What a client may do at monitors, these know themselves (CEPHX-25).
        own = service in (EntityType.AUTH, EntityType.MON)
        caps = None if own else bearer.caps.get(type_name(service))
        ticket = AuthTicket(
            name=bearer.name,
            global_id=bearer.global_id,
            created=Timestamp.of(now),
            expires=Timestamp.of(now + lifetime),
            caps=AuthCapsInfo.of(caps),
        )
        info = TicketInfo(ticket=ticket, session_key=session_key)
        blob = mint(self.secrets.current(service, now), info, dice)
        told = ServiceTicket(session_key=session_key, validity=Timestamp.of(lifetime))
        return grant(service, blob, told, key=key, old=old, dice=dice), session_key


def read_authenticate(payload: bytes) -> Authenticate:
    """Return what a proof asks for; bytes after it, of newer versions, stay unread (CEPHX-19). Raises Refusal."""
    try:
        head = RequestHead.decode(payload)
        if head.operation != Operation.AUTH_SESSION_KEY:
            raise Refusal(Result.EINVAL, f"operation {head.operation:#x}, where 0x100 belongs [CEPHX-19]")
        old = OldAuthenticate.decode(payload)
        if old.struct_v > 1:
            return Authenticate.decode(payload)
    except DecodeError as error:
        raise Refusal(Result.EPERM, f"a proof that cannot be read: {error}") from None
    return Authenticate(struct_v=1, challenge=old.challenge, proof=old.proof, old_ticket=old.old_ticket, other_keys=0)
