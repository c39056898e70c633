"""The owner of a node has the last word: a callback that allows, denies, fails and hangs (NODE-14, demand 12)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio
import pytest

from msgr import FailureKind, Message, Messenger, Timeouts
from msgr.core import Login
from msgr.interconnect import Program
from msgr.payload import NodeHello
from msgr.wire import Timestamp

from .leaks import until
from .mesh import HURRIED, at, member, mesh, refused, talk, told

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

SHORT: Final = Timeouts(handshake=1.0, initial_backoff=0.01, max_backoff=0.05)
GOOD: Final = 9
"""The node that the owner always lets in."""


class Owner:
    """Lets in the good node at once, and does with the others as it is told."""

    def __init__(self, does: Any = None) -> None:
        self.does = does
        self.asked: list[tuple[NodeHello, Login]] = []

    async def __call__(self, hello: NodeHello, login: Login) -> str | None:
        """Decide about a node."""
        self.asked.append((hello, login))
        if hello.node == GOOD or self.does is None:
            return None
        reason: str | None = await self.does()
        return reason


async def denies() -> str:
    """Say no, in words that are not safe to show."""
    return "not in the \x1b[31mregister\nof nodes"


async def breaks() -> str:
    """Fail."""
    raise KeyError("the register is not there")


async def times_out() -> str:
    """Fail as whoever asks others does."""
    raise TimeoutError


async def hangs() -> str:
    """Never decide."""
    await anyio.sleep_forever()
    raise AssertionError


@asynccontextmanager
async def owned(owner: Owner, timeouts: Timeouts = HURRIED) -> AsyncIterator[tuple[Messenger, Messenger]]:
    """Hold a node that asks its owner, and another one."""
    door, other = member(1, asks={"authorize": owner}, timeouts=timeouts), member(2)
    good = member(GOOD)
    async with mesh(door, other, good):
        yield door, other
        with anyio.fail_after(5):  # whatever happened, others are let in
            near = good.session(at(door))
            await near.ready()


async def test_the_owner_is_told_who_comes_and_how_it_was_proved() -> None:
    """Demand 12: it sees what the node says about itself, and the name that was authenticated."""
    owner = Owner()
    async with owned(owner) as (door, other):
        await talk(other.session(at(door)), door)
        ((hello, login),) = owner.asked
        assert (hello.node, hello.host, hello.cluster) == (2, "h2", "prod")
        assert login.identity is not None
        assert str(login.identity.name) == "osd.2"


async def test_a_denial_is_for_good_and_says_why() -> None:
    """Demands 7, 12 and 20: the reason comes through, made safe to show; there is one attempt."""
    async with owned(Owner(denies)) as (door, other):
        error = await refused(other.session(at(door)))
        assert (error.kind, error.rule, error.by_peer) == (FailureKind.PERMANENT, "NODE-14", True)
        assert error.reason == "not in the [31mregister of nodes"
        assert door.stats.accepted == 1
        assert door.rejections == {"NODE-14": 1}


@pytest.mark.parametrize("does", [breaks, times_out])
async def test_a_failure_is_for_now_and_ends_nothing_else(does: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Demands 12 and 24: the other node tries again, until it is let in; what the failure was, only our log tells."""
    owner = Owner(does)
    caplog.set_level("INFO")
    async with owned(owner) as (door, other):
        near = other.session(at(door))
        await until(lambda: len(owner.asked) >= 3)
        assert not near.over
        assert {line["error"] for line in told(caplog, "not-connected")} == {"NodeRefused"}
        assert any(record.exc_info for record in caplog.records if record.name == "msgr.net.admissions")
        assert not any("register is not there" in record.getMessage() for record in caplog.records)
        owner.does = None
        await talk(near, door)
        assert set(door.rejections) == {"NODE-14"}


async def test_an_owner_that_hangs_holds_up_nobody() -> None:
    """Demand 12: others are let in meanwhile, and the one that waits is told to come again before its time is over."""
    async with owned(Owner(hangs), SHORT) as (door, other), other_node(door) as quick:
        near = other.session(at(door))
        await quick.session(at(door)).ready()
        await until(lambda: door.rejections.get("NODE-14", 0) >= 2)
        assert not near.over
        assert door.stats.late == 0


