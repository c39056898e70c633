"""What came in, and waits for the user."""

from __future__ import annotations

from collections import deque
from typing import Final

from ..session import Message

OVERHEAD: Final = 256
"""What a waiting message takes beside its body, in bytes, about: so even empty ones fill a limit."""
_NONE: Final[deque[Message]] = deque()
"""Stands where nothing waits, and nothing is put into it: an empty deque takes 760 bytes, and most are idle."""


class Inbox:
    """Messages that wait for the user, and how much memory they hold."""

    __slots__ = ("messages", "size")

    def __init__(self) -> None:
        self.messages = _NONE
        self.size = 0

    def push(self, message: Message) -> None:
        """Append a message."""
        if self.messages is _NONE:
            self.messages = deque()
        self.messages.append(message)
        self.size += message.size + OVERHEAD

    def pop(self) -> Message:
        """Return and remove the oldest message; raises IndexError when there is none."""
        message = self.messages.popleft()
        if not self.messages:
            self.messages = _NONE
        self.size -= message.size + OVERHEAD
        return message
