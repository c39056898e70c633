"""Permits for handshakes that go out, so that one end that dials everybody at once finishes with some of them."""

from __future__ import annotations

from itertools import cycle
from typing import Final

import anyio
from anyio.lowlevel import checkpoint

from ..auth import Dice
from ..wire import Reader

_DRAW: Final = 4
_TURNS: Final = (0, -1, None)
"""Whose turn it is, by the place in the queue; None is for any."""


class Broker:
    """At most `most` permits are out at once (DIAL-1).

    One that comes free goes to the first who waits, then to the last, then to any, and so on in turn: in a storm the
    first may have waited for longer than its peer did, and the last has the best chance; but nobody waits for ever.
    """

    def __init__(self, most: int, dice: Dice) -> None:
        self.held = 0
        """Permits that are out."""
        self._most = most
        self._dice = dice
        self._waiting: list[anyio.Event] = []
        self._turns = cycle(_TURNS)

    @property
    def waiting(self) -> int:
        """How many wait for a permit."""
        return len(self._waiting)

    async def take(self) -> Permit:
        """Return a permit, when there is one. Cancelling it leaves none behind."""
        await checkpoint()
        if self.held < self._most:
            self.held += 1
            return Permit(self)
        mine = anyio.Event()
        self._waiting.append(mine)
        try:
            await mine.wait()
        except BaseException:  # cancelled: who waits no longer must not keep a place, nor a permit
            if mine.is_set():  # it came together with the cancellation
                self.give_back()
            else:
                self._waiting.remove(mine)
            raise
        return Permit(self)

    def give_back(self) -> None:
        """Take a permit back; who waits gets it at once."""
        if self._waiting:
            turn = next(self._turns)
            self._waiting.pop(self._any() if turn is None else turn).set()
        else:
            self.held -= 1

    def _any(self) -> int:
        return Reader(self._dice(_DRAW)).number(_DRAW) % len(self._waiting)


class Permit:
    """Leave to have one handshake under way."""

    __slots__ = ("_broker",)

    def __init__(self, broker: Broker) -> None:
        self._broker: Broker | None = broker

    def release(self) -> None:
        """Give it back; again does no harm."""
        broker, self._broker = self._broker, None
        if broker is not None:
            broker.give_back()
