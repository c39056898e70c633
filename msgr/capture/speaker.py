"""One direction of a connection: its bytes, cut into frames as far as they can be."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from ..errors import ChecksumError, FrameError, FrameTooLarge, IntegrityError, PeerError
from ..frame import (
    Frame,
    FrameCompressor,
    FrameLimits,
    FrameMode,
    Head,
    NodeTag,
    Preamble,
    Revision,
    crc_mode,
    tag_name,
)
from ..frame.preamble import SIZE as PREAMBLE_SIZE
from ..payload import Banner
from ..payload.banner import HEAD_SIZE, PREFIX, check_prefix, payload_size
from .trail import Trail
from .unlock import Lock

_LONGEST_FRAME: Final = 512 << 20
_LIMITS: Final = FrameLimits((1 << 20, 64 << 20, 64 << 20, 256 << 20))
"""How long the segments of a compressed frame may get."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A frame that was cut from the stream; `frame` is None where it could not be opened, as `error` tells."""

    time: float
    tag: int
    segments: tuple[int, ...]
    size: int
    compressed: bool
    frame: Frame | None = field(repr=False)
    error: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """How the frames of the one who asked are to be read from now on, where an answer changes that."""

    lock: Lock | None = None
    compressor: FrameCompressor | None = None


class Reading:
    """How the frames of one direction are read: the mode, and what may have to be found out about it."""

    def __init__(self) -> None:
        self.revision: Revision | None = None
        self.mode: FrameMode = crc_mode(Revision.REV1)  # no frame is read before the banners have told
        self.lock: Lock | None = None
        self.from_client = False
        self.compressor: FrameCompressor | None = None
        self.extended = False
        """Whether both banners have MSGR_EXT."""

    def begin(self, revision: Revision, *, extended: bool) -> None:
        """Begin with what the banners agree on."""
        self.revision = revision
        self.extended = extended
        self.mode = crc_mode(revision)

    def open_body(self, head: Head, body: bytes) -> tuple[Frame | None, str | None]:
        """Open the rest of a frame, and tell what is wrong with it; raises IntegrityError.

        Of anything else than that the next frame can be read all the same, since the lengths are right.
        """
        assert self.revision is not None
        error: str | None = None
        try:
            try:
                frame = self.mode.open_body(head, memoryview(body))
            except ChecksumError as wrong:
                error = str(wrong)
                frame = crc_mode(self.revision, check_data=False).open_body(head, memoryview(body))
            if frame.aborted:
                return None, "withdrawn by its sender on its way"
            if frame.compressed:
                frame = self._decompress(frame)
        except IntegrityError:
            raise
        except FrameError as wrong:
            return None, error or str(wrong)
        return frame, error

    def _decompress(self, frame: Frame) -> Frame:
        if self.compressor is None:
            raise FrameError(f"{tag_name(frame.tag)} is compressed, in a way that is not known", rule="FRAME-8")
        return self.compressor.unpack(frame, _LIMITS)


