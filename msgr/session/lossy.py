"""A session that ends with its connection."""

from __future__ import annotations

from ..frame import Frame
from ..payload import Ack, to_frame
from .message import Message, open_message
from .queue import OutQueue


class LossySession:
    """Numbers what goes out, drops duplicates of what comes in (MESSAGE-2), and keeps nothing once it is written.

    `acknowledges` is True towards a server that calls its end of the session lossless: it keeps what it sent until
    it is acknowledged (ACK-1).
    """

    __slots__ = ("_ack_due", "_acknowledges", "in_seq", "out_seq", "queue")

    def __init__(self, *, acknowledges: bool = False) -> None:
        self.queue = OutQueue()
        self.in_seq = 0
        """The number of the last message that came in."""
        self.out_seq = 0
        """The number of the last message that was written."""
        self._acknowledges = acknowledges
        self._ack_due = False

    @property
    def has_output(self) -> bool:
        """Whether `next_frame` would return one."""
        return bool(self.queue) or self._ack_due

    def next_frame(self) -> Frame | None:
        """Return the frame that goes out next: a waiting message, else an acknowledgement that is due, else None."""
        if self.queue:
            self.out_seq += 1
            self._ack_due = False
            return self.queue.pop().to_frame(seq=self.out_seq, ack_seq=self.in_seq)
        if self._ack_due:
            self._ack_due = False
            return to_frame(Ack(seq=self.in_seq))
        return None

    def receive(self, frame: Frame) -> Message | None:
        """Return the message in a MESSAGE frame, or None where it was received before; raises PeerError.

        A gap in the numbers is let pass, as Ceph's daemons do: on a lossy session it means nothing.
        """
        header, message = open_message(frame)
        if header.seq <= self.in_seq:
            return None
        self.in_seq = header.seq
        self._ack_due = self._acknowledges
        return message
