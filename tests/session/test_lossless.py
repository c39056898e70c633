"""A session that outlives its connections."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

import pytest

from msgr.errors import PeerError
from msgr.frame import Frame, Tag
from msgr.session import LosslessSession, Outcome, Receipt
from tests.session.helpers import ack_of, drain, feed, header_of, numbered

OPEN: Final = None
ACKED: Final = Outcome.ACKNOWLEDGED
UNDELIVERED: Final = Outcome.UNDELIVERED
UNKNOWN: Final = Outcome.UNKNOWN


def written(count: int, *, waiting: int = 0, size: int = 0) -> tuple[LosslessSession, list[Receipt], list[Frame]]:
    """Return a session that has written `count` messages, with more that wait; their receipts; the frames."""
    session = LosslessSession()
    receipts = [session.push(numbered(number, size=size)) for number in range(count)]
    frames = drain(session)
    receipts += [session.push(numbered(number, size=size)) for number in range(count, count + waiting)]
    return session, receipts, frames


def outcomes(receipts: list[Receipt]) -> list[Outcome | None]:
    return [receipt.outcome for receipt in receipts]


def seqs(frames: list[Frame]) -> list[int]:
    return [header_of(frame).seq for frame in frames]


def tids(frames: list[Frame]) -> list[int]:
    return [header_of(frame).tid for frame in frames]


def test_numbers_begin_at_one_and_are_given_when_written() -> None:
    session, receipts, frames = written(3, waiting=1)
    assert seqs(frames) == [1, 2, 3]
    assert [receipt.seq for receipt in receipts] == [1, 2, 3, 0]
    assert (session.out_seq, session.unacknowledged, session.queue.count, session.outstanding) == (3, 3, 1, 4)
    assert outcomes(receipts) == [OPEN] * 4


def test_a_copy_of_the_counters_stands_still() -> None:
    session, _, _ = written(2)
    before = session.counters.copy()
    session.acknowledge(2)
    assert (before.sent, before.acknowledged, session.counters.acknowledged) == (2, 0, 2)


def test_a_receipt_of_the_caller_is_used() -> None:
    session, receipt = LosslessSession(), Receipt()
    assert session.push(numbered(1), receipt) is receipt


def test_strict_priorities_decide_the_numbers() -> None:
    session = LosslessSession()
    for number, priority in enumerate([64, 196, 127]):
        session.push(numbered(number, priority))
    frames = drain(session)
    assert (tids(frames), seqs(frames)) == ([1, 2, 0], [1, 2, 3])


def test_an_ack_settles_all_up_to_it_once() -> None:
    session, receipts, _ = written(4, size=10)
    assert session.held_bytes == 40
    session.acknowledge(2)
    session.acknowledge(2)
    session.acknowledge(1)
    assert outcomes(receipts) == [ACKED, ACKED, OPEN, OPEN]
    assert (session.counters.acknowledged, session.unacknowledged, session.held_bytes) == (2, 2, 20)
    session.acknowledge(4)
    assert outcomes(receipts) == [ACKED] * 4
    assert (session.unacknowledged, session.held_bytes) == (0, 0)


def test_an_ack_of_what_was_never_written_is_refused() -> None:
    session, receipts, _ = written(2, waiting=1)
    with pytest.raises(PeerError, match="ACK-2"):
        session.acknowledge(3)
    assert outcomes(receipts) == [OPEN] * 3


def test_what_comes_in_is_acknowledged_when_nothing_is_to_be_sent() -> None:
    _, _, frames = written(2)
    session = LosslessSession()
    assert session.next_frame() is None
    assert feed(session, frames) == [0, 1]
    assert session.has_output
    assert not session.has_messages
    assert ack_of(session.next_frame()) == 2
    assert not session.has_output
    assert session.next_frame() is None


def test_a_message_carries_the_ack_instead() -> None:
    _, _, frames = written(2)
    session = LosslessSession()
    session.push(numbered(9))
    feed(session, frames)
    (frame,) = drain(session)
    assert header_of(frame).ack_seq == 2
    sender, receipts, _ = written(2)
    feed(sender, [frame])
    assert outcomes(receipts) == [ACKED, ACKED]


def test_a_duplicate_is_dropped_and_acknowledged_again_and_reading_goes_on() -> None:
    _, _, frames = written(3)
    session = LosslessSession()
    feed(session, frames[:2])
    drain(session)
    assert feed(session, frames[:2]) == []
    assert session.counters.duplicates == 2
    assert ack_of(session.next_frame()) == 2
    assert feed(session, frames[2:]) == [2]


def test_a_duplicate_still_tells_what_the_peer_received() -> None:
    session, receipts, _ = written(1)
    peer = LosslessSession()
    peer.in_seq = 1
    peer.push(numbered(5))
    (frame,) = drain(peer)
    session.in_seq = 1
    assert feed(session, [frame]) == []
    assert outcomes(receipts) == [ACKED]


def test_a_gap_is_counted_and_passed_over() -> None:
    _, _, frames = written(5)
    session = LosslessSession()
    assert feed(session, [frames[0], frames[4]]) == [0, 4]
    assert (session.counters.gaps, session.in_seq, session.counters.received) == (3, 5, 2)


def test_what_is_not_acknowledged_is_written_again_with_its_numbers_before_all_that_waits() -> None:
    """Demand 71."""
    session, receipts, _ = written(3, waiting=1)
    session.push(numbered(4, 255))
    session.acknowledge(1)
    session.lose_connection()
    assert session.has_messages
    session.resume(1)
    frames = drain(session)
    assert (tids(frames), seqs(frames)) == ([1, 2, 4, 3], [2, 3, 4, 5])
    assert (session.counters.sent, session.counters.resent) == (5, 2)
    assert outcomes(receipts) == [ACKED, OPEN, OPEN, OPEN]


def test_the_order_holds_when_a_connection_is_lost_while_writing_again() -> None:
    session, _, _ = written(4, waiting=1)
    for again in range(1, 5):
        session.lose_connection()
        assert [session.next_frame() is not None for _ in range(again)] == [True] * again
    session.lose_connection()
    frames = drain(session)
    assert (tids(frames), seqs(frames)) == ([0, 1, 2, 3, 4], [1, 2, 3, 4, 5])


def test_a_reconnect_settles_what_the_peer_has() -> None:
    session, receipts, _ = written(3, size=10)
    session.lose_connection()
    session.resume(2)
    assert outcomes(receipts) == [ACKED, ACKED, OPEN]
    assert session.held_bytes == 10
    assert seqs(drain(session)) == [3]


def test_with_nothing_to_write_again_the_peer_sets_the_numbers() -> None:
    session, _, _ = written(3)
    session.acknowledge(3)
    session.lose_connection()
    session.resume(2)
    session.push(numbered(9))
    assert seqs(drain(session)) == [3]


def test_a_peer_cannot_have_what_was_never_sent() -> None:
    session, receipts, _ = written(2)
    session.lose_connection()
    with pytest.raises(PeerError, match="SESSION-REPLAY-2"):
        session.resume(3)
    assert outcomes(receipts) == [OPEN, OPEN]
    assert session.out_seq == 2


def test_an_ack_reaches_what_is_not_written_again_yet() -> None:
    session, receipts, _ = written(3, size=1)
    session.lose_connection()
    session.resume(0)
    session.next_frame()
    session.acknowledge(2)
    assert outcomes(receipts) == [ACKED, ACKED, OPEN]
    assert session.held_bytes == 1
    assert seqs(drain(session)) == [3]


def test_an_acknowledgement_that_was_due_is_void_on_the_next_connection() -> None:
    _, _, frames = written(1)
    session = LosslessSession()
    feed(session, frames)
    session.lose_connection()
    assert session.next_frame() is None


def test_to_begin_keeps_what_was_written_and_its_numbers() -> None:
    session, receipts, _ = written(2)
    session.in_seq = 7
    session.lose_connection()
    session.begin()
    assert session.in_seq == 0
    assert seqs(drain(session)) == [1, 2]
    session.acknowledge(2)
    assert outcomes(receipts) == [ACKED, ACKED]
    session.lose_connection()
    session.begin()
    session.push(numbered(9))
    assert seqs(drain(session)) == [1]


@pytest.mark.parametrize("queue", [False, True])
@pytest.mark.parametrize("connected", [False, True])
def test_a_peer_that_forgot_leaves_what_was_written_unknown(queue: bool, connected: bool) -> None:
    session, receipts, _ = written(3, waiting=2, size=10)
    session.acknowledge(1)
    session.in_seq = 4
    if not connected:
        session.lose_connection()
    session.forget(queue=queue)
    assert outcomes(receipts) == [ACKED, UNKNOWN, UNKNOWN, *[UNDELIVERED if queue else OPEN] * 2]
    assert (session.in_seq, session.out_seq, session.unacknowledged) == (0, 0, 0)
    assert session.held_bytes == (0 if queue else 20)
    assert session.counters.resets == 1
    frames = drain(session)
    assert (tids(frames), seqs(frames)) == (([], []) if queue else ([3, 4], [1, 2]))


def test_the_end_settles_everything_exactly_once() -> None:
    session, receipts, _ = written(3, waiting=2)
    session.acknowledge(1)
    session.end()
    session.end()
    assert outcomes(receipts) == [ACKED, UNKNOWN, UNKNOWN, UNDELIVERED, UNDELIVERED]
    counters = session.counters
    assert (counters.acknowledged, counters.unknown, counters.undelivered) == (1, 2, 2)
    assert not session.has_output
    assert session.held_bytes == 0


class CountedDeque(deque[Any]):
    """A deque that counts how many of its entries were touched."""

    touched = 0

    def _count(self, amount: int = 1) -> None:
        CountedDeque.touched += amount

    def append(self, item: Any) -> None:
        self._count()
        super().append(item)

    def popleft(self) -> Any:
        self._count()
        return super().popleft()

    def extendleft(self, items: Any) -> None:
        taken = list(items)
        self._count(len(taken))
        super().extendleft(taken)

    def __iter__(self) -> Any:
        self._count(len(self))
        return super().__iter__()

    def __reversed__(self) -> Any:
        self._count(len(self))
        return super().__reversed__()


def cost(length: int, step: Callable[[LosslessSession], object], monkeypatch: pytest.MonkeyPatch) -> int:
    """Return how many entries a step touches where so many messages are unacknowledged, and so many wait."""
    monkeypatch.setattr("msgr.session.lossless.deque", CountedDeque)
    monkeypatch.setattr("msgr.session.queue.deque", CountedDeque)
    session, _, _ = written(length, waiting=length)
    CountedDeque.touched = 0
    step(session)
    return CountedDeque.touched


def lose_and_resume(session: LosslessSession) -> None:
    session.lose_connection()
    session.resume(0)


def lose_and_begin(session: LosslessSession) -> None:
    session.lose_connection()
    session.begin()


STEPS: Final[dict[str, Callable[[LosslessSession], object]]] = {
    "push": lambda session: session.push(numbered(0)),
    "push of another priority": lambda session: session.push(numbered(0, 196)),
    "next_frame": lambda session: session.next_frame(),
    "acknowledge": lambda session: session.acknowledge(1),
    "acknowledge again": lambda session: session.acknowledge(0),
    "lose_connection": lambda session: session.lose_connection(),
    "resume": lose_and_resume,
    "begin": lose_and_begin,
    "look": lambda session: (session.has_output, session.has_messages, session.unacknowledged, session.held_bytes),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_step_touches_as_many_entries_however_long_the_queues_are(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    few = cost(2, STEPS[name], monkeypatch)
    assert cost(1000, STEPS[name], monkeypatch) == few <= 3


def test_a_connection_lost_while_writing_again_costs_what_was_written_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def step(session: LosslessSession) -> None:
        session.lose_connection()
        session.next_frame()
        CountedDeque.touched = 0
        session.lose_connection()

    assert cost(1000, step, monkeypatch) == cost(10, step, monkeypatch) <= 3


def test_only_messages_and_acks_are_written() -> None:
    session, _, frames = written(2)
    feed(session, frames)
    assert {frame.tag for frame in drain(session)} == {Tag.ACK}


def test_what_one_session_has_written_is_in_no_other() -> None:
    """Those that have written nothing, or have nothing left, hold the same empty queue; nobody may write to it."""
    idle, (session, _, _) = LosslessSession(), written(2)
    for step in (lambda: None, session.lose_connection, session.lose_connection, lambda: drain(session)):
        step()
        assert session.unacknowledged == 2
        assert (idle.unacknowledged, LosslessSession().unacknowledged) == (0, 0)
    session.acknowledge(2)
    session.lose_connection()
    session.push(numbered(2))
    drain(session)
    assert (session.unacknowledged, idle.unacknowledged, LosslessSession().unacknowledged) == (1, 0, 0)
