"""What is measured: the kinds of work, and how much of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final, Self

MIB: Final = 1 << 20


class Kind(StrEnum):
    """What the client does."""

    STREAM = "stream"
    """It sends as fast as it may, and the server says at the end that it has all."""
    ECHO = "echo"
    """It sends, and the server sends the same back; so many are on their way at once."""
    CONNECT = "connect"
    """It connects, has one message echoed, and hangs up; several at once."""
    HOLD = "hold"
    """It connects so many times, and stays."""
    COPIES = "copies"
    """It streams while memory is counted, one message held at a time."""
    QUEUES = "queues"
    """The same with the limits that are the default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One measurement."""

    name: str
    kind: Kind
    size: int
    """Bytes in a message."""
    depth: int = 1
    """How many messages, or connections, are on their way at once; for HOLD how many there are."""
    seconds: float = 1.0
    """How long it goes on."""

    @property
    def copies(self) -> bool:
        """Whether memory is counted while it goes on."""
        return self.kind in (Kind.COPIES, Kind.QUEUES)

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)

    @classmethod
    def of(cls, document: dict[str, Any]) -> Self:
        """Return the work that a document describes."""
        return cls(**{**document, "kind": Kind(document["kind"])})

    @property
    def unit(self) -> str:
        """What its figures are: messages (or connections) a second, or microseconds a message, where less is better."""
        return "us" if self.kind is Kind.ECHO else "/s"

    def value(self, figures: Mapping[str, float]) -> float:
        """Return the one figure that matters, out of those of a run."""
        if self.kind is not Kind.ECHO:
            return figures["count"] / figures["seconds"]
        return figures.get("round_trip", figures["seconds"] / figures["count"]) * 1e6

    def shown(self, value: float) -> str:
        """Return a figure as people read it."""
        if self.unit == "us":
            return f"{value:,.0f} us" if value >= 10 else f"{value:.1f} us"
        if self.kind is Kind.STREAM and self.size >= MIB:
            return f"{value * self.size / 1e9:.2f} GB/s"
        return f"{value:,.0f}/s"


MAIN: Final = (
    Work(name="100 B", kind=Kind.STREAM, size=100),
    Work(name="4 KiB", kind=Kind.STREAM, size=4096),
    Work(name="4 MiB", kind=Kind.STREAM, size=4 * MIB),
    Work(name="round trip", kind=Kind.ECHO, size=64),
    Work(name="connections", kind=Kind.CONNECT, size=64, depth=8),
)
"""What everybody does; connections are for those who prove who they are."""

BY_SIZE: Final = tuple(
    Work(name=f"size {size}", kind=Kind.STREAM, size=size) for size in (1 << 10, 16 << 10, 128 << 10, MIB)
)
"""What is between the sizes above, for the curve."""

BY_DEPTH: Final = tuple(
    Work(name=f"depth {depth}", kind=Kind.ECHO, size=100, depth=depth) for depth in (1, 4, 16, 64, 256, 1024)
)
"""Request and reply, so many on their way at once."""
