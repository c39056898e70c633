"""What an authentication method is: blobs in, blobs out.

A *method* is a long-lived setting (a name and its key, a keyring). For each connection it opens a *conversation*, which
holds the state of that one handshake. The core carries the blobs in AUTH_REQUEST, AUTH_REPLY_MORE, AUTH_REQUEST_MORE
and AUTH_DONE, and turns a server's `Denied` into AUTH_BAD_METHOD; methods know nothing of frames.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, unique
from typing import Protocol, TypeAlias, runtime_checkable

from ..frame import Mode
from ..wire import EntityName

Dice: TypeAlias = Callable[[int], bytes]
"""Returns that many random bytes; `secrets.token_bytes` in earnest, a fixed stream in vectors."""


@unique
class AuthMethod(IntEnum):
    """The numbers of the methods."""

    NONE = 1
    CEPHX = 2
    GSS = 4


@dataclass(frozen=True, slots=True)
class Keys:
    """The secrets that a finished conversation leaves to the connection.

    `session_key` signs (empty with method none); `connection_secret` feeds AES-GCM: 64 bytes in secure mode, else none.
    """

    session_key: bytes = field(repr=False)
    connection_secret: bytes = field(repr=False)


class TicketDesk(Protocol):
    """Where a client renews its tickets in the session that its conversation opened."""

    def answer(self, payload: bytes, *, now: float) -> tuple[int, bytes]:
        """Return the result, 0 or a negative errno, and the content of the answer to a request.

        `now` is wall-clock time, in seconds. Nothing that a client sends makes it raise.
        """


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a server's conversation found the peer to be.

    `caps` maps a service's name to its capability text. `desk` is there where the method has tickets to renew.
    """

    name: EntityName
    global_id: int
    caps: Mapping[str, str] = field(default_factory=dict)
    desk: TicketDesk | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class More:
    """The server asks for another step: AUTH_REPLY_MORE with this payload."""

    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Done:
    """The server is satisfied: AUTH_DONE with this payload."""

    payload: bytes = field(repr=False)
    identity: Identity
    keys: Keys


@dataclass(frozen=True, slots=True)
class Denied:
    """The server refuses: AUTH_BAD_METHOD with this negative errno. `reason` stays at home: no peer is told why."""

    result: int
    reason: str


Verdict: TypeAlias = More | Done | Denied


class ClientConversation(Protocol):
    """A client's side of one handshake.

    `more` and `done` raise AuthError (or DecodeError) when the server's blob is not what it must be.
    """

    def begin(self) -> bytes:
        """Return the payload of AUTH_REQUEST."""

    def more(self, payload: bytes) -> bytes:
        """Take the payload of AUTH_REPLY_MORE and return that of AUTH_REQUEST_MORE."""

    def done(self, payload: bytes, *, global_id: int, mode: Mode) -> Keys:
        """Take the payload of AUTH_DONE and return the keys."""


@runtime_checkable
class Claimant(Protocol):
    """A client's conversation that may present what an earlier one was granted; the others need not have this."""

    def refused(self) -> bool:
        """Take note of the server's refusal.

        Tells whether something granted earlier was presented. It is forgotten then, so that the next conversation
        begins anew, and may fare better (GLOBALID-4).
        """


class ClientMethod(Protocol):
    """A method as a client uses it."""

    @property
    def number(self) -> int:
        """The number on the wire, an `AuthMethod` where it has a name."""

    @property
    def modes(self) -> frozenset[Mode]:
        """The modes that this method can key."""

    def converse(self, dice: Dice, *, now: float) -> ClientConversation:
        """Open the conversation of one connection at wall-clock time `now`, in seconds."""


class ServerConversation(Protocol):
    """A server's side of one handshake. Nothing that a client sends makes it raise: bad blobs are `Denied`."""

    def begin(self, payload: bytes, *, mode: Mode) -> Verdict:
        """Take the payload of AUTH_REQUEST; `mode` is the connection mode that the server chose."""

    def more(self, payload: bytes) -> Verdict:
        """Take the payload of AUTH_REQUEST_MORE."""


class ServerMethod(Protocol):
    """A method as a server uses it."""

    @property
    def number(self) -> int:
        """The number on the wire, an `AuthMethod` where it has a name."""

    @property
    def modes(self) -> frozenset[Mode]:
        """The modes that this method can key."""

    def converse(self, dice: Dice, *, now: float) -> ServerConversation:
        """Open the conversation of one connection at wall-clock time `now`, in seconds."""
