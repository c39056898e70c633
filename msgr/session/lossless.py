"""A session that outlives its connections: nothing lost, nothing twice, in order.

What was written is kept until it is acknowledged. When the connection is lost, it goes out again on the next one, with
the numbers that it had; the peer says how far it had come, and drops what it has already (SESSION-REPLAY-1).
"""

from __future__ import annotations

from collections import deque
from typing import Final

from ..errors import PeerError
from ..frame import Frame
from ..payload import Ack, to_frame
from .channels import ChannelQuotas
from .message import Message, take_message
from .queue import Entry
from .receipt import Outcome
from .traffic import Traffic

_NONE: Final[deque[Entry]] = deque()
"""Stands where nothing was put yet, and nothing is put into it: an empty deque takes 760 bytes, and most are idle."""


class LosslessSession(Traffic):
    """The traffic of a session that keeps what it wrote until that is acknowledged.

    `queue` holds what was never written, `_replay` what was written on a connection that is lost, `_sent` what was
    written on this one; the last two in the order of their numbers, all of `_sent` before all of `_replay`.
    """

    __slots__ = ("_replay", "_sent", "_written_bytes")

    def __init__(self, channels: ChannelQuotas | None = None) -> None:
        super().__init__(channels)
        self._sent = self._replay = _NONE
        self._written_bytes = 0

    @property
    def held_bytes(self) -> int:
        """The bytes of all messages whose outcome is open."""
        return self.queue.size + self._written_bytes

    def held(self, overhead: int) -> int:
        """Return the bytes of all messages whose outcome is open, and `overhead` more for each."""
        queue = self.queue
        count = queue.count + len(self._sent) + len(self._replay)
        return queue.size + self._written_bytes + count * overhead

    @property
    def unacknowledged(self) -> int:
        """How many messages were written and not acknowledged."""
        return len(self._sent) + len(self._replay)

    @property
    def has_output(self) -> bool:
        """Whether `next_frame` would return one."""
        return bool(self._replay) or bool(self.queue) or self._ack_due

    @property
    def has_messages(self) -> bool:
        """Whether a message waits to be written, for the first time or again."""
        return bool(self._replay) or bool(self.queue)

    def next_frame(self) -> Frame | None:
        """Return the frame that goes out next: what is written again, what waits, an acknowledgement; or None."""
        extension, queue = self._extension, self.queue
        if self._replay:
            entry = self._replay.popleft()
            message, receipt = entry
            self.counters.resent += 1
        elif queue.count and not (self._ack_due and extension is not None and extension.is_splitting):
            taken = queue.pop() if extension is None else extension.pop()
            if isinstance(taken, Frame):
                self.counters.parts += 1
                return taken
            entry = taken
            message, receipt = entry
            self.out_seq = receipt.seq = self.out_seq + 1
            self._written_bytes += message.size
            self.counters.sent += 1
        elif self._ack_due:  # parts carry none, so it does not wait for the end of a message
            self._ack_due = False
            return to_frame(Ack(seq=self.in_seq))
        else:
            return None
        sent = self._sent
        if sent is _NONE:
            sent = self._sent = deque()
        sent.append(entry)
        self._ack_due = False
        if extension is None:
            return message.to_frame(seq=receipt.seq, ack_seq=self.in_seq)
        return extension.to_frame(message, seq=receipt.seq, ack_seq=self.in_seq)

    def receive(self, frame: Frame) -> Message | None:
        """Return the message in a MESSAGE frame, or None where it was received before; raises PeerError.

        A duplicate is dropped, and acknowledged again (MESSAGE-2). A gap is counted, and passed over, as Ceph's daemons
        do: they leave one where they gave up a message themselves (MESSAGE-3).
        """
        extension = self._extension
        ack_seq, message = take_message(frame) if extension is None else extension.take_message(frame)
        if ack_seq and (self._sent or self._replay or ack_seq > self.out_seq):  # else it says nothing new
            self.acknowledge(ack_seq)
        self._ack_due = True
        seq, expected, counters = message.seq, self.in_seq + 1, self.counters
        if seq != expected:
            if seq < expected:
                counters.duplicates += 1
                return None
            counters.gaps += seq - expected
        counters.received += 1
        self.in_seq = seq
        return message

    def acknowledge(self, seq: int) -> None:
        """Settle all messages up to `seq`; raises PeerError for one that was never written (ACK-2)."""
        super().acknowledge(seq)
        self._settle_up_to(self._sent, seq)
        if not self._sent:
            self._sent = _NONE
            self._settle_up_to(self._replay, seq)

    def lose_connection(self) -> None:
        """Make ready to write again, on the next connection, what is not acknowledged."""
        self._close()
        if self._replay:
            self._replay.extendleft(reversed(self._sent))
        else:
            self._replay = self._sent or _NONE
        self._sent = _NONE
        self._ack_due = False

    def resume(self, peer_in_seq: int) -> None:
        """Go on after a reconnect: the peer has received everything up to `peer_in_seq` (SESSION-REPLAY-2).

        With nothing to write again, its word also sets our numbering: to number from anywhere else would be to send
        duplicates, or to leave a gap. Raises PeerError where it received what was never sent.
        """
        if peer_in_seq > self.out_seq:
            raise PeerError(f"the peer received {peer_in_seq}, {self.out_seq} were sent", rule="SESSION-REPLAY-2")
        self._settle_up_to(self._replay, peer_in_seq)
        if not self._replay:
            self.out_seq = peer_in_seq

    def begin(self) -> None:
        """Go on with a peer that has received nothing of this session, and sends from 1 (SESSION-REPLAY-3)."""
        self.in_seq = 0
        if not self._replay:
            self.out_seq = 0

    def forget(self, *, queue: bool) -> None:
        """Note that the peer lost the session it had.

        What was written and not acknowledged is unknown: the peer may have handled it before it forgot. What was never
        written waits for the new session, or with `queue` is undelivered.
        """
        self.counters.resets += 1
        self.lose_connection()
        self._settle_replay()
        if queue:
            self._drop_queue()
        self.in_seq = self.out_seq = 0

    def end(self) -> None:
        """Settle everything: there will be no other connection."""
        self.lose_connection()
        self._settle_replay()
        self._drop_queue()

    def _settle_replay(self) -> None:
        self._written_bytes = 0
        while self._replay:
            self._replay.popleft()[1].settle(Outcome.UNKNOWN)
            self.counters.unknown += 1

    def _settle_up_to(self, entries: deque[Entry], seq: int) -> None:
        counters = self.counters
        while entries and entries[0][1].seq <= seq:
            message, receipt = entries.popleft()
            self._written_bytes -= message.size
            counters.acknowledged += 1
            receipt.settle(Outcome.ACKNOWLEDGED)
