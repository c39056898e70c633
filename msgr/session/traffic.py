"""What both kinds of session have in common: a queue, the numbers, and the parts of large messages."""

from __future__ import annotations

from abc import ABC, abstractmethod

from ..errors import PeerError
from ..frame import Frame
from .channels import ChannelQueue, ChannelQuotas
from .message import Message
from .parts import Extension, PartLimits
from .queue import OutQueue
from .receipt import Receipt
from .stats import Counters


class Traffic(ABC):
    """Numbers, queues and acknowledgements of one session; what the ends agreed about it is in its `PeerSession`.

    `queue` holds what was never written; without `channels` it has strict priorities.
    """

    __slots__ = ("_ack_due", "_extension", "counters", "in_seq", "out_seq", "queue")

    def __init__(self, channels: ChannelQuotas | None = None) -> None:
        self.counters = Counters()
        self.queue: OutQueue | ChannelQueue = OutQueue() if channels is None else ChannelQueue(channels)
        self.in_seq = 0
        """The number of the last message that came in."""
        self.out_seq = 0
        """The highest number that was given to a message."""
        self._ack_due = False
        self._extension: Extension | None = None

    @property
    @abstractmethod
    def held_bytes(self) -> int:
        """The bytes of all messages whose outcome is open."""

    @abstractmethod
    def held(self, overhead: int) -> int:
        """Return the bytes of all messages whose outcome is open, and `overhead` more for each."""

    @property
    @abstractmethod
    def unacknowledged(self) -> int:
        """How many messages were written and have no outcome yet."""

    @property
    def outstanding(self) -> int:
        """How many messages have no outcome yet."""
        return self.queue.count + self.unacknowledged

    @property
    @abstractmethod
    def has_messages(self) -> bool:
        """Whether a message waits to be written, for the first time or again."""

    @property
    @abstractmethod
    def has_output(self) -> bool:
        """Whether `next_frame` would return one."""

    def push(self, message: Message, receipt: Receipt | None = None) -> Receipt:
        """Queue a message; the receipt, a new one or that given, will say what became of it."""
        receipt = Receipt() if receipt is None else receipt
        self.queue.push(message, receipt)
        return receipt

    def open(self, parts: PartLimits | None = None) -> None:
        """Begin on a connection that is ready: with channels and parts where both ends have MSGR_EXT."""
        self._close()
        if parts is not None:
            self._extension = Extension(self.queue, parts)

    def _close(self) -> None:
        """Forget the parts of a connection that is over."""
        if self._extension is not None:
            self._extension.close()
            self._extension = None

    @abstractmethod
    def next_frame(self) -> Frame | None:
        """Return the frame that goes out next, if there is one."""

    def admit_part(self, lengths: tuple[int, ...], *, compressed: bool) -> None:
        """Refuse a MESSAGE_PART by the lengths of its segments, before a byte of it is waited for; raises PeerError."""
        if self._extension is not None:
            self._extension.admit_part(lengths, compressed=compressed)

    def receive_part(self, frame: Frame) -> None:
        """Keep a part until its MESSAGE comes; raises PeerError."""
        if self._extension is not None:
            self._extension.take_part(frame)
            self.counters.parts_received += 1

    @abstractmethod
    def receive(self, frame: Frame) -> Message | None:
        """Return the message in a MESSAGE frame, or None where it was received before; raises PeerError."""

    def acknowledge(self, seq: int) -> None:
        """Take note that the peer has all messages up to `seq`; raises PeerError for what was never sent (ACK-2)."""
        if seq > self.out_seq:
            raise PeerError(f"ACK of {seq}, {self.out_seq} messages were sent", rule="ACK-2")

    @abstractmethod
    def end(self) -> None:
        """Settle everything: there will be no other connection."""

    def _drop_queue(self) -> None:
        """Settle what was never written: it is undelivered, unless it goes to another session (DELIVERY-2)."""
        for message, receipt in self.queue.drain():
            if receipt.give_up(message):
                self.counters.forwarded += 1
            else:
                self.counters.undelivered += 1
