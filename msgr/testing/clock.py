"""A clock that only moves when it is turned."""

from __future__ import annotations


class HandClock:
    """A monotonic clock and the time of day, both turned by hand.

    `now` is what the core takes as `now`; `monotonic` and `wall` are functions for `Runtime(clock=..., wall=...)`.
    Timers of `msgr.net` sleep in real time and read this clock when they wake: turning it does not wake them.
    """

    __slots__ = ("_offset", "now")

    def __init__(self, now: float = 1000.0, wall: float = 1_700_000_000.0) -> None:
        self.now = now
        """Seconds of the monotonic clock."""
        self._offset = wall - now

    def monotonic(self) -> float:
        """Return the seconds of the monotonic clock."""
        return self.now

    def wall(self) -> float:
        """Return the time of day, in seconds since 1970."""
        return self.now + self._offset

    def turn(self, seconds: float) -> float:
        """Turn both clocks forward, and return the new `now`; raises ValueError for a turn back."""
        if seconds < 0:
            raise ValueError(f"a monotonic clock does not go back by {-seconds:g} s")
        self.now += seconds
        return self.now

    def set_wall(self, wall: float) -> None:
        """Set the time of day alone, forward or back, as an administrator would."""
        self._offset = wall - self.now
