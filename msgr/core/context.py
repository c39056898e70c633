"""What the handlers of frames may touch."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

from ..auth import Dice
from ..payload import Control, to_frame
from .config import Config
from .events import Event
from .transport import Transport

C = TypeVar("C", bound=Config, covariant=True)


class Context(Generic[C]):
    """The settings, the transport, the dice, the time, and the events to come of one connection."""

    __slots__ = ("_config", "dice", "events", "now", "started", "transport", "wall_started")

    def __init__(self, config: C, transport: Transport, dice: Dice) -> None:
        self._config = config
        self.transport = transport
        self.dice = dice
        self.events: deque[Event] = deque()
        self.now = 0.0
        """The time of the last call, in seconds of the owner's monotonic clock."""
        self.started = 0.0
        self.wall_started = 0.0

    @property
    def config(self) -> C:
        """The settings of this end."""
        return self._config

    @property
    def wall(self) -> float:
        """The wall-clock time that goes with `now`."""
        return self.wall_started + self.now - self.started

    def say(self, payload: Control) -> None:
        """Queue a control frame."""
        self.transport.send(to_frame(payload))

    def emit(self, event: Event) -> None:
        """Queue an event."""
        self.events.append(event)