class Speaker:
    """One end of a connection, as far as it was heard."""

    def __init__(self) -> None:
        self.trail = Trail()
        self.losses = Losses()
        self.reading = Reading()
        self.banner: Banner | None = None
        self.banner_time = 0.0
        self.dials: bool | None = None
        """Whether it is the end that dialled, once a frame has told."""
        self.asked: str | None = None
        """The frame that it waits for an answer to, if it does."""
        self.answers: deque[Answer] = deque()
        self._head: Head | None = None

    @property
    def recognised(self) -> bool:
        """Whether it began with a banner of msgr2."""
        return self.banner is not None or self.trail.peek(len(PREFIX)) == PREFIX

    def take_banner(self) -> bool:
        """Take the banner, if it is there whole; raises BannerError."""
        head = self.trail.peek(HEAD_SIZE)
        check_prefix(head)
        if len(head) < HEAD_SIZE:
            return False
        size = HEAD_SIZE + payload_size(head)
        if len(self.trail) < size:
            return False
        self.banner = Banner.of_wire(self.trail.take(size))
        self.banner_time = self.trail.time
        return True

    def take_answer(self) -> bool:
        """Tell whether nothing is waited for; an answer that has come is put to use."""
        if self.asked is None:
            return True
        if not self.answers:
            return self._parts_in_the_clear()
        answer = self.answers.popleft()
        self.asked = None
        self.reading.lock = answer.lock or self.reading.lock
        self.reading.from_client = True
        self.reading.compressor = answer.compressor or self.reading.compressor
        return True

    def next_frame(self) -> Cut | None:
        """Cut the next frame, if it is there whole; raises FrameError and Locked, after which there is no other."""
        lock = self.reading.lock
        if lock is not None and not self._parts_in_the_clear() and not self._unlock(lock):
            return None
        mode = self.reading.mode
        if self._head is None:
            if len(self.trail) < mode.head_size:
                return None
            self._head = _checked(mode.open_head(self.trail.peek(mode.head_size)))
            self.trail.take(mode.head_size)
        head = self._head
        if len(self.trail) < head.body_size:
            return None
        frame, error = self.reading.open_body(head, self.trail.take(head.body_size))
        self._head = None
        preamble = head.preamble
        size = mode.head_size + head.body_size
        time = self.trail.time
        return Cut(time, preamble.tag, preamble.lengths, size, preamble.compressed, frame, error)

    def _parts_in_the_clear(self) -> bool:
        """Tell whether the next frame is a NODE_REJECT in crc mode: who likes no answer does not go by it (NODE-8)."""
        if self._head is not None:  # of such a frame; before any other, the answer is known
            return True
        data = self.trail.peek(PREAMBLE_SIZE)
        if not self.reading.extended or len(data) < PREAMBLE_SIZE:
            return False
        try:
            return Preamble.decode(data).tag == NodeTag.NODE_REJECT
        except PeerError:
            return False

    def _unlock(self, lock: Lock) -> bool:
        if not len(self.trail):
            return False
        size = lock.head_size()
        if len(self.trail) < size:
            return False
        self.reading.mode = lock.open(self.trail.peek(size), from_client=self.reading.from_client)
        self.reading.lock = None
        return True

    def stop(self, why: str, *, locked: bool = False) -> None:
        """Read no further, for this reason."""
        self.losses.stopped = why
        self.losses.locked = locked
        self.losses.unread += len(self.trail)
        self.trail = Trail()

    def troubles(self) -> list[str]:
        """Return what could not be read, and why."""
        found = self.losses.told()
        left = len(self.trail)
        if self._head is not None:
            tag, missing = tag_name(self._head.preamble.tag), self._head.body_size - left
            found.append(f"it ends in the middle of a frame, {tag}: {missing} bytes of that are not there")
        elif left and self.banner is None:
            found.append(f"it ends in the middle of its banner, after {left} bytes")
        elif left and self.asked is not None:
            found.append(f"{left} bytes are not read, as the answer to {self.asked} is not in the capture")
        elif left:
            found.append(f"it ends in the middle of a frame, {left} bytes after that began")
        return found


class Losses:
    """What of one direction is not read."""

    def __init__(self) -> None:
        self.fed = 0
        """The bytes that came, up to the first gap."""
        self.unread = 0
        self.missing = 0
        self.gap = False
        self.stopped: str | None = None
        """Why nothing more is read, if that is so."""
        self.locked = False
        """Whether that is for want of a key."""

    def told(self) -> list[str]:
        """Return what is to be said about it."""
        found = []
        if self.stopped is not None:
            found.append(f"{self.stopped}; {self.unread} bytes are not read")
        elif self.gap and not self.fed:
            found.append(f"its beginning is not in the capture; {self.unread} bytes are not read")
        if self.gap and self.fed:
            behind = "" if self.stopped else f"; {self.unread} bytes behind them are not read"
            found.append(f"{self.missing} bytes after byte {self.fed} are not in the capture{behind}")
        return found


def _checked(head: Head) -> Head:
    if head.body_size > _LONGEST_FRAME:
        tag = tag_name(head.preamble.tag)
        raise FrameTooLarge(f"{tag} announces {head.body_size} bytes, {_LONGEST_FRAME} are read", rule="FRAME-9")
    return head
