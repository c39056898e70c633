"""What came in, and waits for the user."""

from __future__ import annotations

from collections import deque
from typing import Final

from ..session import Message

OVERHEAD: Final = 256
"""What a waiting message takes beside its body, in bytes, about: so even empty ones fill a limit."""


class Inbox:
    """Messages that wait for the user, and how much memory they hold."""

    __slots__ = ("messages", "size")

    def __init__(self) -> None:
        self.messages: deque[Message] = deque()
        self.size = 0

    def push(self, message: Message) -> None:
        """Append a message."""
        self.messages.append(message)
        self.size += message.size + OVERHEAD

    def pop(self) -> Message:
        """Return and remove the oldest message; raises IndexError when there is none."""
        message = self.messages.popleft()
        self.size -= message.size + OVERHEAD
        return message
