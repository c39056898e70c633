"""What a session counts."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(slots=True)
class Counters:
    """Counts of one session since it began, over all its connections.

    At its end `acknowledged`, `undelivered`, `unknown` and `forwarded` are together all that was handed over
    (DELIVERY-3).
    """

    sent: int = 0
    """Messages written for the first time."""
    resent: int = 0
    """Messages written again after a connection was lost."""
    received: int = 0
    duplicates: int = 0
    """Messages that came again and were dropped."""
    gaps: int = 0
    """Numbers that were skipped by the peer."""
    acknowledged: int = 0
    undelivered: int = 0
    unknown: int = 0
    forwarded: int = 0
    """Messages that were certainly not delivered, and went to another session instead."""
    parts: int = 0
    """Parts of messages written."""
    parts_received: int = 0
    connections: int = 0
    """Connections on which the session was ready."""
    resets: int = 0
    """Times that the peer had lost the session."""

    def copy(self) -> Counters:
        """Return the counts of this moment."""
        return replace(self)
