"""A peer that is played by hand: it says what a case wants said, right or wrong, and hears what is answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

import anyio

from ..auth import Dice
from ..errors import PeerError
from ..frame import (
    Frame,
    FrameDecoder,
    FrameLimits,
    FrameMode,
    Mode,
    NodeTag,
    Revision,
    SecureKeys,
    Tag,
    crc_mode,
    tag_name,
)
from ..payload import Banner, Control, Keepalive, KeepaliveAck, NodeControl, of_frame, to_frame
from ..payload.banner import HEAD_SIZE, payload_size
from ..wire import Record, Timestamp
from .damage import Twist, TwistingRev0, TwistingRev1, skip_nonce, twisted
from .transcript import describe, words
from .verdict import Ending, NotJudged, Violation
from .wire import Wire

_LIMITS: Final = FrameLimits((1 << 20, 32 << 20, 32 << 20, 32 << 20))
_TRAFFIC: Final = frozenset({Tag.MESSAGE, Tag.KEEPALIVE2, Tag.KEEPALIVE2_ACK, Tag.ACK})
_SAYS_NOTHING: Final = "the peer ends the connection, and says nothing more"

_CRAWL: Final = 0.002

P = TypeVar("P", bound=Control | NodeControl)


class Silence(Exception):
    """Nothing came in the time that there was."""


@dataclass(frozen=True, slots=True)
class Form:
    """How frames are written: the revision, and the mode once authentication is over."""

    revision: Revision
    mode: Mode

    def __str__(self) -> str:
        return f"{self.mode.name.lower()}-{self.revision}"


@dataclass(slots=True)
class Checks:
    """What was last expected, and what was seen."""

    expected: str = ""
    seen: str = ""

    def expect(self, expected: str) -> None:
        """Note what is expected now."""
        self.expected, self.seen = expected, ""

    def fail(self, seen: str) -> Violation:
        """Return the violation that was seen instead of what is expected."""
        self.seen = seen
        return Violation(self.expected, seen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a case is given: how long each answer may take in seconds, its dice, its clocks, and where it notes."""

    timeout: float
    patience: float
    """How long a handshake that does not go on may last."""
    dice: Dice
    clock: Callable[[], float]
    wall: Callable[[], float]
    checks: Checks


