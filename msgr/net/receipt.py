"""A receipt that can be awaited."""

from __future__ import annotations

from collections.abc import Generator

import anyio

from ..session import Outcome
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
