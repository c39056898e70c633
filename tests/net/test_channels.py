"""Channels between two nodes, over sockets: their order, their shares, and who waits for whom (demand 42)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

import anyio
import pytest

from msgr import ChannelQuotas, Limits, Message, Outcome, Session

from .leaks import reaches
from .nodes import joined
from .world import BOUND

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

MIB: Final = 1 << 20
WIDE: Final = Limits(outbox=64 * MIB, inbox=MIB)
QUOTAS: Final = ChannelQuotas(1, {2: 4, 3: 16}, part=64 << 10)
SMALL_PARTS: Final = ChannelQuotas(part=64 << 10)
SIZES: Final = {1: (100, 9000), 2: (64, 700, 90_000), 3: (2000, 70_000)}
"""What the channels send: the larger messages in parts."""


async def next_of(session: Session, channel: int) -> Message:
    """Return the next message of a channel; those of others are passed over."""
    with anyio.fail_after(BOUND):
        while True:
            message = await session.receive()
            if message.channel == channel:
                return message


async def stands_still(count: Callable[[], int]) -> bool:
    """Tell whether something counted does not grow for a while."""
    before = count()
    with anyio.move_on_after(0.2) as waiting:
        await reaches(count, before + 1)
    return waiting.cancelled_caught


async def test_channels_and_content_arrive_as_they_were_sent() -> None:
    """Demand 35: what is in a message follows from its number; large ones come in parts."""
    async with joined(channels=SMALL_PARTS) as (near, far):
        sizes = [0, 1, 65_536, 65_537, 300_000, 5]
        for tid, size in enumerate(sizes):
            data = bytes([tid + 1]) * size
            await near.send(Message(type=2, tid=tid, channel=65_535 - tid, front=data[:10], data=data))
        for _ in sizes:
            with anyio.fail_after(BOUND):
                message = await far.receive()
            data = bytes([message.tid + 1]) * sizes[message.tid]
            assert (message.channel, bytes(message.front), bytes(message.data)) == (
                65_535 - message.tid,
                data[:10],
                data,
            )
        assert near.stats.counters.parts == far.stats.counters.parts_received > 4


async def test_an_end_that_shares_nothing_still_says_and_hears_of_channels() -> None:
    """The numbers travel wherever both ends are nodes; how to share the way out is for each end to say."""
    async with joined() as (near, far):
        await near.send(Message(type=2, channel=7, data=bytes(300_000)))
        assert (await next_of(far, 7)).size == 300_000
        assert near.stats.counters.parts == 0


async def test_a_plain_peer_knows_no_channels() -> None:
    """Towards a peer without MSGR_EXT they are local: the way out is shared, and nothing of it is told."""
    async with joined(channels=ChannelQuotas(), far={"node": False}) as (near, far):
        receipt = await near.send(Message(type=2, channel=7, data=bytes(300_000)))
        with anyio.fail_after(BOUND):
            message = await far.receive()
            assert await receipt is Outcome.ACKNOWLEDGED
        assert (message.channel, message.size, near.stats.counters.parts) == (0, 300_000, 0)


async def test_shares_are_the_quotas_while_all_are_busy() -> None:
    """Quotas 1:4:16 within ten percent, with messages of mixed sizes, and a reader that is slower than all of them."""
    async with joined(channels=QUOTAS, limits=WIDE) as (near, far):
        for channel, sizes in SIZES.items():
            for number in range(20 * MIB // (sum(sizes) // len(sizes)) if channel == 3 else 600):
                near.post(Message(type=2, tid=number, channel=channel, data=bytes(sizes[number % len(sizes)])))
        had, last = Counter[int](), dict.fromkeys(SIZES, -1)
        with anyio.fail_after(6 * BOUND):
            while had.total() < 16 * MIB:
                message = await far.receive()
                had[message.channel] += message.size + 96
                assert message.tid == last[message.channel] + 1  # demand 35: in order within each
                last[message.channel] = message.tid
        for channel, quota in ((1, 1), (2, 4), (3, 16)):
            due = had.total() * quota / 21
            assert abs(had[channel] - due) <= due / 10 + max(SIZES[channel])


@pytest.mark.parametrize("channels", [None, ChannelQuotas()], ids=["without", "with channels"])
async def test_a_small_message_does_not_wait_for_a_large_one(channels: ChannelQuotas | None) -> None:
    """Demand 42: it comes first, though it was sent last; without channels it comes last."""
    async with joined(channels=channels, limits=Limits(inbox=MIB)) as (near, far):
        large = near.post(Message(type=2, channel=1, data=bytes(32 * MIB)))
        small = near.post(Message(type=3, channel=2))
        with anyio.fail_after(3 * BOUND):
            order = [(await far.receive()).type for _ in range(2)]
            assert await large is await small is Outcome.ACKNOWLEDGED
        assert order == ([2, 3] if channels is None else [3, 2])


async def test_a_message_that_is_sent_later_passes_a_large_one_that_is_under_way() -> None:
    """It was begun long before, and its parts fill all buffers between."""
    async with joined(channels=ChannelQuotas(), limits=Limits(inbox=MIB)) as (near, far):
        await near.send(Message(type=2, channel=1, data=bytes(48 * MIB)))
        with anyio.fail_after(BOUND):
            while near.stats.counters.parts < 64:
                await anyio.lowlevel.checkpoint()
        await near.send(Message(type=3, channel=2))
        with anyio.fail_after(3 * BOUND):
            assert [(await far.receive()).type for _ in range(2)] == [3, 2]


async def test_who_fills_a_channel_does_not_keep_others_from_sending() -> None:
    """The limit of what may wait holds for each channel: a sender in another one has room at once."""
    limits = Limits(outbox=MIB, inbox=64 << 10)
    async with joined(channels=ChannelQuotas(), limits=limits) as (near, far), anyio.create_task_group() as tasks:
        filled = 0

        async def fill() -> None:
            nonlocal filled
            while True:
                await near.send(Message(type=2, channel=1, data=bytes(200_000)))
                filled += 1

        tasks.start_soon(fill)
        with anyio.fail_after(BOUND):
            while not await stands_still(lambda: filled) or filled < 6:
                pass
        assert near.stats.held_bytes >= MIB
        with anyio.fail_after(BOUND):
            for tid in range(10):
                await near.send(Message(type=3, channel=2, tid=tid))
        for tid in range(10):
            assert (await next_of(far, 2)).tid == tid
        tasks.cancel_scope.cancel()


async def test_all_channels_together_have_a_limit_too() -> None:
    limits = Limits(outbox=MIB, buffered=2 * MIB, inbox=64 << 10)
    async with joined(channels=ChannelQuotas(), limits=limits) as (near, _):
        sent = 0
        with anyio.move_on_after(0.5) as waiting:
            for channel in range(400):
                await near.send(Message(type=2, channel=channel, data=bytes(100_000)))
                sent += 1
        assert waiting.cancelled_caught
        assert near.stats.held_bytes <= 2 * MIB + 100_000
        assert sent > 20


async def test_large_messages_in_many_channels_at_once_stay_within_what_the_peer_holds() -> None:
    """Both ends count the same: nobody is refused, however many are begun at once and however little there is room."""
    limits = Limits(outbox=64 * MIB, parts=MIB)
    async with joined(channels=SMALL_PARTS, limits=limits) as (near, far):
        for channel in range(64):
            near.post(Message(type=2, channel=channel, tid=channel, data=bytes(300_000)))
        near.post(Message(type=2, channel=64, tid=64, data=bytes(2 * MIB)))  # more than there is room for, so whole
        with anyio.fail_after(3 * BOUND):
            assert sorted([(await far.receive()).tid for _ in range(65)]) == list(range(65))
        assert near.stats.counters.connections == 1
        assert near.stats.counters.parts == 64 * (300_000 // 65_536)
