"""Large messages in parts: what goes out, what came in, and what a connection of two msgr peers adds to a session.

A message of more than `ChannelQuotas.part` bytes goes out as MESSAGE_PART frames, each of them a turn of its channel,
and then the MESSAGE with the rest. Only that has a number, so acknowledgements, and what is written again after a
connection was lost, know nothing of parts: both ends forget them with the connection, and the message is still the
first of its channel (CHANNEL-7). What has a number already is written again whole: all that has one goes before all
that has none, so there is nobody to whom a part could give way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ..errors import FrameTooLarge, PeerError
from ..frame import Frame, NodeTag
from ..payload import PartHeader
from ..wire import Octets
from .channels import LARGEST_PART, OVERHEAD, SMALLEST_PART, ChannelQueue
from .message import Message, take_message
from .queue import Entry, OutQueue

_COMPRESSED: Final = LARGEST_PART // 6 + 3 * 64
"""How much longer a part may get by compression: snappy's worst case, and what the formats put in front."""
_BODY: Final = ("front", "middle", "data")


@dataclass(frozen=True, slots=True, kw_only=True)
class PartLimits:
    """How many bytes of unfinished messages each end holds, and how long each segment of a message may be."""

    peer: int
    """What the peer has announced; 0 takes none."""
    own: int
    segments: tuple[int, int, int]


class PartSender:
    """Cuts the messages of a queue into parts, each channel in its turn.

    The messages of which parts went out are together no longer than the peer's limit. One that has no room waits, and
    its channel with it, until others are finished; those that wait are served in the order in which they came, so none
    starves. One that is longer than the limit by itself goes whole (CHANNEL-6).
    """

    __slots__ = ("_begun", "_limit", "_queue", "_reserved", "_waiting")

    def __init__(self, queue: ChannelQueue, limit: int) -> None:
        self._queue = queue
        self._limit = limit
        self._begun: dict[int, int] = {}  # channel: bytes of its first message that went out
        self._reserved = 0
        self._waiting: deque[tuple[int, int]] = deque()  # channel, size

    @property
    def is_splitting(self) -> bool:
        """Whether some message is in the middle of its parts."""
        return bool(self._begun)

    def next(self) -> Frame | Entry:
        """Return the next part, or the next message to be written, as far as it is not; raises IndexError."""
        queue = self._queue
        part = queue.quotas.part
        while True:
            message = queue.head()
            size, channel = message.size, message.channel
            if size <= part or size > self._limit:
                return queue.pop()
            start = self._begun.get(channel)
            if start is None:
                if self._waiting or self._reserved + size > self._limit:
                    self._waiting.append((channel, size))
                    queue.park()
                    continue
                self._reserved += size
                start = self._begun[channel] = 0
            if size - start <= part:
                return queue.pop(spent=start)
            self._begun[channel] = start + part
            queue.charge(part + OVERHEAD)
            header = PartHeader(channel=channel, offset=start).encode()
            return Frame.of(NodeTag.MESSAGE_PART, header, *message.pieces(start, start + part))

    def finish(self, message: Message) -> int:
        """Return how many bytes of a message that is being written went out in parts; others may have its room."""
        start = self._begun.pop(message.channel, 0) if self._begun else 0
        if start:
            self._reserved -= message.size
            while self._waiting and self._reserved + self._waiting[0][1] <= self._limit:
                channel, size = self._waiting.popleft()
                self._reserved += size
                self._begun[channel] = 0
                self._queue.unpark(channel)
        return start

    def close(self) -> None:
        """Forget what was begun; nobody waits any more."""
        for channel, _ in self._waiting:
            self._queue.unpark(channel)
        self._waiting.clear()
        self._begun.clear()
        self._reserved = 0


class _Unfinished:
    """What came of one message so far: its segments grow in place, so that to finish it is no work."""

    __slots__ = ("segments", "total")

    def __init__(self) -> None:
        self.segments = (bytearray(), bytearray(), bytearray())
        self.total = 0

    def append(self, body: Iterable[Octets]) -> int:
        """Append the next pieces of the segments; returns how many bytes they are."""
        before = self.total
        for segment, piece in zip(self.segments, body, strict=False):
            segment += piece
            self.total += len(piece)
        return self.total - before


