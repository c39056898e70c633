"""An account of numbered messages: which arrived, which came twice, which out of order."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Track:
    """What became of a row of messages that are numbered from 0, and should arrive once each and in order."""

    sent: int = 0
    received: int = 0
    duplicated: int = 0
    reordered: int = 0
    missing: set[int] = field(default_factory=set)
    """Numbers below the highest that arrived, which did not."""
    _next: int = 0

    def take(self, number: int) -> None:
        """Note that a message arrived."""
        if number >= self._next:
            self.missing.update(range(self._next, number))
            self._next = number + 1
        elif number in self.missing:
            self.missing.remove(number)
            self.reordered += 1
        else:
            self.duplicated += 1
            return
        self.received += 1
