"""The messages that wait to be written: strictly by priority, first in first out within one."""

from __future__ import annotations

from bisect import insort
from collections import deque

from .message import Message


class OutQueue:
    """A queue a priority. Every step costs the same however long the queues are."""

    __slots__ = ("_priorities", "_queues", "size")

    def __init__(self) -> None:
        self.size = 0
        """The bytes of all waiting messages' segments."""
        self._queues: dict[int, deque[Message]] = {}
        self._priorities: list[int] = []  # ascending, so that the highest is popped off the end

    def __bool__(self) -> bool:
        return bool(self._priorities)

    def push(self, message: Message) -> None:
        """Append a message to the queue of its priority."""
        queue = self._queues.get(message.priority)
        if queue is None:
            queue = self._queues[message.priority] = deque()
            insort(self._priorities, message.priority)
        queue.append(message)
        self.size += message.size

    def pop(self) -> Message:
        """Return and remove the message that goes next; raises IndexError when there is none."""
        priority = self._priorities[-1]
        queue = self._queues[priority]
        message = queue.popleft()
        if not queue:
            del self._queues[priority]
            self._priorities.pop()
        self.size -= message.size
        return message