class PartAssembler:
    """Holds the parts that came in, within limits that are checked before a byte of them is kept."""

    __slots__ = ("_limits", "_unfinished", "held")

    def __init__(self, limits: PartLimits) -> None:
        self.held = 0
        """The bytes of all unfinished messages."""
        self._limits = limits
        self._unfinished: dict[int, _Unfinished] = {}

    def admit(self, lengths: tuple[int, ...], *, compressed: bool = False) -> None:
        """Refuse a part by the lengths of its segments, before a byte of it is waited for; raises PeerError.

        One that is `compressed` is looked at again as what it turned out to be.
        """
        size = sum(lengths[1:])
        if size > LARGEST_PART + (_COMPRESSED if compressed else 0):
            raise FrameTooLarge(f"a part of {size} bytes, {LARGEST_PART} are allowed", rule="CHANNEL-5")
        if compressed:
            return
        if size < SMALLEST_PART:
            # A rest of less goes with the message; and smaller ones could cost more memory than they count for.
            raise PeerError(f"a part of {size} bytes, it has at least {SMALLEST_PART}", rule="CHANNEL-5")
        if self.held + size > self._limits.own:
            held = f"{self.held} bytes of unfinished messages, and a part of {size}"
            raise FrameTooLarge(f"{held}; {self._limits.own} are allowed", rule="CHANNEL-6")

    def take(self, frame: Frame) -> None:
        """Keep a part that was admitted; raises PeerError where it is not the next one, or its message too large."""
        header = PartHeader.decode(frame.segments[0])
        body = frame.segments[1:]
        found = self._unfinished.get(header.channel)
        before = 0 if found is None else found.total
        if header.offset != before:
            text = f"a part from byte {header.offset} on in channel {header.channel}, which has {before}"
            raise PeerError(text, rule="CHANNEL-4")
        unfinished = found or _Unfinished()
        self._check(unfinished, body)
        self._unfinished[header.channel] = unfinished
        self.held += unfinished.append(body)

    def finish(self, frame: Frame, channel: int) -> Frame:
        """Return a MESSAGE with what of it came before in parts; raises PeerError where that is too much."""
        unfinished = self._unfinished.get(channel)
        if unfinished is None:
            return frame
        header, *body = frame.segments
        self._check(unfinished, body)
        del self._unfinished[channel]
        self.held -= unfinished.total
        unfinished.append(body)
        return Frame(frame.tag, (header, *unfinished.segments))

    def _check(self, unfinished: _Unfinished, body: list[Octets] | tuple[Octets, ...]) -> None:
        for name, had, more, limit in zip(_BODY, unfinished.segments, body, self._limits.segments, strict=False):
            if len(had) + len(more) > limit:
                size = len(had) + len(more)
                raise FrameTooLarge(f"{name} has {size} bytes so far, {limit} are allowed", rule="CHANNEL-6")


class Extension:
    """What a session does beyond Ceph's, on one connection whose both ends have MSGR_EXT: channels and parts."""

    __slots__ = ("_assembler", "_queue", "_sender")

    def __init__(self, queue: OutQueue | ChannelQueue, limits: PartLimits) -> None:
        self._queue = queue
        self._assembler = PartAssembler(limits)
        self._sender: PartSender | None = None
        if isinstance(queue, ChannelQueue) and limits.peer:
            self._sender = PartSender(queue, limits.peer)

    @property
    def is_splitting(self) -> bool:
        """Whether some message is in the middle of its parts."""
        return self._sender is not None and self._sender.is_splitting

    def pop(self) -> Frame | Entry:
        """Return the next part, or the next message that is to be written; raises IndexError."""
        return self._queue.pop() if self._sender is None else self._sender.next()

    def to_frame(self, message: Message, *, seq: int, ack_seq: int) -> Frame:
        """Return the MESSAGE frame with what of a message did not go out in parts."""
        start = 0 if self._sender is None else self._sender.finish(message)
        return message.to_frame(seq=seq, ack_seq=ack_seq, extended=True, start=start)

    def admit_part(self, lengths: tuple[int, ...], *, compressed: bool) -> None:
        """Refuse a part by the lengths of its segments; raises PeerError."""
        self._assembler.admit(lengths, compressed=compressed)

    def take_part(self, frame: Frame) -> None:
        """Keep a part; raises PeerError."""
        self._assembler.take(frame)

    def take_message(self, frame: Frame) -> tuple[int, Message]:
        """Return the ack_seq and the message in a MESSAGE, its parts put together; raises PeerError."""
        ack_seq, message = take_message(frame, extended=True)
        whole = self._assembler.finish(frame, message.channel)
        return (ack_seq, message) if whole is frame else take_message(whole, extended=True)

    def close(self) -> None:
        """Forget all parts, that went out or came in: the connection is over (CHANNEL-7)."""
        if self._sender is not None:
            self._sender.close()
