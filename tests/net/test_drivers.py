"""A connection is driven the same way by callbacks, by tasks, and on every loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import anyio
import pytest

import msgr
from msgr import Limits, Message, Messenger, Outcome, Policy, Session, Timeouts
from msgr.net.driver.looped import LoopDriver
from msgr.net.driver.tasked import TaskDriver
from msgr.net.stream import SocketStream
from msgr.wire import Octets

from .world import ADMIN, BOUND, KEYRING, LOOPBACK, address, dialled, echoing

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


def _uvloop() -> asyncio.AbstractEventLoop:
    loop: asyncio.AbstractEventLoop = pytest.importorskip("uvloop").new_event_loop()
    return loop


LOOPS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "asyncio": ("asyncio", {}),
    "uvloop": ("asyncio", {"loop_factory": _uvloop}),
    "trio": ("trio", {}),
}
CALLED_BACK: Final = ("asyncio", "uvloop")


@pytest.fixture(scope="module", params=LOOPS)
def loop(request: pytest.FixtureRequest) -> str:
    """Return the name of each loop."""
    name: str = request.param
    if name == "uvloop":
        pytest.importorskip("uvloop")
    return name


@pytest.fixture(scope="module")
def anyio_backend(loop: str) -> tuple[str, dict[str, Any]]:
    """Run every test on each loop."""
    return LOOPS[loop]


async def test_messages_of_all_sizes_come_back(loop: str) -> None:
    """What is larger than any buffer of the system is written and read in turns."""
    sizes = (0, 1, 4096, 100_000, 4 << 20, 9 << 20)
    async with echoing() as server, dialled(server) as session:
        assert isinstance(session.driver, LoopDriver if loop in CALLED_BACK else TaskDriver)

        async def send() -> None:
            for size in sizes:
                await session.send(Message(type=1, tid=size, data=bytes([size & 0xFF]) * size))

        with anyio.fail_after(BOUND):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(send)
                for size in sizes:
                    message = await session.receive()
                    assert (message.tid, bytes(message.data)) == (size, bytes([size & 0xFF]) * size)


async def test_a_server_that_does_not_read_is_waited_for_and_read_again() -> None:
    """Both limits are passed over and over: that of what came in, and that of what waits to go out."""
    small = Limits(inbox=50_000, outbox=50_000)
    async with msgr.serve(LOOPBACK, name="mon.a", auth=KEYRING, limits=small) as server:
        async with dialled(server, limits=small) as near, anyio.create_task_group() as tasks:

            async def send() -> None:
                for tid in range(400):
                    await near.send(Message(type=1, tid=tid, data=bytes(10_000)))

            with anyio.fail_after(BOUND):
                tasks.start_soon(send)
                far = await anext(server)
                for tid in range(400):
                    assert (await far.receive()).tid == tid
                    await anyio.lowlevel.checkpoint()
        await far.close()


async def test_a_fault_of_the_user_ends_the_messenger_with_it() -> None:
    """Whoever has `on_done` raise hears of it: where a message is written later, there is nobody else to tell."""

    def fail(outcome: Outcome) -> None:
        raise ZeroDivisionError(outcome.value)

    async def talk(server: Messenger) -> None:
        async with msgr.connect(address(server), name=ADMIN, auth=KEYRING) as session:
            await _send_two(session, fail)

    async with echoing() as server:
        with pytest.raises(ZeroDivisionError, match="unknown"):
            await talk(server)
        async with dialled(server) as session:  # the server is none the worse
            await session.send(Message(type=2))
            assert (await session.receive()).type == 2


async def test_a_fault_at_an_accepted_connection_ends_the_server_with_it() -> None:
    """The same where no task drives the connection."""

    def fail(outcome: Outcome) -> None:
        raise ZeroDivisionError(outcome.value)

    async def be_served() -> None:
        async with msgr.serve(LOOPBACK, name="mon.a", auth=KEYRING) as server:
            where.append(address(server))
            listening.set()
            await _send_two(await anext(server), fail)

    async def come() -> None:
        await listening.wait()
        async with msgr.connect(where[0], name=ADMIN, auth=KEYRING) as session:
            assert await _until_over(session) >= 1

    where: list[str] = []
    listening = anyio.Event()
    with anyio.fail_after(BOUND):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(come)
            with pytest.raises(ZeroDivisionError, match="unknown"):
                await be_served()


async def _send_two(session: Session, done: Callable[[Outcome], None]) -> None:
    """Send two messages, the second of which is not written at once: `done` is told when it is."""
    first, second = await session.send(Message(type=1)), await session.send(Message(type=1))
    assert (first.outcome, second.outcome) == (Outcome.UNKNOWN, None)
    second.on_done = done
    await anyio.sleep(BOUND)


async def _until_over(session: Session) -> int:
    """Return how many messages came until the peer was gone."""
    count = 0
    try:
        async for _ in session:
            count += 1
    except msgr.ConnectionLost:
        pass
    return count


async def test_little_is_written_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `coalesce`, messages that are sent one turn after the other share a write."""
    writes = 0
    send_now = SocketStream.send_now

    def counting(stream: SocketStream, pieces: list[Octets]) -> list[Octets]:
        nonlocal writes
        writes += bool(pieces)
        return send_now(stream, pieces)

    async with msgr.serve(LOOPBACK, name="mon.a", auth=KEYRING, policy=Policy.stateful_server()) as server:
        options = {"policy": Policy.lossless_client(), "timeouts": Timeouts(coalesce=0.05)}
        async with dialled(server, **options) as near:
            far = await anext(server)
            monkeypatch.setattr(SocketStream, "send_now", counting)
            with anyio.fail_after(BOUND):
                for tid in range(10):
                    await near.send(Message(type=1, tid=tid))
                    await anyio.lowlevel.checkpoint()
                assert writes == 0
                assert [(await far.receive()).tid for _ in range(10)] == list(range(10))
            assert writes <= 3  # ours, and the acknowledgement
        await far.close()


async def test_who_leaves_in_the_middle_leaves_nothing() -> None:
    """Cancelled at any moment of a large transfer, a client leaves no callback behind that has no socket any more."""
    async with echoing() as server:
        for turns in range(0, 60, 7):
            with anyio.CancelScope() as scope:
                async with dialled(server) as session:
                    await session.send(Message(type=1, data=bytes(8 << 20)))
                    for _ in range(turns):
                        await anyio.lowlevel.checkpoint()
                    scope.cancel()
                    await anyio.lowlevel.checkpoint()
            assert scope.cancelled_caught
