"""What passed over one connection, as a person wants to read it afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

from ..errors import PeerError
from ..frame import Frame, Tag, tag_name
from ..payload import of_frame
from ..session.message import open_message
from ..wire import Record, Timestamp, layout

_LONG: Final = 1 << 32
"""From here on numbers are masks or random, and easier to read in hexadecimal."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A unit that was sent or heard: the banner, a frame, or bytes that are neither.

    `time` is in seconds since the case began; `data` are the bytes on the wire, encrypted where the frame was.
    """

    time: float
    sent: bool
    says: str
    data: bytes = field(repr=False)


class Transcript:
    """The entries of one connection, in their order."""

    __slots__ = ("_clock", "entries")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.entries: list[Entry] = []

    def note(self, *, sent: bool, says: str, data: bytes) -> None:
        """Add an entry."""
        self.entries.append(Entry(self._clock(), sent, says, data))


def describe(frame: Frame) -> str:
    """Return what a frame says, in a line; whatever is in it. Payloads that may be secret are left out."""
    if frame.aborted:
        return f"{tag_name(frame.tag)}, aborted"
    try:
        if frame.tag == Tag.MESSAGE:
            header, message = open_message(frame)
            sizes = f"front={len(message.front)}, middle={len(message.middle)}, data={len(message.data)}"
            return f"MESSAGE(type={header.type}, seq={header.seq}, ack_seq={header.ack_seq}, {sizes})"
        return words(of_frame(frame))
    except PeerError as error:
        return f"{tag_name(frame.tag)} of {' + '.join(str(len(each)) for each in frame.segments)} bytes: {error}"


def words(payload: Record) -> str:
    """Return what a payload says. Blobs, which may be secret, are given by their length."""
    fields = ", ".join(f"{name}={_plain(getattr(payload, name))}" for name, _ in layout(type(payload)))
    tag = getattr(payload, "tag", None)
    return f"{type(payload).__name__ if tag is None else tag_name(tag)}({fields})"


def _plain(value: Any) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_plain, value))}]"
    if isinstance(value, IntEnum):
        return value.name.lower()
    if isinstance(value, Timestamp):
        return f"{value.seconds}.{value.nanoseconds:09}"
    if isinstance(value, int) and not isinstance(value, bool) and value >= _LONG:
        return hex(value)
    return str(value)
