"""Floor 4: what sends and counts messages, and may outlive a connection."""

from __future__ import annotations

from .lossy import LossySession
from .message import DEFAULT_PRIORITY, Message
from .policy import Policy
from .queue import OutQueue

__all__ = ["DEFAULT_PRIORITY", "LossySession", "Message", "OutQueue", "Policy"]
