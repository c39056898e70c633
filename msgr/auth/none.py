"""Method none: a name and no proof (AUTH-20 … AUTH-22). It keys nothing, so only crc mode goes with it."""

from __future__ import annotations

from typing import Final

from ..errors import AuthError, DecodeError
from ..frame import Mode
from ..wire import EntityName
from .globalid import GlobalIds
from .method import AuthMethod, Denied, Dice, Done, Identity, Keys, Verdict
from .request import MON, SERVICE, Request
from .results import Result

_CRC_ONLY: Final = frozenset({Mode.CRC})
_NO_KEYS: Final = Keys(session_key=b"", connection_secret=b"")


class NoneClient:
    """Claims to be `name`. `service` says that an osd, mds or mgr is asked, and not a monitor.

    The global id that a server grants is asked for again in later conversations.
    """

    __slots__ = ("global_id", "name", "service")

    def __init__(self, name: EntityName, service: bool = False) -> None:
        self.name = name
        self.service = service
        self.global_id = 0

    @property
    def number(self) -> AuthMethod:
        """The number on the wire."""
        return AuthMethod.NONE

    @property
    def modes(self) -> frozenset[Mode]:
        """The modes that this method can key."""
        return _CRC_ONLY

    def converse(self, dice: Dice, *, now: float) -> NoneClientConversation:
        """Open the conversation of one connection."""
        return NoneClientConversation(self)


class NoneClientConversation:
    """One handshake: a request and its answer."""

    __slots__ = ("_method",)

    def __init__(self, method: NoneClient) -> None:
        self._method = method

    def begin(self) -> bytes:
        """Return the payload of AUTH_REQUEST."""
        method = self._method
        kind = SERVICE if method.service else MON
        return Request(kind=kind, name=method.name, global_id=method.global_id).encode()

    def more(self, payload: bytes) -> bytes:
        """Raise AuthError: this method has no further step."""
        raise AuthError("AUTH_REPLY_MORE, but method none ends with the first answer", rule="AUTH-21")

    def done(self, payload: bytes, *, global_id: int, mode: Mode) -> Keys:
        """Take the empty payload of AUTH_DONE and return keys that are empty; raises AuthError."""
        if mode not in _CRC_ONLY:
            raise AuthError(f"method none cannot key {mode.name} mode, only CRC", rule="AUTH-21")
        if payload:
            raise AuthError(f"{len(payload)} bytes in AUTH_DONE, where method none has nothing to say", rule="AUTH-21")
        self._method.global_id = global_id
        return _NO_KEYS


class NoneServer:
    """Believes every name. `global_ids` serves those who claim no id."""

    __slots__ = ("_global_ids",)

    def __init__(self, global_ids: GlobalIds) -> None:
        self._global_ids = global_ids

    @property
    def number(self) -> AuthMethod:
        """The number on the wire."""
        return AuthMethod.NONE

    @property
    def modes(self) -> frozenset[Mode]:
        """The modes that this method can key."""
        return _CRC_ONLY

    def converse(self, dice: Dice, *, now: float) -> NoneServerConversation:
        """Open the conversation of one connection."""
        return NoneServerConversation(self._global_ids)


class NoneServerConversation:
    """The server's side of one handshake."""

    __slots__ = ("_global_ids",)

    def __init__(self, global_ids: GlobalIds) -> None:
        self._global_ids = global_ids

    def begin(self, payload: bytes, *, mode: Mode) -> Verdict:
        """Take the payload of AUTH_REQUEST and be satisfied with any name in it."""
        if mode not in _CRC_ONLY:
            return Denied(Result.EOPNOTSUPP, f"method none cannot key {mode.name} mode [AUTH-21]")
        try:
            request = Request.decode(payload)
        except DecodeError as error:
            return Denied(Result.EACCES, f"a request that cannot be read: {error}")
        if not (request.for_mon or request.for_service):
            return Denied(Result.EACCES, f"first byte {request.kind}, where 1 to 19 belong [AUTH-20]")
        # AUTH-22: an id is taken at its word, like the name.
        identity = Identity(request.name, request.global_id or self._global_ids.allocate())
        return Done(b"", identity, _NO_KEYS)

    def more(self, payload: bytes) -> Verdict:
        """Refuse: this method has no further step."""
        return Denied(Result.EACCES, "AUTH_REQUEST_MORE, which method none never asks for [AUTH-21]")
