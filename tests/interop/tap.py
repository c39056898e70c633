"""Reads along: what either end of a connection in crc mode says, frame by frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

from msgr.core import Limits
from msgr.frame import Frame, FrameDecoder, FrameMode, NodeTag, Revision, Tag, crc_mode
from msgr.payload import Control, NodeControl, SessionReset, banner, of_frame
from msgr.session import Message
from msgr.session.message import open_message

from ..lab import RELEASES, ReleaseName

Direction: TypeAlias = Literal["seen", "sent"]
"""Which way a frame went, as we have it: seen from the daemon, or sent to it."""

Said: TypeAlias = Control | NodeControl | Message


def tag_of(said: Said) -> Tag | NodeTag:
    """Return the tag of the frame that said this."""
    return Tag.MESSAGE if isinstance(said, Message) else said.tag


def label_of(said: Said) -> str:
    """Return the name of the frame that said this; there are two kinds of resets."""
    return f"SESSION_RESET({said.full:d})" if isinstance(said, SessionReset) else tag_of(said).name


class Witness:
    """Counts the frames that went over real connections, by release, name and direction."""

    def __init__(self) -> None:
        self.release: ReleaseName = RELEASES[0]
        """The release of the daemons that are heard now."""
        self.counts: Counter[tuple[ReleaseName, str, Direction]] = Counter()

    def note(self, said: Said, direction: Direction) -> None:
        """Count a frame."""
        self.counts[self.release, label_of(said), direction] += 1


WITNESS: Final = Witness()
"""Of all tests of one run."""


class Tap:
    """One direction of one connection: fed with its bytes, it tells what they say."""

    _MODE: Final[FrameMode] = crc_mode(Revision.REV1)

    def __init__(self) -> None:
        self._decoder = FrameDecoder(self._MODE, Limits().session(), lambda _: None)
        self._started = False

    def feed(self, data: bytes) -> Iterator[Said]:
        """Take bytes, and yield what is complete."""
        self._decoder.feed(data)
        if not self._started:
            head = self._decoder.peek(banner.HEAD_SIZE)
            if len(head) < banner.HEAD_SIZE:
                return
            self._started = self._decoder.take_raw(banner.HEAD_SIZE + banner.payload_size(head)) is not None
        while self._started and (frame := self._decoder.next_frame()) is not None:
            yield self._open(frame)

    @staticmethod
    def _open(frame: Frame) -> Said:
        return open_message(frame)[1] if frame.tag == Tag.MESSAGE else of_frame(frame)
