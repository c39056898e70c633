"""Receipts that can be awaited."""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol

import anyio

from ..session import Message, Outcome
from ..session import Receipt as PlainReceipt


class Receipt(PlainReceipt):
    """What became of one message: `await receipt`, or look at `receipt.outcome`, None while it is open.

    Every receipt ends in exactly one outcome, at the latest when its session does.
    """

    __slots__ = ()

    async def wait(self) -> Outcome:
        """Return the outcome once it is known. Cancelling it changes nothing."""
        if self.outcome is None:
            known = anyio.Event()
            before = self.on_done

            def settled(outcome: Outcome) -> None:
                known.set()
                if before is not None:
                    before(outcome)

            self.on_done = settled
            await known.wait()
        assert self.outcome is not None
        return self.outcome

    def __await__(self) -> Generator[object, None, Outcome]:
        return self.wait().__await__()


class Heir(Protocol):
    """A session that a message may go to which another one could not deliver."""

    def inherit(self, message: Message, receipt: Receipt) -> bool:
        """Take a message over with its receipt; tells whether there was room for it."""


class ForwardedReceipt(Receipt):
    """The receipt of a message that goes to another session where it is certainly not delivered, once (DELIVERY-2)."""

    __slots__ = ("_heir",)

    def __init__(self, heir: Heir) -> None:
        super().__init__()
        self._heir: Heir | None = heir

    def give_up(self, message: Message) -> bool:
        """Hand the message to the other session, or settle; tells which."""
        heir, self._heir = self._heir, None
        return (heir is not None and heir.inherit(message, self)) or super().give_up(message)
