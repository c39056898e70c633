"""Every exception of msgr, in one tree.

::

    MsgrError
    ├── LocalError              the caller asked for something that cannot be
    │   ├── ConfigError         an address, name or setting that makes no sense
    │   │   └── KeyringError    a keyring that cannot be read, or holds no such key
    │   ├── StateError          called when the connection cannot do it (say, after close)
    │   ├── MessageTooLarge     more than the limits allow to be sent
    │   └── Overloaded          more was posted than a session may hold, which ended it
    ├── PeerError               the peer broke a rule; `rule` names it
    │   ├── DecodeError         bytes that are not a value of the declared layout
    │   │   └── ShortRead       fewer bytes than the layout needs
    │   ├── BannerError         not a banner, or one we cannot go on from
    │   ├── FrameError          a frame that cannot be taken apart
    │   │   ├── FrameTooLarge   a length beyond the limits
    │   │   ├── ChecksumError   a crc that does not match
    │   │   └── IntegrityError  an AES-GCM tag that does not match
    │   ├── UnexpectedFrame     a frame that the state does not take
    │   ├── AuthError           an authentication step with the wrong content
    │   │   └── SignatureError  an AUTH_SIGNATURE that does not match
    │   ├── IdentError          an identity that is not the one meant, or not complete
    │   └── Refused             one end said no, within the rules
    │       ├── AuthRefused     with its result code, methods and modes
    │       ├── FeaturesMissing with the missing feature bits
    │       ├── NodeRefused     one node does not let the other in; with its kind and reason
    │       ├── SimultaneousOpen  both ends dialled, and neither can be the server
    │       └── ToldToWait      the peer's own connection is to win
    ├── CommandFailed           a cluster answered a command with an error
    └── ConnectionLost          the stream ended before its time
        ├── ConnectFailed       nobody there
        │   └── ConnectTimedOut nobody answered in time (also a TimedOut)
        ├── TimedOut            a deadline of `Timeouts` passed
        ├── NoncesExhausted     the next frame would repeat a nonce
        ├── Displaced           the session goes on over another connection
        └── OutcomeUnknown      a command was sent, and its answer will never come

A message says what came, what was expected, and the rule's id in brackets.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, unique


@unique
class FailureKind(Enum):
    """Whether it makes sense to try again."""

    PERMANENT = "permanent"
    """Not before somebody changes something: a key, a setting, a version."""
    TRANSIENT = "transient"
    """Later, as it is: nobody there, a broken stream, a late answer."""
    SESSION_MISMATCH = "session mismatch"
    """At once, with a new session: the ends do not agree about the one there was."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far a handshake had come when it failed."""

    state: str
    """What this end was waiting for: the name of the connection's state."""
    dialled: bool
    received: int
    """Bytes that had come in."""
    sent: int
    """Bytes that had been handed out."""

    def __str__(self) -> str:
        way = "outgoing" if self.dialled else "incoming"
        return f"{way}, in {self.state}, {self.received} bytes received, {self.sent} sent"


class MsgrError(Exception):
    """The root of everything that msgr raises on purpose."""

    kind: FailureKind = FailureKind.TRANSIENT
    """Whether it makes sense to try again."""
    step: Step | None = None
    """How far the handshake had come, where one failed."""

    def explain(self) -> str:
        """Return the text with the step, and whether a retry makes sense: a line for a log or a person."""
        return f"{self} ({self.kind.value}{f'; {self.step}' if self.step else ''})"


class LocalError(MsgrError):
    """The caller asked for something that cannot be."""

    kind = FailureKind.PERMANENT


class ConfigError(LocalError, ValueError):
    """An address, a name or a setting makes no sense."""


class KeyringError(ConfigError):
    """A keyring cannot be read, or does not hold the key asked for."""


class StateError(LocalError):
    """The object cannot do this in the state it is in."""


class MessageTooLarge(LocalError):
    """A message is larger than the limits allow to be sent."""


class Overloaded(LocalError):
    """More was posted to a session than it may hold, and that ended it (DELIVERY-4)."""

    kind = FailureKind.TRANSIENT


class PeerError(MsgrError):
    """The peer broke a rule of the protocol.

    `rule` is the id of that rule in the spec.
    """

    kind = FailureKind.PERMANENT

    def __init__(self, text: str, *, rule: str) -> None:
        super().__init__(text, rule)
        self.text = text
        self.rule = rule

    def __str__(self) -> str:
        return f"{self.text} [{self.rule}]"


class DecodeError(PeerError):
    """Bytes are not a value of the declared layout."""


