"""The cookies by which a node that is dialled back knows its own handshakes again (NODE-10)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..payload import COOKIE_SIZE

_MOST: Final = 4096


class ReverseChecks:
    """Cookies of handshakes that are under way: until they end, or `seconds` have passed by `clock`, if it is given.

    They are bounded; the oldest makes room for what is new.
    """

    __slots__ = ("_clock", "_open", "_seconds")

    def __init__(self, clock: Callable[[], float] = lambda: 0.0, *, seconds: float = 0.0) -> None:
        self._clock = clock
        self._seconds = seconds
        self._open: dict[bytes, float] = {}

    def __len__(self) -> int:
        return len(self._open)

    def begin(self, dice: Callable[[int], bytes]) -> bytes:
        """Return a fresh cookie, which is ours from now on."""
        cookie = dice(COOKIE_SIZE)
        while len(self._open) >= _MOST:
            del self._open[next(iter(self._open))]
        self._open[cookie] = self._clock() + self._seconds
        return cookie

    def end(self, cookie: bytes) -> None:
        """Know a cookie no more: its handshake is over."""
        self._open.pop(cookie, None)

    def is_ours(self, cookie: bytes) -> bool:
        """Tell whether a handshake of ours with that cookie is under way."""
        return cookie in self._open and self._clock() <= self._open[cookie]
