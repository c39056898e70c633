"""The message: what users send each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ..errors import ConfigError, PeerError
from ..frame import Frame, Tag
from ..payload import HEADER_SIZE, MessageHeader
from ..wire import Octets

DEFAULT_PRIORITY: Final = 127
_FIELD_BITS: Final = (("type", 16), ("tid", 64), ("priority", 16), ("version", 16), ("compat_version", 16))


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message: a type, three segments of any content, and what the other end needs to make sense of them.

    `tid` is for matching replies with requests; `version` and `compat_version` tell how the body is encoded, and from
    which decoder on it can be read; of two waiting messages, that with the higher `priority` goes first. `seq` is set
    on messages that were received. Ceph's daemons drop the connection over a `type` that they do not know.
    """

    type: int
    front: Octets = field(default=b"", repr=False)
    middle: Octets = field(default=b"", repr=False)
    data: Octets = field(default=b"", repr=False)
    tid: int = 0
    priority: int = DEFAULT_PRIORITY
    version: int = 1
    compat_version: int = 0
    seq: int = 0

    @property
    def size(self) -> int:
        """The bytes of the three segments together."""
        return len(self.front) + len(self.middle) + len(self.data)

    def check(self) -> None:
        """Raise ConfigError where a field does not fit the header, or a segment is no plain run of bytes."""
        for name, bits in _FIELD_BITS:
            value = getattr(self, name)
            if not 0 <= value < 1 << bits:
                raise ConfigError(f"{name} is {value}; the header holds {bits} bits [MESSAGE-1]")
        for segment in (self.front, self.middle, self.data):
            # What such a view is long is not how many bytes it would put on the wire.
            if isinstance(segment, memoryview) and (segment.nbytes != len(segment) or not segment.c_contiguous):
                raise ConfigError("a segment is a memoryview of other items than bytes, or has gaps: cast it to bytes")

    def to_frame(self, *, seq: int, ack_seq: int) -> Frame:
        """Return the MESSAGE frame that carries this message as number `seq`; raises ConfigError."""
        header = MessageHeader(
            seq=seq,
            tid=self.tid,
            type=self.type,
            priority=self.priority,
            version=self.version,
            ack_seq=ack_seq,
            compat_version=self.compat_version,
        )
        return Frame.of(Tag.MESSAGE, header.encode(), self.front, self.middle, self.data)


def open_message(frame: Frame) -> tuple[MessageHeader, Message]:
    """Take a MESSAGE frame apart; raises PeerError where its first segment is not a header (MESSAGE-1)."""
    first, *body = frame.segments
    if len(first) != HEADER_SIZE:
        raise PeerError(f"a message header of {len(first)} bytes, it has {HEADER_SIZE}", rule="MESSAGE-1")
    header = MessageHeader.decode(first)
    body += [b""] * (3 - len(body))
    message = Message(
        type=header.type,
        front=body[0],
        middle=body[1],
        data=body[2],
        tid=header.tid,
        priority=header.priority,
        version=header.version,
        compat_version=header.compat_version,
        seq=header.seq,
    )
    return header, message
