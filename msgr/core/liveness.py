"""Judges the connection of a session by the clock: is the peer there, and is it of use?"""

from __future__ import annotations

from enum import Enum, auto, unique

from .config import Timeouts


@unique
class Verdict(Enum):
    """What is to be done at a deadline."""

    FINE = auto()
    ASK = auto()
    """Send a KEEPALIVE2 (LIVE-1)."""
    DEAD = auto()
    """Give up: nothing came in for `Timeouts.dead_peer` (LIVE-2)."""
    IDLE = auto()
    """Give up: no message came or went for `Timeouts.idle` (LIVE-3)."""


class Liveness:
    """Keeps the times at which a session's connection showed signs of life.

    Messages are counted, not timed: what is idle is found out between one and two `Timeouts.idle` after the last one.
    """

    __slots__ = ("_asked", "_count", "_quiet_since", "_timeouts", "heard")

    def __init__(self, timeouts: Timeouts, now: float) -> None:
        self._timeouts = timeouts
        self.heard = now
        """When the last byte came in."""
        self._asked = now
        self._quiet_since = now
        self._count = 0

    @property
    def deadline(self) -> float | None:
        """When to judge next, or None if nothing is to be judged."""
        timeouts = self._timeouts
        candidates = (
            (timeouts.keepalive, max(self.heard, self._asked)),
            (timeouts.dead_peer, self.heard),
            (timeouts.idle, self._quiet_since),
        )
        return min((since + limit for limit, since in candidates if limit is not None), default=None)

    def judge(self, now: float, messages: int) -> Verdict:
        """Return what is to be done at `now`; `messages` counts those that came and went so far."""
        timeouts = self._timeouts
        if messages != self._count:
            self._count = messages
            self._quiet_since = now
        if timeouts.dead_peer is not None and now >= self.heard + timeouts.dead_peer:
            return Verdict.DEAD
        if timeouts.idle is not None and now >= self._quiet_since + timeouts.idle:
            return Verdict.IDLE
        if timeouts.keepalive is not None and now >= max(self.heard, self._asked) + timeouts.keepalive:
            self._asked = now
            return Verdict.ASK
        return Verdict.FINE
