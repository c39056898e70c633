"""The queue of waiting messages, against a model of a few lines."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from msgr.session import Message, OutQueue


def numbered(number: int, priority: int = 127, size: int = 0) -> Message:
    """Return a message that can be told from others."""
    return Message(type=1, tid=number, priority=priority, data=bytes(size))


def drained(queue: OutQueue) -> list[int]:
    """Return the numbers of all messages, in the order in which they would go."""
    numbers = []
    while queue:
        numbers.append(queue.pop().tid)
    return numbers


def test_first_in_first_out() -> None:
    queue = OutQueue()
    for number in range(10):
        queue.push(numbered(number))
    assert drained(queue) == list(range(10))


def test_strictly_by_priority() -> None:
    queue = OutQueue()
    for number, priority in enumerate([127, 64, 255, 127, 196, 64, 0, 65535]):
        queue.push(numbered(number, priority))
    assert drained(queue) == [7, 2, 4, 0, 3, 1, 5, 6]


def test_a_late_message_of_higher_priority_goes_first() -> None:
    queue = OutQueue()
    queue.push(numbered(1))
    queue.push(numbered(2))
    assert queue.pop().tid == 1
    queue.push(numbered(3, 196))
    assert drained(queue) == [3, 2]


def test_size_counts_all_three_segments() -> None:
    queue = OutQueue()
    queue.push(Message(type=1, front=b"1", middle=b"22", data=b"333"))
    assert queue.size == 6
    queue.push(numbered(1, 255, 10))
    assert queue.size == 16
    queue.pop()
    assert queue.size == 6
    queue.pop()
    assert queue.size == 0
    assert not queue


def test_nothing_to_pop() -> None:
    with pytest.raises(IndexError):
        OutQueue().pop()


class AgainstModel(RuleBasedStateMachine):
    """A list that is sorted whenever something is taken is the model: stable, and by priority."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = OutQueue()
        self.model: list[Message] = []
        self.pushed = 0

    @rule(priority=st.sampled_from([0, 64, 127, 128, 196, 255, 65535]), size=st.integers(0, 9))
    def push(self, priority: int, size: int) -> None:
        message = numbered(self.pushed, priority, size)
        self.pushed += 1
        self.queue.push(message)
        self.model.append(message)

    @precondition(lambda self: self.model)
    @rule()
    def pop(self) -> None:
        first = max(self.model, key=lambda message: (message.priority, -message.tid))
        self.model.remove(first)
        assert self.queue.pop() is first

    @invariant()
    def agrees(self) -> None:
        assert self.queue.size == sum(message.size for message in self.model)
        assert bool(self.queue) == bool(self.model)


TestAgainstModel = AgainstModel.TestCase
TestAgainstModel.settings = settings(max_examples=50)
