"""What a session asks of its connection."""

from __future__ import annotations

from typing import Protocol

from ..core import Connection
from ..errors import MsgrError
from .runtime import Runtime


class Carrier(Protocol):
    """What carries a session at the moment: a connection with its tasks."""

    connection: Connection
    runtime: Runtime

    def wake(self) -> None:
        """Take note that there is something to write, or room to read."""

    def flush(self) -> None:
        """Have what is queued written, at once if that is better."""

    def end(self, error: MsgrError | None) -> None:
        """End the connection now."""

    async def finish(self, *, linger: bool) -> None:
        """Wait until all is written, and tell the peer that this was all."""
