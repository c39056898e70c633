"""What was seen: plain values, which every form of output shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import TypeAlias

Value: TypeAlias = "int | float | str | bool | list[Value] | Mapping[str, Value] | None"
"""What JSON can hold."""

Fields: TypeAlias = Mapping[str, Value]
"""Named values, in the order of the wire."""


@unique
class Sender(StrEnum):
    """Who said it: the end that dialled, or the other."""

    CLIENT = "client"
    SERVER = "server"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenBanner:
    """A banner, and when its last byte was captured."""

    time: float
    sender: Sender
    supported: int
    required: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenFrame:
    """A frame, and when its last byte was captured.

    `segments` are the lengths on the wire, `size` is that of the whole frame there. A control frame has a `payload`, a
    MESSAGE has a `message`, and one that could not be read to its end has neither, but an `error`.
    """

    time: float
    sender: Sender
    tag: str
    segments: tuple[int, ...]
    size: int
    payload: Fields | None
    message: Fields | None
    error: str | None

    def document(self) -> dict[str, Value]:
        """Return what programs are told."""
        return {
            "time": self.time,
            "from": str(self.sender),
            "tag": self.tag,
            "segments": list(self.segments),
            "payload": self.payload,
            "message": self.message,
            "error": self.error,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenConnection:
    """One connection. What is None was not seen; `undecrypted` counts bytes for which there was no key."""

    client: str
    server: str
    revision: str | None
    mode: str | None
    auth_method: str | None
    banners: tuple[SeenBanner, ...]
    frames: tuple[SeenFrame, ...]
    undecrypted: int
    errors: tuple[str, ...]

    @property
    def started(self) -> float:
        """When it was first heard of."""
        return min([each.time for each in self.banners] + [each.time for each in self.frames], default=0.0)

    def document(self) -> dict[str, Value]:
        """Return what programs are told."""
        return {
            "client": self.client,
            "server": self.server,
            "revision": self.revision,
            "mode": self.mode,
            "auth_method": self.auth_method,
            "frames": [frame.document() for frame in self.frames],
            "undecrypted": self.undecrypted,
            "errors": list(self.errors),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """All that was seen of msgr2 in a file, in the order of time; `notes` tell what could not be looked at."""

    connections: tuple[SeenConnection, ...]
    notes: tuple[str, ...] = field(default=())

    def document(self) -> dict[str, Value]:
        """Return what programs are told."""
        return {"connections": [connection.document() for connection in self.connections]}
