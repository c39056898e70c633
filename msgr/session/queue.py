"""The messages that wait to be written: strictly by priority, first in first out within one."""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Iterator
from typing import TypeAlias

from .message import Message
from .receipt import Receipt

Entry: TypeAlias = tuple[Message, Receipt]
"""A message and the promise to say what became of it."""


class OutQueue:
    """A queue a priority. Every step costs the same however long the queues are."""

    __slots__ = ("_priorities", "_queues", "count", "size")

    def __init__(self) -> None:
        self.count = 0
        """How many messages wait."""
        self.size = 0
        """The bytes of all waiting messages' segments."""
        self._queues: dict[int, deque[Entry]] = {}
        self._priorities: list[int] = []  # ascending, so that the highest is popped off the end

    def __bool__(self) -> bool:
        return self.count > 0

    def push(self, message: Message, receipt: Receipt) -> None:
        """Append a message to the queue of its priority."""
        priority = message.priority
        queue = self._queues.get(priority)
        if queue is None:
            queue = self._queues[priority] = deque()
            insort(self._priorities, priority)
        queue.append((message, receipt))
        self.count += 1
        self.size += message.size

    def pop(self) -> Entry:
        """Return and remove the message that goes next; raises IndexError when there is none."""
        priority = self._priorities[-1]
        queue = self._queues[priority]
        entry = queue.popleft()
        if not queue:
            del self._queues[priority]
            self._priorities.pop()
        self.count -= 1
        self.size -= entry[0].size
        return entry

    def drain(self) -> Iterator[Entry]:
        """Pop all that wait at this moment: what is pushed while they are looked at waits on."""
        for _ in range(self.count):
            yield self.pop()
