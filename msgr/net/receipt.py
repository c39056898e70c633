"""Receipts that can be awaited."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Protocol

from ..session import Message, Outcome
from ..session import Receipt as PlainReceipt
from .afterwards import Afterwards
from .bell import Bell


class Receipt(PlainReceipt):
    """What became of one message: `await receipt`, or look at `receipt.outcome`, None while it is open.

    Every receipt ends in exactly one outcome, at the latest when its session does. `on_done`, if set by then, is called
    with it once what the messenger was about is done: it may send, or end the session. What it raises comes out of the
    call that settled the receipt (`send` or `post` of a lossy session, `close`, `abort`), which has done its work all
    the same; where no call did, it ends a connection, and the messenger's body with it.
    """

    __slots__ = ("_afterwards", "_bell", "_done")

    def __init__(self, afterwards: Afterwards) -> None:
        self.outcome = None  # what the base class would do: there is a receipt for every message
        self.seq = 0
        self._told = None
        self._afterwards = afterwards
        self._bell: Bell | None = None
        self._done: Callable[[Outcome], None] | None = None

    @property
    def on_done(self) -> Callable[[Outcome], None] | None:
        """What is called with the outcome when that is known."""
        return self._done

    @on_done.setter
    def on_done(self, call: Callable[[Outcome], None] | None) -> None:
        self._done = call
        self._told = self._settled

    def _settled(self, outcome: Outcome) -> None:
        self._told = None  # or it would hold itself
        if self._bell is not None:
            self._bell.ring()
        if self._done is not None:
            self._afterwards.due.append((self._done, outcome))

    async def wait(self) -> Outcome:
        """Return the outcome once it is known. Cancelling it changes nothing."""
        if self.outcome is None and self._bell is None:
            self._bell = Bell()
            self._told = self._settled
        while self.outcome is None:
            assert self._bell is not None
            await self._bell.wait()
        return self.outcome

    def __await__(self) -> Generator[object, None, Outcome]:
        return self.wait().__await__()

    def move(self, afterwards: Afterwards) -> None:
        """Go with its message to a session of another messenger."""
        self._afterwards = afterwards


class Heir(Protocol):
    """A session that a message may go to which another one could not deliver."""

    def inherit(self, message: Message, receipt: Receipt) -> bool:
        """Take a message over with its receipt; tells whether there was room for it."""


class ForwardedReceipt(Receipt):
    """The receipt of a message that goes to another session where it is certainly not delivered, once (DELIVERY-2)."""

    __slots__ = ("_heir",)

    def __init__(self, afterwards: Afterwards, heir: Heir) -> None:
        super().__init__(afterwards)
        self._heir: Heir | None = heir

    def give_up(self, message: Message) -> bool:
        """Hand the message to the other session, or settle; tells which."""
        heir, self._heir = self._heir, None
        return (heir is not None and heir.inherit(message, self)) or super().give_up(message)
