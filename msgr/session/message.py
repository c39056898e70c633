"""The message: what users send each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from ..errors import ConfigError, PeerError
from ..frame import Frame, Tag
from ..payload import FLAGS, HEADER_SIZE, MessageHeader, pack_header, unpack_header
from ..wire import Misfit, Octets

DEFAULT_PRIORITY: Final = 127
_MESSAGE: Final = Tag.MESSAGE
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
    size: int = field(init=False, repr=False, compare=False)
    """The bytes of the three segments together."""

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
        draft: Any = self
        whole = self.__class__ is Message
        if whole:
            _thaw(self, _Draft)
        else:  # a class of the user's own may have more slots, and cannot become a draft
            draft = _Draft()
        draft.type = type
        draft.front = front
        draft.middle = middle
        draft.data = data
        draft.tid = tid
        draft.priority = priority
        draft.version = version
        draft.compat_version = compat_version
        draft.seq = seq
        draft.channel = channel
        draft.size = len(front) + len(middle) + len(data)
        if whole:
            draft.__class__ = Message
        else:
            for name in _Draft.__slots__:
                object.__setattr__(self, name, getattr(draft, name))

    def check(self) -> None:
        """Raise ConfigError where a field does not fit the header, or a segment is no plain run of bytes."""
        # One step for all that is well: a number that is too large leaves bits behind, and so does a negative one.
        if (self.type | self.priority | self.version | self.compat_version | self.channel) >> 16 or self.tid >> 64:
            self._complain()
        if not (self.front.__class__ is bytes and self.middle.__class__ is bytes and self.data.__class__ is bytes):
            self._check_segments()

    def _check_segments(self) -> None:
        for segment in (self.front, self.middle, self.data):
            # What such a view is long is not how many bytes it would put on the wire.
            if isinstance(segment, memoryview) and (segment.nbytes != len(segment) or not segment.c_contiguous):
                raise ConfigError("a segment is a memoryview of other items than bytes, or has gaps: cast it to bytes")
            if not isinstance(segment, bytes | bytearray | memoryview):
                raise ConfigError(f"a segment is bytes, a bytearray or a memoryview, and not {type(segment).__name__}")

    def _complain(self) -> NoReturn:
        values = ((name, getattr(self, name), bits) for name, bits in _FIELD_BITS.items())
        name, value, bits = next(found for found in values if not 0 <= found[1] < 1 << found[2])
        raise ConfigError(f"{name} is {value}; the header holds {bits} bits [MESSAGE-1]")

    def to_frame(self, *, seq: int, ack_seq: int, extended: bool = False, start: int = 0) -> Frame:
        """Return the MESSAGE frame that carries this message as number `seq`; raises ConfigError.

        Only one that is `extended` tells the channel. The first `start` bytes are left out: they went in parts.
        """
        channel, compat = self.channel if extended else 0, self.compat_version
        try:
            header = pack_header(
                seq, self.tid, self.type, self.priority, self.version, 0, 0, ack_seq, FLAGS, compat, channel
            )
        except Misfit as error:
            raise ConfigError(f"a message's header: {error} [MESSAGE-1]") from None
        front, middle, data = self.pieces(start) if start else (self.front, self.middle, self.data)
        if len(data):
            # What the constructor of a NamedTuple comes to, without its call: there is one for every message.
            return tuple.__new__(Frame, (_MESSAGE, (header, front, middle, data), False, False))
        return Frame.of(_MESSAGE, header, front, middle)

    def pieces(self, start: int, stop: int | None = None) -> tuple[Octets, Octets, Octets]:
        """Return what of front, middle and data lies from byte `start` to byte `stop` of all three, uncopied."""
        front, middle = len(self.front), len(self.front) + len(self.middle)
        stop = middle + len(self.data) if stop is None else stop
        return (
            memoryview(self.front)[start:stop],
            memoryview(self.middle)[max(0, start - front) : max(0, stop - front)],
            memoryview(self.data)[max(0, start - middle) : max(0, stop - middle)],
        )


class _Draft:
    """A Message while its fields are set, once and at its birth.

    To set eleven fields of what is frozen takes as long as to encrypt them. This has the same slots and is not frozen,
    so it can become a Message by its class alone.
    """

    __slots__ = Message.__slots__


_thaw: Final[Callable[[Message, type[_Draft]], None]] = object.__dict__["__class__"].__set__


def take_message(frame: Frame, *, extended: bool = False) -> tuple[int, Message]:
    """Return the ack_seq and the message in a MESSAGE frame; raises PeerError where it has no header (MESSAGE-1).

    It is in channel 0 unless it comes from an `extended` peer.
    """
    segments = frame.segments
    if len(segments[0]) != HEADER_SIZE:
        raise PeerError(f"a message header of {len(segments[0])} bytes, it has {HEADER_SIZE}", rule="MESSAGE-1")
    _, front, middle, data = segments if len(segments) == 4 else (*segments, b"", b"", b"")[:4]
    draft: Any = _Draft()
    (
        draft.seq,
        draft.tid,
        draft.type,
        draft.priority,
        draft.version,
        _,
        _,
        ack_seq,
        _,
        draft.compat_version,
        reserved,
    ) = unpack_header(segments[0])
    draft.front = front
    draft.middle = middle
    draft.data = data
    draft.channel = reserved if extended else 0
    draft.size = len(front) + len(middle) + len(data)
    draft.__class__ = Message
    return ack_seq, draft


def open_message(frame: Frame, *, extended: bool = False) -> tuple[MessageHeader, Message]:
    """Return the header, as it stands, and the message in a MESSAGE frame, as `take_message` does."""
    _, message = take_message(frame, extended=extended)
    return MessageHeader.decode(frame.segments[0]), message
