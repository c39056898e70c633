"""What users want done when their messages have an outcome, put off until nothing is half done any more."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ..session import Outcome


class Afterwards:
    """Calls that became due in the middle of something, and are made right after it.

    A receipt is settled while a frame is handled, a batch is sealed, or a session ends. What its `on_done` does may be
    anything, such as to send the next message, or to end that very session, and would pull the ground from under that.
    """

    __slots__ = ("_calling", "due")

    def __init__(self) -> None:
        self.due: deque[tuple[Callable[[Outcome], None], Outcome]] = deque()
        """What is to be called, and with what."""
        self._calling = False

    def call(self) -> None:
        """Make the calls that are due, and those that become due meanwhile; then raise what the first of them raised.

        Does nothing where it is called by one of them.
        """
        if self._calling:
            return
        self._calling = True
        faults: list[Exception] = []
        try:
            while self.due:
                done, outcome = self.due.popleft()
                try:
                    done(outcome)
                except Exception as fault:  # it is the user's, and others have to hear of their messages first
                    faults.append(fault)
        finally:
            self._calling = False
        if faults:
            try:
                raise faults[0]
            finally:
                del faults  # or the traceback would hold what it is held by
