"""Waiting messages and their receipts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msgr.errors import StateError
from msgr.session import LosslessSession, LossySession, Message, Outcome, OutQueue, Receipt
from tests.session.helpers import numbered


def filled(*priorities: int, size: int = 0) -> tuple[OutQueue, list[Receipt]]:
    """Return a queue of messages, numbered from 0, and their receipts."""
    queue, receipts = OutQueue(), [Receipt() for _ in priorities]
    for number, (priority, receipt) in enumerate(zip(priorities, receipts, strict=True)):
        queue.push(numbered(number, priority, size), receipt)
    return queue, receipts


def test_strictly_by_priority_and_first_in_first_out_within_one() -> None:
    queue, receipts = filled(127, 64, 255, 127, 196, 64, 0, 65535)
    order = [7, 2, 4, 0, 3, 1, 5, 6]
    for number in order:
        message, receipt = queue.pop()
        assert message.tid == number
        assert receipt is receipts[number]
    assert not queue
    with pytest.raises(IndexError):
        queue.pop()


def test_what_comes_later_with_a_higher_priority_goes_first() -> None:
    queue, _ = filled(127, 127)
    assert queue.pop()[0].tid == 0
    queue.push(numbered(9, 196), Receipt())
    assert [message.tid for message, _ in queue.drain()] == [9, 1]


def test_count_and_size_follow() -> None:
    queue, _ = filled(1, 2, 1, size=10)
    assert (queue.count, queue.size, bool(queue)) == (3, 30, True)
    queue.pop()
    assert (queue.count, queue.size) == (2, 20)
    assert len(list(queue.drain())) == 2
    assert (queue.count, queue.size, bool(queue)) == (0, 0, False)


@given(st.lists(st.one_of(st.integers(0, 4), st.none())))
def test_against_a_model_of_a_few_lines(steps: list[int | None]) -> None:
    queue, model = OutQueue(), list[tuple[int, int]]()
    for number, priority in enumerate(steps):
        if priority is not None:
            queue.push(numbered(number, priority), Receipt())
            model.append((-priority, number))
        elif model:
            model.sort()
            assert queue.pop()[0].tid == model.pop(0)[1]
        assert queue.count == len(model)


def test_a_receipt_is_settled_once() -> None:
    for first in Outcome:
        for second in Outcome:
            receipt = Receipt()
            assert (receipt.outcome, receipt.seq, repr(receipt)) == (None, 0, "<Receipt open>")
            receipt.settle(first)
            assert receipt.outcome is first
            with pytest.raises(StateError, match=r"cannot become .* \[DELIVERY-1\]"):
                receipt.settle(second)
            assert receipt.outcome is first
            assert repr(receipt) == f"<Receipt {first.value}>"


class Elsewhere(Receipt):
    """The receipt of a message that finds another way, if there is room for it."""

    def __init__(self, room: bool) -> None:
        super().__init__()
        self.room = room
        self.taken: list[Message] = []

    def give_up(self, message: Message) -> bool:
        if not self.room:
            return super().give_up(message)
        self.taken.append(message)
        return True


@pytest.mark.parametrize("session", [LosslessSession(), LossySession()], ids=lambda session: type(session).__name__)
def test_what_is_not_delivered_may_find_another_way(session: LosslessSession | LossySession) -> None:
    """Demand 38: its receipt decides, once; what was written is not asked about."""
    written, kept, lost = Elsewhere(True), Elsewhere(True), Elsewhere(False)
    session.push(numbered(0), written)
    session.next_frame()
    session.push(numbered(1), kept)
    session.push(numbered(2), lost)
    session.end()
    assert (written.taken, written.outcome) == ([], Outcome.UNKNOWN)
    assert ([message.tid for message in kept.taken], kept.outcome) == ([1], None)
    assert lost.outcome is Outcome.UNDELIVERED
    counters = session.counters
    assert (counters.unknown, counters.forwarded, counters.undelivered) == (1, 1, 1)


def test_a_receipt_tells_its_outcome_to_who_waits() -> None:
    receipt, told = Receipt(), list[Outcome]()
    receipt.on_done = told.append
    receipt.settle(Outcome.UNKNOWN)
    assert told == [Outcome.UNKNOWN]
