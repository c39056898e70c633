"""A bell: those who wait are woken, and look for themselves whether what they wait for is there."""

from __future__ import annotations

import anyio


class Bell:
    """Wakes all tasks that wait at this moment; ringing where nobody waits costs nothing and leaves nothing.

    Look first, then wait, with nothing awaited in between::

        while not there():
            await bell.wait()
    """

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event: anyio.Event | None = None

    def ring(self) -> None:
        """Wake those who wait."""
        if self._event is not None:
            self._event.set()
            self._event = None

    async def wait(self) -> None:
        """Wait for the next ring. Cancelling it leaves nothing behind."""
        if self._event is None:
            self._event = anyio.Event()
        await self._event.wait()
