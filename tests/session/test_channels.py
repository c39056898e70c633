"""Channels that share the way out by quota (demand 42, demand 95)."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable
from random import Random
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msgr.errors import ConfigError
from msgr.session import ChannelQueue, ChannelQuotas, LosslessSession, Message, Outcome, OutQueue, Receipt
from msgr.session.channels import OVERHEAD
from msgr.session.message import open_message
from tests.session.helpers import drain, header_of

sizes: Final = st.integers(0, 5000)
quotas: Final = st.integers(1, 64)


def message(channel: int, number: int = 0, size: int = 0, priority: int = 127) -> Message:
    return Message(type=1, tid=number, channel=channel, data=bytes(size), priority=priority)


def queue_of(shares: dict[int, int] | None = None, *, default: int = 1) -> ChannelQueue:
    return ChannelQueue(ChannelQuotas(default, shares or {}))


def fill(queue: ChannelQueue, messages: Iterable[Message]) -> None:
    for each in messages:
        queue.push(each, Receipt())


def cost(sent: Message) -> int:
    return sent.size + OVERHEAD


@given(st.lists(st.one_of(st.tuples(st.integers(0, 5), sizes), st.none()), max_size=200), st.lists(quotas, min_size=6))
def test_order_is_kept_within_a_channel_and_all_comes_out_once(
    steps: list[tuple[int, int] | None], weights: list[int]
) -> None:
    """Demand 35: whatever is pushed and popped in between; count, size and backlogs follow."""
    queue, waiting = queue_of(dict(enumerate(weights))), defaultdict[int, list[Message]](list)
    for number, step in enumerate(steps):
        if step is not None:
            sent = message(step[0], number, step[1])
            queue.push(sent, Receipt())
            waiting[sent.channel].append(sent)
        elif any(waiting.values()):
            head, popped = queue.head(), queue.pop()[0]
            assert popped is head is waiting[popped.channel].pop(0)
        rest = [each for line in waiting.values() for each in line]
        assert (queue.count, queue.size, bool(queue)) == (len(rest), sum(each.size for each in rest), bool(rest))
        for channel, line in waiting.items():
            assert queue.backlog(channel) == sum(each.size for each in line)
    drained = [entry[0] for entry in queue.drain()]
    assert {channel: [each for each in drained if each.channel == channel] for channel in waiting} == waiting
    assert (queue.count, queue.size, queue.backlog(0)) == (0, 0, 0)
    with pytest.raises(IndexError):
        queue.pop()


@given(st.lists(quotas, min_size=2, max_size=6), st.randoms(use_true_random=False), st.integers(1, 400))
def test_what_busy_channels_have_had_differs_by_less_than_a_message_each(
    weights: list[int], dice: Random, turns: int
) -> None:
    """The bound that fair queueing is known for holds at every moment, whatever the sizes."""
    queue, had, largest = queue_of(dict(enumerate(weights))), [0] * len(weights), [0] * len(weights)

    def push(channel: int) -> None:
        sent = message(channel, size=dice.randrange(5000))
        largest[channel] = max(largest[channel], cost(sent))
        queue.push(sent, Receipt())

    for channel in range(len(weights)):
        push(channel)
    for _ in range(turns):
        sent = queue.pop()[0]
        had[sent.channel] += cost(sent)
        push(sent.channel)
        for one, weight in enumerate(weights):
            for other, other_weight in enumerate(weights):
                apart = had[one] / weight - had[other] / other_weight
                assert apart <= largest[one] / weight + largest[other] / other_weight + 1e-3


@pytest.mark.parametrize("sizes", [(100, 100, 100), (64, 4000, 900), (9000, 10, 60)], ids=str)
def test_shares_are_the_quotas(sizes: tuple[int, int, int]) -> None:
    """Quotas 1:4:16 hold within one percent and one message, also where channels prefer other sizes."""
    shares = {0: 1, 5: 4, 65535: 16}
    queue, had = queue_of(shares), dict.fromkeys(shares, 0)
    by_channel = dict(zip(shares, sizes, strict=True))
    fill(queue, (message(channel, size=by_channel[channel]) for channel in shares for _ in range(2)))
    for _ in range(10_000):
        sent = queue.pop()[0]
        had[sent.channel] += cost(sent)
        queue.push(message(sent.channel, size=by_channel[sent.channel]), Receipt())
    for channel, weight in shares.items():
        due = sum(had.values()) * weight / 21
        assert abs(had[channel] - due) <= due / 100 + by_channel[channel] + OVERHEAD


def test_a_channel_that_runs_dry_all_the_time_gets_its_share_and_not_more() -> None:
    """One keeps a single message waiting, the other thousands: without a memory of those that ran dry, it would win."""
    queue, had = queue_of(), [0, 0]
    fill(queue, (message(0, size=1000) for _ in range(2000)))
    for _ in range(1000):
        if not queue.backlog(1):
            queue.push(message(1, size=1000), Receipt())
        had[queue.pop()[0].channel] += 1
    assert had == [500, 500]


def test_nothing_is_saved_up_while_idle() -> None:
    queue = queue_of()
    fill(queue, (message(0, size=1000) for _ in range(200)))
    for _ in range(100):
        queue.pop()
    fill(queue, (message(1, size=1000) for _ in range(100)))
    order = [queue.pop()[0].channel for _ in range(20)]
    assert order.count(1) == 10
    assert order[:4] in ([0, 1, 0, 1], [1, 0, 1, 0])


@given(st.integers(1, 40), st.lists(st.integers(0, 39), max_size=60), st.lists(quotas, min_size=41, max_size=41))
def test_a_newcomer_waits_for_one_turn_of_each_busy_channel_at_most(
    busy: int, before: list[int], weights: list[int]
) -> None:
    """Nobody starves, however little its quota and however much others have."""
    queue = queue_of(dict(enumerate(weights)) | {40: 1})
    fill(queue, (message(channel % busy, size=9 * channel) for channel in [*range(busy), *before]))
    fill(queue, (message(channel, size=100) for channel in range(busy) for _ in range(50)))
    for _ in before:
        queue.pop()
    queue.push(message(40, size=5000), Receipt())
    turns = 0
    while queue.pop()[0].channel != 40:
        turns += 1
    assert turns <= busy


def test_a_quota_of_one_among_the_highest_has_its_turns() -> None:
    """Even against 65,536 to 1, in proportion."""
    queue, turns = queue_of({0: 1 << 16}), 0
    fill(queue, (message(1, size=0) for _ in range(3)))
    fill(queue, (message(0, size=0) for _ in range(70_000)))
    queue.pop()
    while queue.pop()[0].channel != 1:
        turns += 1
    assert turns <= 1 << 16


def test_priority_does_not_reorder_a_channel_and_travels_along() -> None:
    """The rule is CHANNEL-2: within a channel strictly first in, first out."""
    session = LosslessSession(ChannelQuotas())
    for number, priority in enumerate((64, 255, 127)):
        session.push(message(3, number, priority=priority))
    headers = [header_of(frame) for frame in drain(session)]
    assert [(header.tid, header.priority) for header in headers] == [(0, 64), (1, 255), (2, 127)]


def test_without_quotas_priorities_are_strict_and_channels_mean_nothing() -> None:
    session = LosslessSession()
    assert isinstance(session.queue, OutQueue)
    for number, priority in enumerate((64, 255, 127)):
        session.push(message(number, number, priority=priority))
    assert [header_of(frame).tid for frame in drain(session)] == [1, 2, 0]


def test_what_is_pushed_while_all_is_given_up_waits_on() -> None:
    """Someone who sends again what was not delivered, as soon as he hears of it, is not told so for ever."""
    for quotas_given in (None, ChannelQuotas()):
        session = LosslessSession(quotas_given)

        def again(outcome: Outcome, session: LosslessSession = session) -> None:
            assert outcome is Outcome.UNDELIVERED
            session.push(message(1, 7))

        session.push(message(1, 1)).on_done = again
        session.push(message(2, 2)).on_done = again
        session.forget(queue=True)
        assert [header_of(frame).tid for frame in drain(session)] == [7, 7]


def test_idle_channels_take_no_memory() -> None:
    """All 65,536 were busy, and nothing of them is left."""
    queue = queue_of()
    fill(queue, (message(channel) for channel in range(1 << 16)))
    seen = {queue.pop()[0].channel for _ in range((1 << 16) - 1)}
    fill(queue, (message(0) for _ in range(3)))
    seen |= {queue.pop()[0].channel for _ in range(3)}
    assert len(seen) == 1 << 16
    held = sum(sys.getsizeof(getattr(queue, name)) for name in ("_channels", "_heap", "_parked"))
    assert len(queue._channels) == len(queue._heap) == 1
    queue.pop()
    assert (queue._channels, queue._heap, queue._parked) == ({}, [], {})
    assert held > sum(sys.getsizeof(getattr(queue, name)) for name in ("_channels", "_heap", "_parked"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"default": 0}, "channel by default has quota 0; 1 to 65536 are possible"),
        ({"quotas": {3: -1}}, "channel 3 has quota -1"),
        ({"quotas": {3: 65537}}, "channel 3 has quota 65537"),
        ({"quotas": {65536: 1}}, r"there is no channel 65536; they are 0 to 65535 \[CHANNEL-1\]"),
        ({"quotas": {-1: 1}}, "there is no channel -1"),
        ({"part": 4095}, r"parts of 4095 bytes; 4096 to 1048576 are possible \[CHANNEL-5\]"),
        ({"part": 1 << 21}, "parts of 2097152 bytes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_quotas_that_make_no_sense(given: dict[str, int | dict[int, int]], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        ChannelQuotas(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize("channel", [-1, 1 << 16])
def test_a_channel_that_the_header_cannot_hold(channel: int) -> None:
    with pytest.raises(ConfigError, match=rf"channel is {channel}; the header holds 16 bits \[MESSAGE-1\]"):
        message(channel).check()


def test_only_an_extended_frame_tells_the_channel() -> None:
    """A plain peer gets the 16 bits as zeros, byte for byte as before, and what it puts there is not looked at."""
    sent = message(0xBEEF, 5, 10)
    plain, extended = sent.to_frame(seq=1, ack_seq=2), sent.to_frame(seq=1, ack_seq=2, extended=True)
    assert plain == message(0, 5, 10).to_frame(seq=1, ack_seq=2)
    assert bytes(plain.segments[0])[:39] == bytes(extended.segments[0])[:39]
    assert (bytes(plain.segments[0])[39:], bytes(extended.segments[0])[39:]) == (b"\0\0", b"\xef\xbe")
    assert open_message(extended)[1].channel == 0
    assert open_message(extended, extended=True)[1].channel == 0xBEEF