class ShortRead(DecodeError):
    """Fewer bytes are there than the layout needs."""

    def __init__(self, *, needed: int, left: int, rule: str = "WIRE-1") -> None:
        super().__init__(f"{needed} bytes needed, {left} left", rule=rule)
        self.needed = needed
        self.left = left


class BannerError(PeerError):
    """The first bytes are not a banner, or not one we can go on from."""


class FrameError(PeerError):
    """A frame cannot be taken apart."""


class FrameTooLarge(FrameError):
    """A frame announces more bytes than the limits allow."""


class ChecksumError(FrameError):
    """A crc does not match the bytes it covers."""

    kind = FailureKind.TRANSIENT


class IntegrityError(FrameError):
    """An AES-GCM tag does not match: the bytes are not the peer's, or not in their order."""

    kind = FailureKind.TRANSIENT


class UnexpectedFrame(PeerError):
    """A frame came in a state that does not take it."""

    def __init__(self, *, got: str, allowed: Iterable[str], state: str, rule: str = "STATE-1") -> None:
        self.got = got
        self.allowed = tuple(sorted(allowed))
        self.state = state
        super().__init__(f"{got} in {state}, which takes {', '.join(self.allowed) or 'nothing'}", rule=rule)


class AuthError(PeerError):
    """An authentication step has the wrong content."""


class SignatureError(AuthError):
    """An AUTH_SIGNATURE does not cover the bytes that were sent."""


class IdentError(PeerError):
    """The peer's identity is not the one meant, or not complete."""


class Refused(PeerError):
    """One end said no, within the rules."""


class AuthRefused(Refused):
    """Authentication ended with a refusal.

    `result` is the negative errno that was (or would be) sent; `methods` and `modes` are what the refusing end allows.
    `again` says that something granted earlier was presented, and is forgotten now: another try may go better.
    """

    def __init__(
        self,
        text: str,
        *,
        result: int,
        methods: Iterable[int] = (),
        modes: Iterable[int] = (),
        again: bool = False,
        rule: str = "AUTH-5",
    ) -> None:
        super().__init__(text, rule=rule)
        self.result = result
        self.methods = tuple(methods)
        self.modes = tuple(modes)
        self.again = again
        if again:
            self.kind = FailureKind.TRANSIENT


class FeaturesMissing(Refused):
    """The peer needs feature bits that the other end does not have: `mask`."""

    def __init__(self, mask: int, *, rule: str = "IDENT-3") -> None:
        bits = ", ".join(str(bit) for bit in range(mask.bit_length()) if mask >> bit & 1)
        super().__init__(f"feature bits {bits} are missing", rule=rule)
        self.mask = mask


class NodeRefused(Refused):
    """One node does not let the other in: `reason` in words, `kind` says whether to try again.

    `by_peer` tells which end said no; what the peer says is its own claim, made safe to show.
    """

    def __init__(self, reason: str, *, kind: FailureKind, by_peer: bool, rule: str) -> None:
        super().__init__(f"the peer says: {reason}" if by_peer else reason, rule=rule)
        self.reason = reason
        self.kind = kind
        self.by_peer = by_peer


class SimultaneousOpen(Refused):
    """Both ends dialled each other in one connection, and neither can be its server; a later try may not collide."""

    kind = FailureKind.TRANSIENT

    def __init__(self, text: str, *, rule: str = "SIMOPEN-3") -> None:
        super().__init__(text, rule=rule)


class ToldToWait(Refused):
    """The peer is dialling us itself, and its connection is to win (WAIT)."""

    kind = FailureKind.TRANSIENT

    def __init__(self) -> None:
        super().__init__("the peer tells us to wait for its own connection", rule="SESSION-WAIT-1")


class CommandFailed(MsgrError):
    """A cluster answered a command with an error: `code` is a negative errno, `status` a line for people."""

    def __init__(self, code: int, status: str) -> None:
        super().__init__(f"the command failed with {code}: {status or 'no reason given'}")
        self.code = code
        self.status = status


class ConnectionLost(MsgrError):
    """The stream ended before its time."""


class ConnectFailed(ConnectionLost):
    """No connection could be made: nobody there."""


class TimedOut(ConnectionLost):
    """A deadline passed; the text names the step that was waited for."""


class ConnectTimedOut(ConnectFailed, TimedOut):
    """Nobody answered an attempt to connect before its deadline."""


class NoncesExhausted(ConnectionLost):
    """The next frame would repeat an AES-GCM nonce, so the connection has to end (FRAME-11)."""


class Displaced(ConnectionLost):
    """The session goes on over another connection."""


class OutcomeUnknown(ConnectionLost):
    """A command was sent, and its answer will never come: whether it was carried out, nobody can tell."""
