"""What is certainly not delivered goes to another session, once (demand 37, demand 38)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields, replace

import anyio
import pytest

from msgr import Limits, Message, Messenger, Outcome, Session
from msgr.net.afterwards import Afterwards
from msgr.net.receipt import ForwardedReceipt
from msgr.session import LosslessSession

from .nodes import join, messenger
from .world import BOUND, LOOPBACK

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

NOWHERE = "v2:127.0.0.1:1"


@asynccontextmanager
async def one_away_one_there(limits: Limits | None = None) -> AsyncIterator[tuple[Session, Session, Session]]:
    """Hold a session whose peer is not there, and both ends of another one of the same messenger."""
    async with messenger(2, listen=LOOPBACK) as far, messenger(1, limits=limits) as near:
        there, other = await join(near, far)
        yield near.session(NOWHERE), there, other
        abort_all(near, far)


def abort_all(*messengers: Messenger) -> None:
    for each in messengers:
        for session in each.sessions:
            session.abort()


async def test_it_arrives_there_with_the_same_receipt() -> None:
    """In order, and its outcome is that of the other session; both count it."""
    async with one_away_one_there() as (away, there, other):
        receipts = [await away.send(Message(type=5, tid=tid), forward=there) for tid in range(3)]
        receipts.append(away.post(Message(type=5, tid=3), forward=there))
        alone = await away.send(Message(type=5, tid=9))
        assert [receipt.outcome for receipt in receipts] == [None] * 4
        away.abort()
        with anyio.fail_after(BOUND):
            assert [(await other.receive()).tid for _ in range(4)] == [0, 1, 2, 3]
            assert [await receipt for receipt in receipts] == [Outcome.ACKNOWLEDGED] * 4
        assert await alone is Outcome.UNDELIVERED
        counters = away.stats.counters
        assert (counters.forwarded, counters.undelivered, counters.unknown) == (4, 1, 0)


async def test_what_was_written_is_not_forwarded() -> None:
    """It may have arrived, so it is unknown: to send it elsewhere could mean to deliver it twice."""
    async with one_away_one_there() as (away, there, _):
        receipt = await there.send(Message(type=5), forward=away)
        with anyio.fail_after(BOUND):
            while receipt.seq == 0:
                await anyio.lowlevel.checkpoint()
        there.abort()
        assert receipt.outcome in (Outcome.UNKNOWN, Outcome.ACKNOWLEDGED)
        assert (there.stats.counters.forwarded, away.stats.queued) == (0, 0)


async def test_it_is_forwarded_once_and_not_back() -> None:
    """DELIVERY-2: where it crossed over it is a message like any other."""
    async with messenger(1) as near:
        first, second = near.session(NOWHERE), near.session("v2:127.0.0.1:2")
        receipt = await first.send(Message(type=5), forward=second)
        first.abort()
        assert receipt.outcome is None
        assert second.stats.queued == 1
        second.abort()
        assert await receipt is Outcome.UNDELIVERED
        assert (first.stats.counters.forwarded, second.stats.counters.undelivered) == (1, 1)


@pytest.mark.parametrize("why", ["over", "full", "too large", "itself"])
async def test_where_the_other_session_cannot_take_it_the_message_is_undelivered(why: str) -> None:
    async with messenger(1) as near, messenger(3, limits=Limits(data=10, buffered=1 << 20)) as third:
        away, heir = near.session(NOWHERE), third.session(NOWHERE)
        if why == "over":
            heir.abort()
        elif why == "full":
            for _ in range(2052):
                heir.post(Message(type=1, front=bytes(255)))
        elif why == "itself":
            heir = away
        receipt = await away.send(Message(type=5, data=bytes(11) if why == "too large" else b""), forward=heir)
        away.abort()
        assert await receipt is Outcome.UNDELIVERED
        assert heir.over == (why in ("over", "itself"))  # it did no harm to the other one
        abort_all(third)


async def test_nothing_of_it_is_told_to_the_peer() -> None:
    """Demand 38: it is between the sender and its messenger, and the frame is the same to the byte."""
    async with messenger(1) as near:
        frames = []
        for heir in (None, near.session(NOWHERE)):
            session, message = LosslessSession(), Message(type=5, tid=1, front=b"x")
            session.push(message, None if heir is None else ForwardedReceipt(Afterwards(), heir))
            frames.append(session.next_frame())
        assert frames[0] == frames[1]
        assert {field.name for field in fields(Message) if field.init} == {
            *("type", "front", "middle", "data", "tid", "priority", "version", "compat_version", "seq", "channel")
        }
        assert replace(Message(type=1)) == Message(type=1)
        abort_all(near)
