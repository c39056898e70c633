"""Bytes through chaos: the same bytes, unless the chaos says otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from msgr.testing import Chaos, ChaosLink, MemoryStream, memory_pair

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

DATA = bytes(range(256)) * 40


@asynccontextmanager
async def linked(chaos: Chaos | None = None) -> AsyncIterator[tuple[MemoryStream, MemoryStream, ChaosLink]]:
    """Run a link in memory; yields its two outer ends and the link."""
    near, inner = memory_pair()
    far, outer = memory_pair()
    link = ChaosLink(inner, outer, chaos)
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(link.run)
            yield near, far, link
            tasks.cancel_scope.cancel()


async def all_of(stream: MemoryStream) -> tuple[bytes, int]:
    """Return all that comes until the end, and in how many pieces."""
    data, pieces = bytearray(), 0
    async for piece in stream:
        data += piece
        pieces += 1
    return bytes(data), pieces


async def test_nothing_is_changed_without_chaos() -> None:
    async with linked() as (near, far, link):
        await near.send(DATA)
        await near.send_eof()
        assert (await all_of(far))[0] == DATA
        await far.send(b"answer")
        await far.send_eof()
        assert (await all_of(near))[0] == b"answer"
    assert link.over
    assert (link.stats.bytes, link.stats.cuts) == (len(DATA) + 6, 0)


async def test_splits_merges_and_delays_keep_every_byte() -> None:
    chaos = Chaos(split_every=300, merge_every=700, delay_every=1000, longest_delay=0.001)
    async with linked(chaos) as (near, far, link), anyio.create_task_group() as tasks:

        async def send() -> None:
            for start in range(0, len(DATA), 1000):
                await near.send(DATA[start : start + 1000])
            await near.send_eof()

        tasks.start_soon(send)
        received, pieces = await all_of(far)
    assert received == DATA
    assert pieces > 11
    assert min(link.stats.splits, link.stats.merges, link.stats.delays) > 3


async def test_what_is_kept_for_a_merge_goes_out_with_what_follows() -> None:
    async with linked(Chaos(seed=7, merge_every=5, longest_merge=5.0)) as (near, far, link):
        await near.send(b"one")
        await anyio.wait_all_tasks_blocked()
        await near.send(b"two")
        assert await far.receive() == b"onetwo"
        assert link.stats.merges > 0


async def test_what_is_kept_goes_out_when_nothing_follows() -> None:
    async with linked(Chaos(merge_every=1)) as (near, far, _):
        await near.send(b"all")
        assert await far.receive() == b"all"
        await near.send_eof()
        assert await all_of(far) == (b"", 0)


async def test_corruption_is_counted() -> None:
    async with linked(Chaos(corrupt_every=1000)) as (near, far, link):
        await near.send(DATA)
        await near.send_eof()
        received, _ = await all_of(far)
    assert sum(a != b for a, b in zip(DATA, received, strict=True)) == link.stats.corruptions > 0


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
async def test_a_cut_by_hand(reset: bool) -> None:
    async with linked() as (near, far, link):
        await near.send(b"before")
        assert await far.receive() == b"before"
        link.cut(reset=reset)
        link.cut(reset=reset)
        for end in (near, far):
            with pytest.raises(anyio.BrokenResourceError if reset else anyio.EndOfStream):
                await end.receive()
        assert (link.stats.cuts, link.stats.resets) == (1, int(reset))


async def test_a_cut_by_the_bytes_comes_at_the_same_byte_each_time() -> None:
    lengths = set()
    for size in (1, 100, 5000):
        async with linked(Chaos(seed=3, cut_every=3000, reset_share=0.0)) as (near, far, link):

            async def send(near: MemoryStream = near, size: int = size) -> None:
                try:
                    for start in range(0, len(DATA), size):
                        await near.send(DATA[start : start + size])
                except anyio.BrokenResourceError:
                    pass

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(send)
                received, _ = await all_of(far)
            assert DATA.startswith(received)
            assert link.stats.cuts == 1
            lengths.add(len(received))
    assert len(lengths) == 1
    assert lengths < set(range(1, len(DATA)))


async def test_a_cut_by_the_time() -> None:
    async with linked(Chaos(cuts_per_second=100, reset_share=0.0)) as (_, far, link):
        assert await all_of(far) == (b"", 0)
        assert link.stats.cuts == 1


async def test_a_stall_keeps_everything_back() -> None:
    async with linked() as (near, far, link):
        link.stall()
        await near.send(b"kept")
        await anyio.wait_all_tasks_blocked()
        assert link.stats.bytes == 0
        link.resume()
        assert await far.receive() == b"kept"


async def test_the_end_of_one_end_by_a_reset_is_passed_on() -> None:
    async with linked() as (near, far, link):
        near.reset()
        with pytest.raises(anyio.BrokenResourceError):
            await far.receive()
        assert link.over
        assert link.stats.cuts == 0
