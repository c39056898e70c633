"""A session that ends with its connection."""

from __future__ import annotations

from ..frame import Frame
from ..payload import Ack, to_frame
from .channels import ChannelQuotas
from .message import Message, take_message
from .receipt import Outcome
from .traffic import Traffic


class LossySession(Traffic):
    """Numbers what goes out, drops duplicates of what comes in (MESSAGE-2), and keeps nothing once it is written.

    Nothing is acknowledged, so what became of a message is unknown as soon as it is written. `acknowledges` is True
    towards a server that calls its end of the session lossless: it keeps what it sent until it is acknowledged (ACK-1).
    """

    __slots__ = ("acknowledges",)

    def __init__(self, channels: ChannelQuotas | None = None, *, acknowledges: bool = False) -> None:
        super().__init__(channels)
        self.acknowledges = acknowledges

    @property
    def unacknowledged(self) -> int:
        """How many messages were written whose outcome is open: none, because it never will be known."""
        return 0

    @property
    def held_bytes(self) -> int:
        """The bytes of all messages whose outcome is open."""
        return self.queue.size

    def held(self, overhead: int) -> int:
        """Return the bytes of all messages whose outcome is open, and `overhead` more for each."""
        return self.queue.size + self.queue.count * overhead

    @property
    def has_messages(self) -> bool:
        """Whether a message waits to be written."""
        return bool(self.queue)

    @property
    def has_output(self) -> bool:
        """Whether `next_frame` would return one."""
        return bool(self.queue) or self._ack_due

    def next_frame(self) -> Frame | None:
        """Return the frame that goes out next: a waiting message, else an acknowledgement that is due, else None."""
        extension = self._extension
        if self.queue and not (self._ack_due and extension is not None and extension.is_splitting):
            taken = self.queue.pop() if extension is None else extension.pop()
            if isinstance(taken, Frame):
                self.counters.parts += 1
                return taken
            message, receipt = taken
            self.out_seq += 1
            self._ack_due = False
            if extension is None:
                frame = message.to_frame(seq=self.out_seq, ack_seq=self.in_seq)
            else:
                frame = extension.to_frame(message, seq=self.out_seq, ack_seq=self.in_seq)
            receipt.seq = self.out_seq
            receipt.settle(Outcome.UNKNOWN)
            self.counters.sent += 1
            self.counters.unknown += 1
            return frame
        if self._ack_due:
            self._ack_due = False
            return to_frame(Ack(seq=self.in_seq))
        return None

    def receive(self, frame: Frame) -> Message | None:
        """Return the message in a MESSAGE frame, or None where it was received before; raises PeerError.

        A gap in the numbers is counted and let pass, as Ceph's daemons do: on a lossy session it means nothing.
        """
        extension = self._extension
        ack_seq, message = take_message(frame) if extension is None else extension.take_message(frame)
        if ack_seq:
            self.acknowledge(ack_seq)
        if message.seq <= self.in_seq:
            self.counters.duplicates += 1
            return None
        self.counters.gaps += message.seq - self.in_seq - 1
        self.counters.received += 1
        self.in_seq = message.seq
        self._ack_due = self.acknowledges
        return message

    def end(self) -> None:
        """Settle what was not written: it is undelivered, unless it goes to another session."""
        self._close()
        self._drop_queue()
