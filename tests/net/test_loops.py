"""Loops that call nobody back when a socket is ready, and loops that were not begun by anyio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from typing import Any, Final, TypeAlias

import anyio
import pytest
from anyio.lowlevel import checkpoint

import msgr
from msgr import Message, Messenger, Outcome, Policy, ReverseCheck, Timeouts
from msgr.core import Login
from msgr.net.driver.tasked import TaskDriver
from msgr.payload import NodeHello

from .leaks import Resources
from .mesh import at, member, mesh, talk
from .world import ADMIN, BOUND, LOOPBACK, address, dialled, echoing

pytestmark = pytest.mark.anyio

Program: TypeAlias = Callable[[], Awaitable[None]]


class Proactor(asyncio.SelectorEventLoop):
    """A loop that calls nobody back when a socket is ready, like that of Windows: anyio has a thread for it."""

    add_reader = asyncio.AbstractEventLoop.add_reader
    remove_reader = asyncio.AbstractEventLoop.remove_reader
    add_writer = asyncio.AbstractEventLoop.add_writer
    remove_writer = asyncio.AbstractEventLoop.remove_writer


async def _one_comes_back() -> None:
    async with echoing() as server, dialled(server) as session:
        assert isinstance(session.driver, TaskDriver)
        await session.send(Message(type=1, tid=5))
        assert (await session.receive()).tid == 5


@pytest.mark.parametrize("anyio_backend", [("asyncio", {"loop_factory": Proactor})], ids=["proactor"])
async def test_a_loop_without_callbacks_has_tasks(anyio_backend: object) -> None:
    """The same socket is then waited for as on trio."""
    await _one_comes_back()


RUNNERS: Final = ("asyncio.run", "uvloop.run")
LASTING: Final[dict[str, tuple[Policy, Policy, Timeouts]]] = {
    "lossless_peer": (Policy.lossless_peer(), Policy.lossless_peer(), Timeouts()),
    "stateful_server": (Policy.stateful_server(), Policy.lossless_client(), Timeouts(session=60.0)),
}
"""Policies of which the end that accepts has a task for each session: those of both ends, and the times of that one."""


async def _lets_in(hello: NodeHello, login: Login) -> str | None:
    await checkpoint()
    return None


DOORS: Final[dict[str, dict[str, Any]]] = {
    "authorize": {"authorize": _lets_in},
    "reverse check": {"reverse_check": ReverseCheck()},
    "both": {"authorize": _lets_in, "reverse_check": ReverseCheck()},
}
"""What a node does about another one before that is let in, which takes a task."""


@pytest.fixture(params=RUNNERS)
def run(request: pytest.FixtureRequest) -> Callable[[Program], None]:
    """Return what runs a program on a loop by itself, as a user of that loop does: anyio hears of it first from us."""
    runner: Callable[[Coroutine[Any, Any, None]], None] = asyncio.run
    if request.param == "uvloop.run":
        runner = pytest.importorskip("uvloop").run

    async def whole(program: Program) -> None:
        before = Resources.now()
        with anyio.fail_after(2 * BOUND):
            await program()
        await before.again()

    def run(program: Program) -> None:
        Context().run(runner, whole(program))  # in which no backend of anyio has told what runs

    return run


@pytest.mark.parametrize("policy", LASTING)
def test_a_session_that_lasts_is_accepted(run: Callable[[Program], None], policy: str) -> None:
    """A callback of the loop begins what keeps the session: there anyio cannot tell by itself on which loop it is."""
    ours, theirs, timeouts = LASTING[policy]

    async def program() -> None:
        async with (
            Messenger("osd.1", auth=None, policy=ours, listen=LOOPBACK, timeouts=timeouts) as server,
            Messenger("osd.2", auth=None, policy=theirs) as client,
        ):
            near = client.session(at(server))
            with anyio.fail_after(BOUND):
                far = await talk(near, server)
                for end, other in ((near, far), (far, near)):
                    receipt = await end.send(Message(type=2, tid=7))
                    assert (await other.receive()).tid == 7
                    assert await receipt is Outcome.ACKNOWLEDGED
            assert (server.stats.ready, server.stats.failed) == (1, 0)
            for end in (near, far):
                end.abort()

    run(program)


@pytest.mark.parametrize("asks", DOORS)
def test_a_node_is_let_in(run: Callable[[Program], None], asks: str) -> None:
    """Its owner is asked, and the way back is tried, in tasks that a callback of the loop begins."""

    async def program() -> None:
        door, other = member(1, asks=DOORS[asks]), member(2)
        async with mesh(door, other):
            near = other.session(at(door))
            with anyio.fail_after(BOUND):
                far = await talk(near, door)
            assert other.rejections == door.rejections == {}
            for end in (near, far):
                end.abort()

    run(program)


def test_a_fault_at_an_accepted_connection_ends_the_server(
    run: Callable[[Program], None],
) -> None:
    """What the user's `on_done` raises in a callback of the loop ends the body of the messenger with it."""

    def fail(outcome: Outcome) -> None:
        raise ZeroDivisionError(outcome.value)

    async def talk_until_it_fails(server: Messenger) -> None:
        far = await anext(server)
        await far.send(Message(type=1))
        second = await far.send(Message(type=1))  # is not written at once
        second.on_done = fail
        await anyio.sleep_forever()

    async def be_served() -> None:
        async with msgr.serve(LOOPBACK, name="mon.a", auth=None) as server:
            where.append(address(server))
            listening.set()
            await talk_until_it_fails(server)

    async def come() -> None:
        await listening.wait()
        async with msgr.connect(where[0], name=ADMIN, auth=None) as session:
            await session.ended()

    async def program() -> None:
        with anyio.fail_after(BOUND):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(come)
                with pytest.raises(ZeroDivisionError, match="unknown"):
                    await be_served()

    where: list[str] = []
    listening = anyio.Event()
    run(program)
