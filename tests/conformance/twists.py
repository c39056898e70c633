"""What lies are made of: frames that are said or heard otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar

from msgr.errors import PeerError
from msgr.frame import Frame, FrameMode, NodeTag, Preamble, Revision, Tag, crc_mode
from msgr.frame.secure import SecureRev0, SecureRev1
from msgr.payload import Control, MessageHeader, NodeControl, of_frame, to_frame

from .liar import Lie, Past

P = TypeVar("P", bound=Any)


class TooStrict(PeerError):
    """What a peer ends the connection over that finds fault where there is none."""

    def __init__(self) -> None:
        super().__init__("a lie", rule="TEST-1")


def refuse(wrong: object) -> None:
    """End the connection if something is `wrong` in the eyes of this peer."""
    if wrong:
        raise TooStrict


def alters(kind: type[P], change: Callable[[P], Control | NodeControl]) -> Lie:
    """Say something else where a payload of this kind belongs."""

    def says(frame: Frame, past: Past) -> Iterable[Frame]:
        if frame.tag != kind.tag:
            return (frame,)
        payload: Any = of_frame(frame)
        return (to_frame(change(payload)),)

    return Lie(says=says)


def sets(kind: type[P], **values: Any) -> Lie:
    """Say other values in a payload of this kind."""
    return alters(kind, lambda payload: replace(payload, **values))


def swallows(*tags: Tag | NodeTag) -> Lie:
    """Leave out what has one of these tags."""
    return Lie(says=lambda frame, past: () if frame.tag in tags else (frame,))


def refuses(kind: type[P], wrong: Callable[[P], object] = lambda _: True) -> Lie:
    """End the connection over a payload of this kind that is right."""

    def hears(frame: Frame, past: Past) -> Frame:
        if frame.tag == kind.tag and not frame.aborted:
            payload: Any = of_frame(frame)
            refuse(wrong(payload))
        return frame

    return Lie(hears=hears)


def refuses_bytes(tag: Tag | NodeTag, wrong: Callable[[bytes], object]) -> Lie:
    """End the connection over a control frame whose bytes are right."""

    def hears(frame: Frame, past: Past) -> Frame:
        if frame.tag == tag:
            refuse(wrong(bytes(frame.segments[0])))
        return frame

    return Lie(hears=hears)


def mishears(kind: type[P], change: Callable[[P], Control | NodeControl]) -> Lie:
    """Take a payload of this kind for something else."""

    def hears(frame: Frame, past: Past) -> Frame:
        if frame.tag != kind.tag:
            return frame
        payload: Any = of_frame(frame)
        return to_frame(change(payload))

    return Lie(hears=hears)


def refuses_message(wrong: Callable[[MessageHeader, Frame], object]) -> Lie:
    """End the connection over a message that is right."""

    def hears(frame: Frame, past: Past) -> Frame:
        if frame.tag == Tag.MESSAGE and not frame.aborted:
            refuse(wrong(MessageHeader.decode(frame.segments[0]), frame))
        return frame

    return Lie(hears=hears)


def heard_before(tag: Tag, past: Past) -> int:
    """Return how many frames with this tag came before."""
    return sum(frame.tag == tag for frame in past)


def canonical(head: bytes) -> None:
    """End the connection over a preamble that is right, and not what we would have written."""
    refuse(Preamble.decode(head).encode() != head)


def no_pieces(size: int) -> Callable[[bytes], None]:
    """End the connection over pieces of the stream that are as short."""
    return lambda data: refuse(len(data) <= size)


def frames_in(revision: Revision) -> Callable[[FrameMode], FrameMode]:
    """Frame in this revision, whatever the banners say."""
    return lambda mode: crc_mode(revision)


class _Picky1(SecureRev1):
    """Judges padding."""

    def _decrypt(self, sealed: Any, what: str) -> bytes:
        plain = super()._decrypt(sealed, what)
        if "head" in what:
            length = Preamble.decode(plain[:32]).lengths[0]
            refuse(any(plain[32 + length :]))
        return plain


def same_nonces(mode: FrameMode) -> FrameMode:
    """Use the nonces of the wrong direction."""
    if isinstance(mode, SecureRev0 | SecureRev1):
        mode._send, mode._receive = mode._receive, mode._send
    return mode


def picky(mode: FrameMode) -> FrameMode:
    """Judge padding in secure mode."""
    if isinstance(mode, SecureRev1):
        mode.__class__ = _Picky1
    elif isinstance(mode, SecureRev0):
        return _PickyBody(mode)
    return mode


class _PickyBody:
    """Judges what msgr2.0 has behind the first segment."""

    head_size = 32

    def __init__(self, mode: SecureRev0) -> None:
        self._mode = mode
        self.seal = mode.seal
        self.open_head = mode.open_head

    def open_body(self, head: Any, body: memoryview) -> Frame:
        frame = self._mode.open_body(head, body)
        if frame.tag == Tag.KEEPALIVE2:  # nobody sees the padding from here; the other end put some in
            refuse(True)
        return frame