@asynccontextmanager
async def other_node(door: Messenger) -> AsyncIterator[Messenger]:
    """Hold one more node of those that are let in."""
    async with member(GOOD, listen=None) as messenger:
        yield messenger


async def test_the_owner_is_asked_by_the_end_that_dials_too() -> None:
    """Demand 12: who dials has to like whom it reaches."""
    owner = Owner(denies)
    dials, door = member(2, asks={"authorize": owner}), member(1)
    async with mesh(dials, door):
        error = await refused(dials.session(at(door)))
        assert (error.kind, error.by_peer) == (FailureKind.PERMANENT, False)
        assert [hello.node for hello, _ in owner.asked] == [1]
        await until(lambda: door.stats.failed == 1)


async def test_both_owners_are_asked() -> None:
    """Demand 12: in either order of their answers."""
    for slow in (1, 2):
        door, dials = (member(id, asks={"authorize": slowly if id == slow else Owner()}) for id in (1, 2))
        async with mesh(door, dials):
            await talk(dials.session(at(door)), door)


async def slowly(hello: NodeHello, login: Login) -> str | None:
    """Let a node in, after a while."""
    await anyio.sleep(0.05)
    return None


async def test_a_stranger_with_the_id_of_another_does_not_make_that_one_late() -> None:
    """Demands 12 and 13: the owner sees that the name that was proved is another, and nothing of it is kept."""

    async def by_name(hello: NodeHello, login: Login) -> str | None:
        named = login.identity is not None and str(login.identity.name) == f"osd.{hello.node}"
        return None if named else "the name that was proved is not that of the node"

    liar = member(2, name="osd.3", program=Program(pid=1, started=Timestamp.of(4_000_000_000.0)))
    door, other = member(1, asks={"authorize": by_name}), member(2)
    async with mesh(door, other, liar):
        assert (await refused(liar.session(at(door)))).rule == "NODE-14"
        await talk(other.session(at(door)), door)
        assert door.rejections == {"NODE-14": 1}


async def test_a_handshake_that_was_overtaken_while_the_owner_thought() -> None:
    """Demand 13, NODE-12: of two that wait for him, the later one counts, whichever is decided first."""
    release = {1_000_000: anyio.Event(), 2_000_000: anyio.Event()}
    asked: list[int] = []

    async def waits(hello: NodeHello, login: Login) -> str | None:
        started = int(float(hello.program.started))
        asked.append(started)
        await release[started].wait()
        return None

    door = member(1, asks={"authorize": waits})
    early, late = (
        member(2, program=Program(pid=pid, started=Timestamp.of(float(pid)))) for pid in (1_000_000, 2_000_000)
    )
    async with mesh(door, early, late):
        early.session(at(door))
        late.session(at(door))
        await until(lambda: len(asked) == 2)
        release[2_000_000].set()
        await until(lambda: door.stats.ready == 1)
        release[1_000_000].set()
        await until(lambda: door.rejections == {"NODE-12": 1})


async def test_a_node_that_does_not_wait_for_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    """Demand 12: an answer that comes too late for anybody is no error."""
    caplog.set_level("DEBUG")
    answers = anyio.Event()

    async def later() -> None:
        await answers.wait()

    owner = Owner(later)
    async with owned(owner) as (door, other):
        near = other.session(at(door))
        await until(lambda: bool(owner.asked))
        near.abort()  # which ends the handshake, too
        await until(lambda: door.stats.failed == 1)
        answers.set()
        await until(lambda: any("did not wait" in record.getMessage() for record in caplog.records))


async def test_a_refusal_that_is_for_good_ends_a_session_that_was_there() -> None:
    """Demand 20: who is no more in the register is told so when it comes back, and does not come a third time."""
    owner = Owner()
    async with owned(owner) as (door, other):
        near = other.session(at(door))
        far = await talk(near, door)
        owner.does = denies
        assert far.driver is not None
        far.driver.end(None)
        await near.send(Message(type=2))  # without a message it would stand by
        error = await refused(near)
        assert (error.kind, error.rule) == (FailureKind.PERMANENT, "NODE-14")
        assert door.stats.accepted == 2
