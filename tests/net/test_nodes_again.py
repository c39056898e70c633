"""Which refusals are tried again, and when; and a node that takes another name while it is busy."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import pairwise
from typing import Final

import anyio
import pytest

from msgr import Message, Messenger, MsgrError, Node, NodeRefused, Outcome, Session, Timeouts
from msgr.core import Login
from msgr.payload import NodeHello

from .leaks import until
from .mesh import at, member, mesh, talk

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

SLOW: Final = Timeouts(handshake=5.0, initial_backoff=0.05, max_backoff=0.2)
COUNT: Final = 400


async def test_a_refusal_for_now_is_tried_again_with_patience() -> None:
    """Demands 20 and 24: after 0.05 s, then after twice as long each time, and never longer than 0.2 s."""
    asked: list[float] = []

    async def breaks_five_times(hello: NodeHello, login: Login) -> str | None:
        asked.append(time.monotonic())
        if len(asked) <= 5:
            raise KeyError("not yet")
        return None

    door, other = member(1, asks={"authorize": breaks_five_times}), member(2, timeouts=SLOW)
    async with mesh(door, other):
        near = other.session(at(door))
        await talk(near, door)
        gaps = [late - soon for soon, late in pairwise(asked)]
        assert len(gaps) == 5
        assert all(gap >= wait for gap, wait in zip(gaps, [0.05, 0.1, 0.2, 0.2, 0.2], strict=True))
        assert sum(gaps) < 3  # 0.75, and a busy machine
        assert door.rejections == {"NODE-14": 5}


async def test_what_waits_is_sent_once_the_node_is_let_in() -> None:
    """Demand 24: a refusal for now loses nothing of what was queued."""
    let_in = anyio.Event()

    async def register(hello: NodeHello, login: Login) -> str | None:
        if not let_in.is_set():
            raise KeyError("not yet")
        return None

    door, other = member(1, asks={"authorize": register}), member(2)
    async with mesh(door, other):
        near = other.session(at(door))
        receipts = [await near.send(Message(type=2, tid=tid)) for tid in range(10)]
        await until(lambda: door.rejections.get("NODE-14", 0) >= 2)
        let_in.set()
        far = await anext(door)
        assert [(await far.receive()).tid for _ in receipts] == list(range(10))
        assert {await receipt for receipt in receipts} == {Outcome.ACKNOWLEDGED}


async def test_what_waits_for_a_node_that_is_refused_for_good_was_not_delivered() -> None:
    """Demand 20: no message is left without an outcome."""
    door, other = member(1), member(2, "other")
    async with mesh(door, other):
        near = other.session(at(door))
        receipt = await near.send(Message(type=2))
        assert await receipt is Outcome.UNDELIVERED
        with pytest.raises(NodeRefused):
            await near.send(Message(type=2))


async def flood(session: Session) -> None:
    """Send many messages, each of them as soon as there is room."""
    receipts = [await session.send(Message(type=2, tid=tid, front=bytes(2000))) for tid in range(COUNT)]
    assert {await receipt for receipt in receipts} == {Outcome.ACKNOWLEDGED}


async def arrive(session: Session, heard: list[int]) -> None:
    """Take as many."""
    while len(heard) < COUNT:
        heard.append((await session.receive()).tid)


async def test_a_node_takes_another_name_under_load() -> None:
    """Demand 9: connections are made anew, in the middle of whatever; sessions and messages do not notice."""
    one, other = member(1, timeouts=SLOW), member(2, timeouts=SLOW)
    heard: tuple[list[int], list[int]] = ([], [])
    async with mesh(one, other):
        near = one.session(at(other))
        far = await talk(near, other)
        async with anyio.create_task_group() as tasks:
            for session, taken in zip((near, far), heard, strict=True):
                tasks.start_soon(flood, session)
                tasks.start_soon(arrive, session, taken)
            for number in range(1, 6):
                before = near.stats.counters.connections
                rename(*((one, other) if number % 2 else (other, one)), f"prod-{number}")
                await until(lambda: near.stats.counters.connections > before or len(heard[0]) == COUNT)  # noqa: B023
        assert heard == (list(range(COUNT)), list(range(COUNT)))
        assert near.stats.counters.connections > 1
        assert near.stats.counters.resets == far.stats.counters.resets == 0  # it was resumed, each time
        assert (one.sessions, other.sessions) == ((near,), (far,))
        for session, messenger in ((near, other), (far, one)):
            await named(session, messenger)


def rename(node: Messenger, other: Messenger, name: str) -> None:
    """Give a node a name that nobody knows; it lets in the other one, which is enough."""
    assert node.node is not None
    assert other.node is not None
    node.become(replace(node.node, cluster=name, accepted_clusters=(other.node.cluster,)))


async def named(session: Session, peer: Messenger) -> None:
    """Check that a session knows its peer by its present name, once it has a connection."""
    own = peer.node
    assert own is not None
    with anyio.fail_after(5):
        while session.peer.node is None or session.peer.node.cluster != own.cluster:
            await (await session.send(Message(type=2)))  # without a message it would stand by


async def test_a_session_ends_where_its_node_becomes_a_stranger() -> None:
    """Demands 9 and 20: a name that the other end does not let in ends the session at both, for good."""
    one, other = member(1), member(2)
    async with mesh(one, other):
        near = one.session(at(other))
        await talk(near, other)
        one.become(Node(id=1, cluster="another", host="h1"))
        await near.send(Message(type=2))
        error: MsgrError | None = await near.ended()
        assert isinstance(error, NodeRefused)
        assert error.rule == "NODE-3"
