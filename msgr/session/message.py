"""The message: what users send each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from ..errors import ConfigError, PeerError
from ..frame import Frame, Tag
from ..payload import HEADER_SIZE, MessageHeader, pack_header, unpack_header
from ..wire import Octets

DEFAULT_PRIORITY: Final = 127
_FIELD_BITS: Final = {"type": 16, "tid": 64, "priority": 16, "version": 16, "compat_version": 16, "channel": 16}


@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class Message:
    """A message: a type, three segments of any content, and what the other end needs to make sense of them.

    `tid` is for matching replies with requests; `version` and `compat_version` tell how the body is encoded, and from
    which decoder on it can be read; of two waiting messages, that with the higher `priority` goes first. `seq` is set
    on messages that were received, whose segments of 64 KiB and more may be memoryviews of what they were read into.
    Ceph's daemons drop the connection over a `type` that they do not know.

    `channel` is one of 65,536 lines within the session, each of which keeps its order; it reaches a peer that has
    MSGR_EXT too, and no other (CHANNEL-1). Where the session shares its way out by `ChannelQuotas`, messages of one
    channel go in the order in which they were sent, whatever their priority (CHANNEL-2).
    """

    type: int
    front: Octets = field(repr=False)
    middle: Octets = field(repr=False)
    data: Octets = field(repr=False)
    tid: int
    priority: int
    version: int
    compat_version: int
    seq: int
    channel: int

    def __init__(
        self,
        *,
        type: int,
        front: Octets = b"",
        middle: Octets = b"",
        data: Octets = b"",
        tid: int = 0,
        priority: int = DEFAULT_PRIORITY,
        version: int = 1,
        compat_version: int = 0,
        seq: int = 0,
        channel: int = 0,
    ) -> None:
        # By the slots themselves: what a frozen dataclass makes of this takes three times as long.
        _set_type(self, type)
        _set_front(self, front)
        _set_middle(self, middle)
        _set_data(self, data)
        _set_tid(self, tid)
        _set_priority(self, priority)
        _set_version(self, version)
        _set_compat_version(self, compat_version)
        _set_seq(self, seq)
        _set_channel(self, channel)

    @property
    def size(self) -> int:
        """The bytes of the three segments together."""
        return len(self.front) + len(self.middle) + len(self.data)

    def check(self) -> None:
        """Raise ConfigError where a field does not fit the header, or a segment is no plain run of bytes."""
        # One step for all that is well: a number that is too large leaves bits behind, and so does a negative one.
        if (self.type | self.priority | self.version | self.compat_version | self.channel) >> 16 or self.tid >> 64:
            self._complain()
        for segment in (self.front, self.middle, self.data):
            # What such a view is long is not how many bytes it would put on the wire.
            if isinstance(segment, memoryview) and (segment.nbytes != len(segment) or not segment.c_contiguous):
                raise ConfigError("a segment is a memoryview of other items than bytes, or has gaps: cast it to bytes")

    def _complain(self) -> NoReturn:
        values = ((name, getattr(self, name), bits) for name, bits in _FIELD_BITS.items())
        name, value, bits = next(found for found in values if not 0 <= found[1] < 1 << found[2])
        raise ConfigError(f"{name} is {value}; the header holds {bits} bits [MESSAGE-1]")

    def to_frame(self, *, seq: int, ack_seq: int, extended: bool = False, start: int = 0) -> Frame:
        """Return the MESSAGE frame that carries this message as number `seq`; raises ConfigError.

        Only one that is `extended` tells the channel. The first `start` bytes are left out: they went in parts.
        """
        header = pack_header(
            seq,
            self.tid,
            self.type,
            self.priority,
            self.version,
            ack_seq,
            self.compat_version,
            self.channel if extended else 0,
        )
        front, middle, data = self.pieces(start) if start else (self.front, self.middle, self.data)
        if len(data):
            return Frame(Tag.MESSAGE, (header, front, middle, data))
        return Frame.of(Tag.MESSAGE, header, front, middle)

    def pieces(self, start: int, stop: int | None = None) -> tuple[Octets, Octets, Octets]:
        """Return what of front, middle and data lies from byte `start` to byte `stop` of all three, uncopied."""
        front, middle = len(self.front), len(self.front) + len(self.middle)
        stop = self.size if stop is None else stop
        return (
            memoryview(self.front)[start:stop],
            memoryview(self.middle)[max(0, start - front) : max(0, stop - front)],
            memoryview(self.data)[max(0, start - middle) : max(0, stop - middle)],
        )


def _setter(name: str) -> Callable[[Message, Any], None]:
    setter: Callable[[Message, Any], None] = Message.__dict__[name].__set__
    return setter


_set_type, _set_front, _set_middle, _set_data = map(_setter, ("type", "front", "middle", "data"))
_set_tid, _set_priority, _set_version = map(_setter, ("tid", "priority", "version"))
_set_compat_version, _set_seq, _set_channel = map(_setter, ("compat_version", "seq", "channel"))


def take_message(frame: Frame, *, extended: bool = False) -> tuple[int, Message]:
    """Return the ack_seq and the message in a MESSAGE frame; raises PeerError where it has no header (MESSAGE-1).

    It is in channel 0 unless it comes from an `extended` peer.
    """
    segments = frame.segments
    if len(segments[0]) != HEADER_SIZE:
        raise PeerError(f"a message header of {len(segments[0])} bytes, it has {HEADER_SIZE}", rule="MESSAGE-1")
    seq, tid, type, priority, version, ack_seq, compat_version, reserved = unpack_header(segments[0])
    _, front, middle, data = segments if len(segments) == 4 else (*segments, b"", b"", b"")[:4]
    return ack_seq, Message(
        type=type,
        front=front,
        middle=middle,
        data=data,
        tid=tid,
        priority=priority,
        version=version,
        compat_version=compat_version,
        seq=seq,
        channel=reserved if extended else 0,
    )


def open_message(frame: Frame, *, extended: bool = False) -> tuple[MessageHeader, Message]:
    """Return the header, as it stands, and the message in a MESSAGE frame, as `take_message` does."""
    _, message = take_message(frame, extended=extended)
    return MessageHeader.decode(frame.segments[0]), message
