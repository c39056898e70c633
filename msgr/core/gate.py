"""A window for tests: every frame passes it before it is sent, and before it is handled, and may be held there."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, unique
from typing import TypeAlias

from ..errors import ConnectionLost
from ..frame import Frame, NodeTag, Tag


@unique
class Direction(Enum):
    """Which way a frame is going, and where it stands."""

    SENDING = "sending"
    """It is about to be sealed, and queued to be written."""
    HANDLING = "handling"
    """It came in whole, is legal here, and is about to be handled."""


class Stopped(ConnectionLost):
    """What a trace raises to close the connection, as its owner would: `Closed` then has no error."""


Watch: TypeAlias = Callable[[Direction, Tag | NodeTag], None]


def _known(frame: Frame) -> Tag | NodeTag:
    return NodeTag(frame.tag) if frame.tag in tuple(NodeTag) else Tag(frame.tag)


class Gate:
    """Calls `watch` with each frame. While it is closed, nothing is handled, and nothing that is queued goes out."""

    __slots__ = ("_held", "_watch", "closed")

    def __init__(self, watch: Watch) -> None:
        self.closed = False
        self._watch = watch
        self._held: Frame | None = None

    def sending(self, frame: Frame) -> None:
        """Let a frame pass on its way out."""
        self._watch(Direction.SENDING, _known(frame))

    def handling(self, pull: Callable[[], Frame | None]) -> Frame | None:
        """Return the next frame that may be handled, which `pull` brings, or None."""
        if self.closed:
            return None
        frame, self._held = self._held, None
        if frame is not None:  # it has been seen already
            return frame
        frame = pull()
        if frame is not None:
            self._watch(Direction.HANDLING, _known(frame))
            if self.closed:
                self._held, frame = frame, None
        return frame
