"""Waiting for more before little is written (demand 46)."""

from __future__ import annotations

import time
from typing import Final

import anyio
import pytest

import msgr
from msgr import Message, Outcome, Policy, Timeouts

from .leaks import until
from .streams import MemoryStream, Wrapped
from .world import BOUND

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

AT: Final = "v2:127.0.0.1:1"


class Counting(Wrapped):
    """A stream that counts its writes."""

    writes = 0

    async def send(self, item: bytes) -> None:
        self.writes += 1
        await self.inner.send(item)


async def writes(coalesce: float, messages: int, *, apart: bool) -> tuple[int, float, float]:
    """Send messages over memory; returns the writes for them, and the seconds of the handshake and of the close."""
    one, other = MemoryStream.pair()
    line = Counting(one)
    timeouts = Timeouts(coalesce=coalesce, close=5.0)
    arrived = 0
    async with anyio.create_task_group() as tasks:

        async def accept() -> None:
            nonlocal arrived
            async with msgr.accept(other, AT, name="mon.a", auth=None) as far:
                async for _ in far:
                    arrived += 1

        tasks.start_soon(accept)
        began = time.monotonic()
        async with msgr.connect(AT, name="client.admin", auth=None, stream=line, timeouts=timeouts) as near:
            handshake = time.monotonic() - began
            before = line.writes
            receipts = []
            for tid in range(messages):
                receipts.append(await near.send(Message(type=2, tid=tid)))
                if apart:
                    await anyio.wait_all_tasks_blocked()
            with anyio.fail_after(BOUND):
                await until(lambda: arrived == messages)
            count = line.writes - before
            assert {await receipt for receipt in receipts} == {Outcome.UNKNOWN}
            near.post(Message(type=3))
            began = time.monotonic()
        closing = time.monotonic() - began
    return count, handshake, closing


async def test_what_is_sent_one_by_one_is_written_together() -> None:
    alone, _, _ = await writes(0.0, 10, apart=True)
    together, _, _ = await writes(0.2, 10, apart=True)
    assert alone == 10
    assert together <= 2


async def test_neither_the_handshake_nor_the_close_waits_longer_than_once() -> None:
    _, handshake, closing = await writes(0.5, 1, apart=False)
    assert handshake < 0.5
    assert closing < 1.5 * 0.5


async def test_a_full_batch_does_not_wait() -> None:
    one, other = MemoryStream.pair()
    timeouts = Timeouts(coalesce=30.0)
    arrived = anyio.Event()
    async with anyio.create_task_group() as tasks:

        async def accept() -> None:
            async with msgr.accept(other, AT, name="mon.a", auth=None) as far:
                assert (await far.receive()).size == 2 << 20
                arrived.set()
                await far.ended()

        tasks.start_soon(accept)
        policy = Policy.lossy_client()
        async with msgr.connect(
            AT, name="client.admin", auth=None, stream=one, timeouts=timeouts, policy=policy
        ) as near:
            with anyio.fail_after(BOUND):
                assert await (await near.send(Message(type=2, data=bytes(2 << 20)))) is Outcome.UNKNOWN
                await arrived.wait()
            near.abort()