class Peer:
    """Our end of one connection with the peer that is judged.

    `said` and `heard` are all bytes up to AUTH_DONE, which the signatures cover.
    """

    def __init__(self, wire: Wire, terms: Terms, *, dialled: bool) -> None:
        self.wire = wire
        self.terms = terms
        self.dialled = dialled
        self.in_session = False
        """Whether messages may come in at any time."""
        self.said = bytearray()
        self.heard = bytearray()
        self._raw = bytearray()
        self._decoder = FrameDecoder(crc_mode(Revision.REV1), _LIMITS, lambda _: None, self._tap)

    def _tap(self, data: Any) -> None:
        self._raw += data

    def _taken(self, says: str) -> None:
        data, self._raw = bytes(self._raw), bytearray()
        self.wire.transcript.note(sent=False, says=says, data=data)
        self.heard += data

    # Saying.

    @property
    def mode(self) -> FrameMode:
        """How frames are written and read at present."""
        return self._decoder.mode

    def frame_in(self, revision: Revision) -> None:
        """Go over to crc mode of a revision, as the banners are exchanged."""
        self._decoder.mode = crc_mode(revision)

    def go_on_in(self, mode: FrameMode) -> None:
        """Go over to a mode that was there before."""
        self._decoder.mode = mode

    def encrypt(self, revision: Revision, secret: bytes) -> None:
        """Go over to secure mode; raises AuthError."""
        kind = TwistingRev0 if revision is Revision.REV0 else TwistingRev1
        self._decoder.mode = kind(SecureKeys.of_secret(secret), client=self.dialled)

    async def write(self, data: bytes, says: str = "bytes") -> None:
        """Write bytes as they are."""
        self.said += data
        await self.wire.write(data, says)

    async def crawl(self, data: bytes) -> None:
        """Write bytes one by one, slowly enough that many of them travel alone."""
        self.said += data
        for byte in data:
            await self.wire.write(bytes([byte]), "a byte")
            await anyio.sleep(_CRAWL)

    def seal(self, frame: Frame) -> bytes:
        """Return the bytes of a frame in the present mode. In secure mode that uses up nonces."""
        return b"".join(bytes(piece) for piece in self.mode.seal(frame))

    def damage(self, frame: Frame, twist: Twist) -> bytes:
        """Return the bytes of a frame in secure mode whose plaintexts are changed, under right tags."""
        return twisted(self._secure, frame, twist)

    def skip_nonce(self) -> None:
        """Let a nonce of our direction go by unused."""
        skip_nonce(self._secure)

    @property
    def _secure(self) -> TwistingRev0 | TwistingRev1:
        mode = self.mode
        assert isinstance(mode, TwistingRev0 | TwistingRev1)
        return mode

    async def send_frame(self, frame: Frame) -> None:
        """Send a frame."""
        await self.write(self.seal(frame), describe(frame))

    async def send(self, payload: Control | NodeControl) -> None:
        """Send a control frame."""
        await self.send_frame(to_frame(payload))

    # Hearing.

    async def hear_banner(self) -> Banner:
        """Return the peer's banner."""
        checks = self.terms.checks
        checks.expect("a banner: `ceph v2`, a newline, a length, and two words of features")
        with anyio.move_on_after(self.terms.timeout):
            while True:
                try:
                    head = self._decoder.peek(HEAD_SIZE)
                    size = payload_size(head) if len(head) == HEAD_SIZE else None
                    raw = None if size is None else self._decoder.take_raw(HEAD_SIZE + size)
                    if raw is not None:
                        banner = Banner.of_wire(raw)
                        self._taken(repr(banner))
                        checks.seen = repr(banner)
                        return banner
                except PeerError as error:
                    raise checks.fail(str(error)) from None
                data = await self.wire.read()
                if not data:
                    raise checks.fail(f"{head!r}, then the connection is {self.wire.ending.value}")
                self._decoder.feed(data)
        raise checks.fail(f"{self._decoder.peek(64)!r} in {self.terms.timeout:g} s")

    async def next(self, within: float | None = None) -> Frame | None:
        """Return the next frame, or None at the end of the stream; raises Silence, and Violation for a broken frame."""
        with anyio.move_on_after(self.terms.timeout if within is None else within):
            while True:
                try:
                    frame = self._decoder.next_frame()
                except PeerError as error:
                    self._taken(f"no frame: {error}")
                    raise self.terms.checks.fail(f"bytes that are no frame: {error}") from None
                if frame is not None:
                    self._taken(describe(frame))
                    return frame
                data = await self.wire.read()
                if not data:
                    return None
                self._decoder.feed(data)
        raise Silence

    async def expect_frame(self, tag: Tag | NodeTag, *, what: str = "") -> Frame:
        """Return the next frame, which must have this tag; in a session other traffic is passed over."""
        checks = self.terms.checks
        checks.expect(what or tag.name)
        while True:
            try:
                frame = await self.next()
            except Silence:
                raise checks.fail(f"nothing in {self.terms.timeout:g} s") from None
            if self.in_session and frame is not None and frame.tag in _TRAFFIC and frame.tag != tag:
                continue
            return self._checked(frame, tag)

    def _checked(self, frame: Frame | None, tag: Tag | NodeTag) -> Frame:
        checks = self.terms.checks
        if frame is None:
            raise checks.fail(f"the connection is {self.wire.ending.value}")
        checks.seen = describe(frame)
        if frame.tag != tag or frame.aborted:
            raise checks.fail(checks.seen)
        return frame

    async def expect(self, kind: type[P], *, what: str = "") -> P:
        """Return what the peer says next, which must be of this kind."""
        return self.payload_of(await self.expect_frame(kind.tag, what=what), kind, what=what)

    def payload_of(self, frame: Frame | None, kind: type[P], *, what: str = "") -> P:
        """Return what a frame says, which must be of this kind."""
        self.terms.checks.expect(what or kind.tag.name)
        frame = self._checked(frame, kind.tag)
        try:
            payload = of_frame(frame)
        except PeerError as error:
            raise self.terms.checks.fail(str(error)) from None
        assert isinstance(payload, kind)
        return payload

    def check(self, kept: bool, expected: str, seen: object) -> None:
        """Note a check; raises Violation unless it is `kept`."""
        text = words(seen) if isinstance(seen, Record) else str(seen)
        self.terms.checks.expect(expected)
        self.terms.checks.seen = text
        if not kept:
            raise self.terms.checks.fail(text)

    async def refuses(self, *, within: float | None = None, expected: str = _SAYS_NOTHING) -> None:
        """Check that the peer ends the connection, and says nothing more; messages that were on their way may come."""
        checks = self.terms.checks
        checks.expect(expected)
        while True:
            try:
                frame = await self.next(within)
            except Silence:
                raise checks.fail(f"still open after {within or self.terms.timeout:g} s") from None
            if frame is None:
                break
            if not (self.in_session and frame.tag in _TRAFFIC):
                raise checks.fail(describe(frame))
        checks.seen = f"the connection is {self.wire.ending.value}"

    async def stays_silent(self, seconds: float, *, why: str) -> None:
        """Check that the peer says nothing for a while, and does not leave."""
        checks = self.terms.checks
        checks.expect(why)
        try:
            frame = await self.next(seconds)
        except Silence:
            checks.seen = f"nothing in {seconds:g} s"
            return
        raise checks.fail(f"the connection is {self.wire.ending.value}" if frame is None else describe(frame))

    async def lives(self, *, why: str = "the session goes on: a keepalive is answered") -> None:
        """Check that the session works, by a keepalive."""
        stamp = Timestamp(seconds=77, nanoseconds=self.terms.dice(1)[0])
        await self.send(Keepalive(stamp=stamp))
        while True:
            found = await self.expect(KeepaliveAck, what=why)
            if found.stamp == stamp:
                return

    async def leave(self) -> None:
        """Close at our end, and note what came that was no frame."""
        if rest := self._decoder.pending:
            self._raw += self._decoder.peek(rest)
            where = self._decoder.awaiting
            self._taken(f"{rest} more bytes" if where is None else f"a part of {tag_name(where.tag)}")
        await self.wire.close()

    @property
    def is_open(self) -> bool:
        """Whether the peer has not ended the connection, as far as was read."""
        return self.wire.ending is Ending.OPEN

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        with anyio.CancelScope(shield=True):
            await self.leave()


def require(fact: object, reason: str) -> None:
    """Raise NotJudged for the reason given unless `fact` holds."""
    if not fact:
        raise NotJudged(reason)
