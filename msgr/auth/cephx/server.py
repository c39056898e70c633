"""cephx as a monitor speaks it: it knows all keys, and gives tickets."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from hmac import compare_digest
from typing import Final, TypeAlias

from ...errors import ConfigError, DecodeError, PeerError
from ...frame import Mode
from ...wire import EntityName, EntityType, Reader, Timestamp, type_name
from ..globalid import GlobalIds
from ..key import CryptoKey, KeyType
from ..keyring import Keyring, KeyringEntry
from ..method import AuthMethod, Denied, Dice, Done, Identity, Keys, More, Verdict
from ..request import Request
from ..results import Result
from .client import BOTH_MODES
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
    ServerChallenge,
    ServiceTicket,
    SessionReply,
    TicketBlob,
    TicketGrant,
    TicketInfo,
    TicketReply,
)
from .tickets import grant, mint, open_ticket

SECRET_SIZE: Final = 64
"""Bytes of connection secret that a server gives in secure mode."""
ALL_KEY_TYPES: Final = frozenset({KeyType.AES, KeyType.AES256K})


class CephxServer:
    """The ticket office: admits the entities of `keyring` whose keys are of an allowed type.

    `required_caps` names the services for which an entity must have capabilities to be let in at all; a monitor that
    behaves as Ceph's passes {"mon"}. What else capabilities permit is for the application to judge, from the Identity.
    """

    __slots__ = ("_allowed", "_global_ids", "_keyring", "_required", "_secrets")

    def __init__(
        self,
        keyring: Keyring,
        *,
        secrets: RotatingSecrets,
        global_ids: GlobalIds,
        allowed_key_types: AbstractSet[KeyType] = ALL_KEY_TYPES,
        required_caps: AbstractSet[str] = frozenset(),
    ) -> None:
        if not allowed_key_types or not allowed_key_types <= ALL_KEY_TYPES:
            raise ConfigError(f"allowed key types {set(allowed_key_types)}: some of AES and AES256K [CEPHX-18]")
        self._keyring = keyring
        self._secrets = secrets
        self._global_ids = global_ids
        self._allowed = frozenset(allowed_key_types)
        self._required = frozenset(required_caps)

    @property
    def number(self) -> AuthMethod:
        """The number on the wire."""
        return AuthMethod.CEPHX

    @property
    def modes(self) -> frozenset[Mode]:
        """The modes that this method can key."""
        return BOTH_MODES

    def converse(self, dice: Dice, *, now: float) -> CephxServerConversation:
        """Open the conversation of one connection at wall-clock time `now`, in seconds."""
        return CephxServerConversation(self, dice, now)

    def entry(self, name: EntityName) -> KeyringEntry | None:
        """Return what the keyring has for `name`, if it may enter at all (CEPHX-18)."""
        entry = self._keyring.get(name) if name in self._keyring else None
        allowed = entry is not None and not entry.key.is_empty and entry.key.type in self._allowed
        return entry if entry is not None and allowed and self._required <= entry.caps.keys() else None

    @property
    def secrets(self) -> RotatingSecrets:
        """The secrets that seal tickets."""
        return self._secrets

    @property
    def global_ids(self) -> GlobalIds:
        """Where new global ids come from."""
        return self._global_ids


class _Refusal(Exception):
    """Carries a verdict out of the depth of a check; it never leaves this module."""

    def __init__(self, result: Result, reason: str) -> None:
        super().__init__(reason)
        self.denied = Denied(result, reason)


@dataclass(frozen=True, slots=True)
class _AwaitRequest:
    """Nothing that counts has been heard."""


@dataclass(frozen=True, slots=True)
class _AwaitProof:
    """The challenge is out."""

    request: Request
    challenge: int
    mode: Mode


@dataclass(frozen=True, slots=True)
class _Over:
    """Decided."""


_State: TypeAlias = _AwaitRequest | _AwaitProof | _Over


@dataclass(frozen=True, slots=True)
class _Proved:
    """A client whose proof was right, and what it may have."""

    name: EntityName
    entry: KeyringEntry
    global_id: int
    old_session_key: CryptoKey | None


class CephxServerConversation:
    """One handshake with a client."""

    __slots__ = ("_dice", "_method", "_now", "_state")

    def __init__(self, method: CephxServer, dice: Dice, now: float) -> None:
        self._method = method
        self._dice = dice
        self._now = now
        self._state: _State = _AwaitRequest()

    def begin(self, payload: bytes, *, mode: Mode) -> Verdict:
        """Take the payload of AUTH_REQUEST. A client that was denied here may try again."""
        if not isinstance(self._state, _AwaitRequest):
            return Denied(Result.EACCES, "AUTH_REQUEST out of turn [CEPHX-17]")
        try:
            request = Request.decode(payload)
        except DecodeError as error:
            return Denied(Result.EACCES, f"a request that cannot be read: {error}")
        if not request.for_mon:
            return Denied(Result.EACCES, f"first byte {request.kind}, where 10 to 19 belong [CEPHX-8]")
        # CEPHX-1: whoever asks is given a challenge, so that names cannot be tried out; and it is never 0.
        challenge = Reader(self._dice(8)).number(8) or 1
        self._state = _AwaitProof(request, challenge, mode)
        return More(ServerChallenge(challenge=challenge).encode())

    def more(self, payload: bytes) -> Verdict:
        """Take the payload of AUTH_REQUEST_MORE."""
        state, self._state = self._state, _Over()
        if not isinstance(state, _AwaitProof):
            return Denied(Result.EACCES, "AUTH_REQUEST_MORE out of turn [CEPHX-17]")
        try:
            asked = _read_authenticate(payload)
            return self._answer(asked, self._prove(asked, state), state.mode)
        except _Refusal as refusal:
            return refusal.denied

    def _prove(self, asked: Authenticate, state: _AwaitProof) -> _Proved:
        """Check the proof and the claimed global id."""
        name = state.request.name
        entry = self._method.entry(name)
        # Unknown names are calculated with a key that nobody has, so that they do not show by a faster answer.
        key = CryptoKey.generate(self._dice, self._now) if entry is None else entry.key
        proof = prove(key, server_challenge=state.challenge, client_challenge=asked.challenge)
        right = compare_digest(f"{proof:016x}", f"{asked.proof:016x}")  # CEPHX-22
        if entry is None or not right:
            raise _Refusal(Result.EACCES, f"{name}: no such key here, or the wrong proof [CEPHX-18]")
        if state.mode is Mode.SECURE and asked.other_keys == 0:
            raise _Refusal(Result.EINVAL, f"{name} wants secure mode, but no connection secret [CEPHX-10]")
        if state.request.global_id:
            return _Proved(name, entry, state.request.global_id, self._reclaim(state.request, asked.old_ticket))
        if not asked.old_ticket.is_empty:
            raise _Refusal(Result.EINVAL, f"{name} shows a ticket and claims no global id [GLOBALID-2]")
        return _Proved(name, entry, self._method.global_ids.allocate(), None)

    def _reclaim(self, request: Request, ticket: TicketBlob) -> CryptoKey:
        """Return the session key in a ticket that proves the claimed global id (GLOBALID-3)."""
        secret = self._method.secrets.find(EntityType.AUTH, ticket.secret_id, self._now)
        if secret is None or ticket.is_empty:
            raise _Refusal(Result.EACCES, f"{request.name} claims a global id without a ticket known here [GLOBALID-3]")
        try:
            info = open_ticket(secret, ticket, self._now)
        except PeerError as error:
            raise _Refusal(Result.EACCES, f"{request.name} claims a global id: {error} [GLOBALID-3]") from None
        if (info.ticket.global_id, info.ticket.name) != (request.global_id, request.name):
            raise _Refusal(Result.EACCES, f"{request.name} claims a global id with another's ticket [GLOBALID-3]")
        return info.session_key

    def _answer(self, asked: Authenticate, client: _Proved, mode: Mode) -> Done:
        """Return AUTH_DONE with the tickets, and the keys of the connection."""
        key = client.entry.key
        auth, session_key = self._ticket(EntityType.AUTH, client, key, client.old_session_key, KeyType(key.type))
        reply = BareReply(auth=TicketReply(grants=(auth,)))
        secret = b""
        if asked.other_keys:
            secret = self._dice(SECRET_SIZE) if mode is Mode.SECURE else b""
            framed = Framed(content=secret).encode()
            sealed = seal(session_key, Usage.CONNECTION_SECRET, framed, self._dice)
            reply = SessionReply(
                auth=reply.auth,
                connection_secret=Framed(content=sealed).encode(),
                extra=self._extra(asked.other_keys, client, session_key),
            )
        identity = Identity(client.name, client.global_id, client.entry.caps)
        return Done(reply.encode(), identity, Keys(session_key.secret, secret))

    def _extra(self, mask: int, client: _Proved, session_key: CryptoKey) -> bytes:
        """Return the tickets of the services in `mask`; bits of others are nobody's, and skipped."""
        grants = []
        for service in SERVICES:
            if mask & service:
                weaker = min(session_key.type, self._method.secrets.current(service, self._now).key.type)
                grants.append(self._ticket(service, client, session_key, None, KeyType(weaker))[0])
        return TicketReply(grants=tuple(grants)).encode() if grants else b""

    def _ticket(
        self, service: EntityType, client: _Proved, key: CryptoKey, old: CryptoKey | None, key_type: KeyType
    ) -> tuple[TicketGrant, CryptoKey]:
        """Return a new ticket for `service`, sealed for the holder of `key`, and the session key in it (CEPHX-20)."""
        secrets = self._method.secrets
        lifetime = secrets.lifetime(service, self._now)
        session_key = CryptoKey.generate(self._dice, self._now, key_type)
        caps = None if service is EntityType.AUTH else client.entry.caps.get(type_name(service))
        ticket = AuthTicket(
            name=client.name,
            global_id=client.global_id,
            created=Timestamp.of(self._now),
            expires=Timestamp.of(self._now + lifetime),
            caps=AuthCapsInfo.of(caps),
        )
        info = TicketInfo(ticket=ticket, session_key=session_key)
        blob = mint(secrets.current(service, self._now), info, self._dice)
        told = ServiceTicket(session_key=session_key, validity=Timestamp.of(lifetime))
        return grant(service, blob, told, key=key, old=old, dice=self._dice), session_key


def _read_authenticate(payload: bytes) -> Authenticate:
    """Return what a client's second step asks; bytes after it, of newer versions, stay unread (CEPHX-19)."""
    try:
        head = RequestHead.decode(payload)
        if head.operation != Operation.AUTH_SESSION_KEY:
            raise _Refusal(Result.EINVAL, f"operation {head.operation:#x}, where 0x100 belongs [CEPHX-19]")
        old = OldAuthenticate.decode(payload)
        if old.struct_v > 1:
            return Authenticate.decode(payload)
    except DecodeError as error:
        raise _Refusal(Result.EPERM, f"a proof that cannot be read: {error}") from None
    return Authenticate(struct_v=1, challenge=old.challenge, proof=old.proof, old_ticket=old.old_ticket, other_keys=0)
