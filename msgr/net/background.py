"""Tasks that are started by those who are none."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from anyio.abc import TaskGroup

from .bell import Bell


class Background:
    """Starts tasks in a group, for a callback of the loop as well: anyio has none started where no task runs.

    It does so in a turn of its own, in the order in which it was asked; what was asked for before it is cancelled is
    started all the same, so that it can clean up.
    """

    def __init__(self, tasks: TaskGroup) -> None:
        self._tasks = tasks
        self._waiting: deque[tuple[Callable[..., Coroutine[Any, Any, None]], tuple[object, ...]]] = deque()
        self._asked = Bell()

    def start_soon(self, task: Callable[..., Coroutine[Any, Any, None]], *args: object) -> None:
        """Have a task started."""
        self._waiting.append((task, args))
        self._asked.ring()

    async def run(self) -> None:
        """Start what is asked for until it is cancelled."""
        try:
            while True:
                self._start()
                await self._asked.wait()
        finally:
            self._start()

    def _start(self) -> None:
        while self._waiting:
            task, args = self._waiting.popleft()
            self._tasks.start_soon(task, *args)
