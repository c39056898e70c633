"""What a transport has to offer to be measured: two ends between which messages go."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from msgr.wire import Octets

from .works import Work

Announce: TypeAlias = Callable[[str], None]
"""Is told where the server listens."""


class Link(Protocol):
    """A connection, in a program that awaits."""

    async def send(self, message: Octets) -> None:
        """Send a message, or hand it over to be sent; waits where too much is on its way."""

    async def flush(self) -> None:
        """See to it that nothing waits for company."""

    async def receive(self) -> Octets:
        """Return the next message."""


class BlockingLink(Protocol):
    """The same in a program that blocks."""

    def send(self, message: Octets) -> None:
        """Send a message, or hand it over to be sent."""

    def flush(self) -> None:
        """See to it that nothing waits for company."""

    def receive(self) -> Octets:
        """Return the next message."""


Talk: TypeAlias = Callable[[Link], Awaitable[None]]
"""What a server does with a connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What both ends are told."""

    work: Work
    directory: Path
    """Where the certificates and the keyring are."""


class Transport(Protocol):
    """A way to send messages, in a program that awaits."""

    async def serve(self, task: Task, announce: Announce, talk: Talk) -> None:
        """Listen until cancelled; every connection is talked with."""

    def connect(self, task: Task, address: str) -> AbstractAsyncContextManager[Link]:
        """Connect, and hang up in the end."""


class BlockingTransport(Protocol):
    """The same in a program that blocks."""

    def accept(self, task: Task, announce: Announce) -> AbstractContextManager[BlockingLink]:
        """Listen until somebody connects."""

    def connect(self, task: Task, address: str) -> AbstractContextManager[BlockingLink]:
        """Connect, and hang up in the end."""
