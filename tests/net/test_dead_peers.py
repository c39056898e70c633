"""Peers that fall silent, in one way or another (demand 44)."""

from __future__ import annotations

import time
from typing import Final

import anyio
import pytest

import msgr
from msgr import ConnectionLost, Message, Timeouts
from msgr.payload import Ack
from msgr.testing import ChaosProxy

from . import raw
from .leaks import until
from .nodes import joined
from .streams import MemoryStream, Wrapped
from .world import BOUND

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

DEAD: Final = 0.4
WATCHED: Final = Timeouts(keepalive=0.1, dead_peer=DEAD, session=5.0, initial_backoff=5.0, close=0.2)
AT: Final = "v2:127.0.0.1:1"


class OneWay(Wrapped):
    """A stream that at some time swallows what is written to it."""

    deaf = False

    async def send(self, item: bytes) -> None:
        if not self.deaf:
            await self.inner.send(item)


async def test_a_silent_peer() -> None:
    """A network that is dead to both: each end notices after the time set, and not before."""
    async with ChaosProxy() as proxy, joined(through=proxy, timeouts=WATCHED) as ends:
        proxy.stall()
        began = time.monotonic()
        for end in ends:
            with end.events() as events, anyio.fail_after(BOUND):
                if end.connected:
                    event = await anext(events)
                    assert "not a byte from the peer for" in str(event)
                    assert "[LIVE-2]" in str(event)
        assert time.monotonic() - began >= DEAD - 0.1
        assert not ends[0].over  # the session waits for a connection


async def test_a_link_that_carries_one_way_only() -> None:
    """The end that hears nothing gives up; the other hears all the while, and learns of it by the end of the stream."""
    one, other = MemoryStream.pair()
    line = OneWay(other)
    both = {"auth": None, "timeouts": WATCHED}
    async with anyio.create_task_group() as tasks:
        heard = list[int]()

        async def accept() -> None:
            async with msgr.accept(line, AT, name="mon.a", **both) as far:  # type: ignore[arg-type]
                try:
                    async for message in far:
                        heard.append(message.tid)
                except ConnectionLost:
                    pass

        tasks.start_soon(accept)
        async with msgr.connect(AT, name="client.admin", stream=one, **both) as near:  # type: ignore[arg-type]
            await near.send(Message(type=2, tid=1))
            await until(lambda: heard == [1])
            line.deaf = True
            began = time.monotonic()
            await near.send(Message(type=2, tid=2))
            with anyio.fail_after(BOUND):
                error = await near.ended()
            assert "[LIVE-2]" in str(error)
            assert time.monotonic() - began >= DEAD - 0.15
            assert heard == [1, 2]


@pytest.mark.parametrize("what", ["acks", "nothing"])
async def test_a_peer_that_only_acknowledges_is_alive(what: str) -> None:
    """Any byte is a sign of life (LIVE-2). Who wants to see messages sets `idle` (LIVE-3)."""
    one, other = MemoryStream.pair()
    timeouts = Timeouts(keepalive=0.05, dead_peer=0.3, idle=1.0)
    async with anyio.create_task_group() as tasks:
        ended, lived = list[object](), list[float]()

        async def accept() -> None:
            began = time.monotonic()
            async with msgr.accept(other, AT, name="mon.a", auth=None, timeouts=timeouts) as session:
                ended.append(await session.ended())
                lived.append(time.monotonic() - began)

        async def drain() -> None:
            try:
                while True:
                    await one.receive()
            except (anyio.EndOfStream, anyio.ClosedResourceError):
                pass

        tasks.start_soon(accept)
        await raw.by_hand(one, AT)
        tasks.start_soon(drain)
        with anyio.fail_after(BOUND):
            while not ended:
                if what == "acks":
                    try:
                        await one.send(raw.said(Ack(seq=0)))
                    except anyio.BrokenResourceError:
                        break
                await anyio.sleep(0.02)
            await until(lambda: bool(lived))
        await one.aclose()
        rule, least = ("LIVE-3", 0.9) if what == "acks" else ("LIVE-2", 0.2)
        assert f"[{rule}]" in str(ended[0])
        assert lived[0] >= least
