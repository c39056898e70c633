"""What happens to a session, for those who want to know."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final, Self, TypeAlias

from ..core import Peer
from ..errors import MsgrError
from .bell import Bell

_KEPT: Final = 1024


@dataclass(frozen=True, slots=True)
class SessionConnected:
    """A new session is ready."""

    peer: Peer


@dataclass(frozen=True, slots=True)
class SessionResumed:
    """The session goes on, over another connection."""

    peer: Peer


@dataclass(frozen=True, slots=True)
class SessionDisconnected:
    """The connection is lost; `error` says why, if anything went wrong."""

    error: MsgrError | None


@dataclass(frozen=True, slots=True)
class SessionReset:
    """The peer lost the session.

    What was written and not acknowledged is unknown; with `full`, what was never written is undelivered.
    """

    full: bool


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The session is over; the last event."""

    error: MsgrError | None


SessionEvent: TypeAlias = SessionConnected | SessionResumed | SessionDisconnected | SessionReset | SessionEnded


class EventStream:
    """One subscription to a session's events, from now on; ends after SessionEnded.

    Events that nobody fetches are kept up to a bound; of more, the oldest are dropped and counted in `dropped`.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._events: deque[SessionEvent] = deque(maxlen=_KEPT)
        self._bell = Bell()
        self._over = False

    def put(self, event: SessionEvent) -> None:
        """Append an event."""
        self.dropped += len(self._events) == _KEPT
        self._events.append(event)
        self._bell.ring()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionEvent:
        """Return the next event. Cancelling it loses none."""
        if self._over:
            raise StopAsyncIteration
        while not self._events:
            await self._bell.wait()
        event = self._events.popleft()
        self._over = isinstance(event, SessionEnded)
        return event
