"""What became of a message: exactly one of three outcomes, once (DELIVERY-1)."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, unique

from ..errors import StateError
from .message import Message


@unique
class Outcome(Enum):
    """How the sending of a message ended."""

    ACKNOWLEDGED = "acknowledged"
    """The peer has received it."""
    UNDELIVERED = "undelivered"
    """The peer has not received it, and never will: it may be sent elsewhere."""
    UNKNOWN = "unknown"
    """It was written, and nobody will ever tell whether it arrived."""


class Receipt:
    """The promise to say what became of one message.

    `on_done`, if set, is called with the outcome when it is known: in the middle of what made it known, so that it may
    do nothing to the connection or the session. `seq` is the number under which the message was written last, 0 before.
    """

    __slots__ = ("_told", "outcome", "seq")

    def __init__(self) -> None:
        self.outcome: Outcome | None = None
        self.seq = 0
        self._told: Callable[[Outcome], None] | None = None

    @property
    def on_done(self) -> Callable[[Outcome], None] | None:
        """What is called with the outcome when that is known."""
        return self._told

    @on_done.setter
    def on_done(self, call: Callable[[Outcome], None] | None) -> None:
        self._told = call

    def settle(self, outcome: Outcome) -> None:
        """Say what became of the message; raises StateError the second time."""
        if self.outcome is not None:
            raise StateError(f"a receipt that is {self.outcome.value} cannot become {outcome.value} [DELIVERY-1]")
        self.outcome = outcome
        if self._told is not None:
            self._told(outcome)

    def give_up(self, message: Message) -> bool:
        """Take the news that `message`, which this is the receipt of, was certainly not delivered.

        Tells whether it goes to another session instead, where what becomes of it is still open.
        """
        self.settle(Outcome.UNDELIVERED)
        return False

    def __repr__(self) -> str:
        return f"<Receipt {self.outcome.value if self.outcome else 'open'}>"
