"""cephx as a monitor speaks it: it knows all keys, and gives tickets."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, TypeAlias

from ...errors import ConfigError, DecodeError
from ...frame import Mode
from ...wire import EntityName, Reader
from ..globalid import GlobalIds
from ..key import CryptoKey, KeyType
from ..keyring import Keyring
from ..method import AuthMethod, Denied, Dice, Done, Identity, Keys, More, Verdict
from ..request import Request, is_for_service
from ..results import Result
from .connection_secret import BOTH_MODES, make_secret
from .desk import CephxDesk
from .office import Office, Refusal, read_authenticate
from .rotating import RotatingSecrets
from .service_server import CephxServiceConversation, CephxServiceServer
from .structs import Authenticate, ServerChallenge

ALL_KEY_TYPES: Final = frozenset({KeyType.AES, KeyType.AES256K})


class CephxServer:
    """The ticket office: admits the entities of `keyring` whose keys are of an allowed type.

    `required_caps` names the services for which an entity must have capabilities to be let in at all; a monitor that
    behaves as Ceph's passes {"mon"}. What else capabilities permit is for the application to judge, from the Identity.
    `pending` are keys that are to replace those in the keyring: until then either is good. `peers` takes what other
    monitors show, where there are any: `CephxServiceServer.for_monitors(key)`.
    """

    __slots__ = ("_global_ids", "_office", "_peers")

    def __init__(
        self,
        keyring: Keyring,
        *,
        secrets: RotatingSecrets,
        global_ids: GlobalIds,
        allowed_key_types: AbstractSet[KeyType] = ALL_KEY_TYPES,
        required_caps: AbstractSet[str] = frozenset(),
        pending: Mapping[EntityName, CryptoKey] = MappingProxyType({}),
        peers: CephxServiceServer | None = None,
    ) -> None:
        if not allowed_key_types or not allowed_key_types <= ALL_KEY_TYPES:
            raise ConfigError(f"allowed key types {set(allowed_key_types)}: some of AES and AES256K [CEPHX-18]")
        self._office = Office(keyring, secrets, pending=pending, allowed=allowed_key_types, required=required_caps)
        self._global_ids = global_ids
        self._peers = peers

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

    @property
    def office(self) -> Office:
        """Who may have tickets, and the secrets that seal them."""
        return self._office

    @property
    def peers(self) -> CephxServiceServer | None:
        """What takes the authorizers of other monitors, if anything does."""
        return self._peers

    @property
    def global_ids(self) -> GlobalIds:
        """Where new global ids come from."""
        return self._global_ids


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
class _AmongPeers:
    """Another monitor shows an authorizer."""

    conversation: CephxServiceConversation


@dataclass(frozen=True, slots=True)
class _Over:
    """Decided."""


_State: TypeAlias = _AwaitRequest | _AwaitProof | _AmongPeers | _Over


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
        if self._method.peers is not None and payload and is_for_service(payload[0]):
            peer = self._method.peers.converse(self._dice, now=self._now)
            verdict = peer.begin(payload, mode=mode)
            self._state = self._state if isinstance(verdict, Denied) else _AmongPeers(peer)
            return verdict
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
        if isinstance(state, _AmongPeers):
            return state.conversation.more(payload)
        if not isinstance(state, _AwaitProof):
            return Denied(Result.EACCES, "AUTH_REQUEST_MORE out of turn [CEPHX-17]")
        try:
            return self._answer(read_authenticate(payload), state)
        except Refusal as refusal:
            return refusal.denied

    def _answer(self, asked: Authenticate, state: _AwaitProof) -> Done:
        """Check the proof and the claimed global id, and return AUTH_DONE with the tickets; raises Refusal."""
        name, office = state.request.name, self._method.office
        global_id, old = state.request.global_id, None
        bearer = office.prove(name, global_id, asked, challenge=state.challenge, dice=self._dice, now=self._now)
        if state.mode is Mode.SECURE and asked.other_keys == 0:
            raise Refusal(Result.EINVAL, f"{name} wants secure mode, but no connection secret [CEPHX-10]")
        if global_id:
            old = office.reclaim(name, global_id, asked.old_ticket, self._now)
        elif asked.old_ticket.is_empty:
            bearer = replace(bearer, global_id=self._method.global_ids.allocate())
        else:
            raise Refusal(Result.EINVAL, f"{name} shows a ticket and claims no global id [GLOBALID-2]")
        secret = make_secret(state.mode, self._dice) if asked.other_keys else b""
        reply, session_key = office.auth_reply(
            bearer, asked.other_keys, old=old, connection_secret=secret, dice=self._dice, now=self._now
        )
        desk = CephxDesk(office, bearer, state.challenge, self._dice)
        identity = Identity(name, bearer.global_id, bearer.caps, desk)
        return Done(reply.encode(), identity, Keys(session_key.secret, secret))
