"""Permits for handshakes that go out (demand 81)."""

from __future__ import annotations

from collections import deque

import anyio
import anyio.lowlevel
import pytest

import msgr
from msgr import Limits, Messenger, Policy
from msgr.auth import Dice
from msgr.net.broker import Broker, Permit
from msgr.testing import FixedDice

from ..leaks import until
from ..world import BOUND, LOOPBACK, echo_all, port

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


async def test_in_turn_the_first_the_last_and_any() -> None:
    """In a storm neither those who came early nor those who came late wait for ever."""
    broker = Broker(1, lambda size: (2).to_bytes(size, "little"))
    served: list[int] = []
    held = await broker.take()
    given: deque[Permit] = deque()

    async def want(name: int) -> None:
        given.append(await broker.take())
        served.append(name)

    async with anyio.create_task_group() as tasks:
        for name in range(8):
            tasks.start_soon(want, name)
            await until(lambda name=name: broker.waiting == name + 1)  # type: ignore[misc]
        held.release()
        for count in range(1, 9):
            await until(lambda count=count: len(served) == count)  # type: ignore[misc]
            assert broker.held == 1
            given.popleft().release()
    # First, last, and of six that are left number 2; then again, and number 2 of three; then the first and the last.
    assert served == [0, 7, 3, 1, 6, 5, 2, 4]
    assert (broker.held, broker.waiting) == (0, 0)


async def test_released_twice() -> None:
    broker = Broker(2, FixedDice(1))
    one, other = await broker.take(), await broker.take()
    one.release()
    one.release()
    assert broker.held == 1
    other.release()
    assert broker.held == 0


async def test_cancelled_while_it_waits() -> None:
    """It leaves no permit behind, not even one that came together with the cancellation."""
    broker = Broker(1, FixedDice(1))
    held = await broker.take()
    for late in (False, True):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(broker.take)
            await until(lambda: broker.waiting == 1)
            tasks.cancel_scope.cancel()
            if late:
                held.release()  # to the one that waits, which does not know yet that it is cancelled
                assert (broker.waiting, broker.held) == (0, 1)
        assert (broker.waiting, broker.held) == (0, 0 if late else 1)
    assert await broker.take() is not None


class Watched(Broker):
    """Remembers how many were out at most, and the broker that was made last."""

    peak = 0
    last: Watched

    def __init__(self, most: int, dice: Dice) -> None:
        super().__init__(most, dice)
        Watched.last = self

    async def take(self) -> Permit:
        """Return a permit, when there is one."""
        permit = await super().take()
        self.peak = max(self.peak, self.held)
        return permit


async def test_restart_storm(monkeypatch: pytest.MonkeyPatch) -> None:
    """One end dials three hundred peers at once: never more than eight handshakes are under way, and all succeed."""
    monkeypatch.setattr("msgr.net.messenger.Broker", Watched)
    limits = Limits(dialling=8)
    with anyio.fail_after(6 * BOUND):
        async with (
            msgr.serve("v2:0.0.0.0:0", name="mon.a", auth=None) as server,
            Messenger("client.storm", auth=None, policy=Policy.lossy_client(), limits=limits) as node,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(echo_all, server)
            broker = Watched.last
            sessions = [node.session(f"v2:127.0.{count % 3}.{1 + count // 3}:{port(server)}") for count in range(300)]
            most = 0
            while server.stats.ready < 300:
                await anyio.lowlevel.checkpoint()
                most = max(most, server.stats.half_open)
            for session in sessions:
                await session.ready()
            assert 1 < most <= broker.peak == 8
            assert (broker.held, broker.waiting, server.stats.failed) == (0, 0, 0)
            tasks.cancel_scope.cancel()


async def test_a_permit_of_one_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is not reached, or refuses, costs a permit only while that is found out."""
    monkeypatch.setattr("msgr.net.messenger.Broker", Watched)
    limits = Limits(dialling=1)
    with anyio.fail_after(BOUND):
        async with msgr.serve(LOOPBACK, name="mon.a", auth=None, limits=Limits(banner=1)) as server:
            for where in ("v2:127.0.0.1:1", str(server.addresses[0])):
                for _ in range(3):
                    with pytest.raises(msgr.MsgrError):
                        async with msgr.connect(where, name="client.a", auth=None, limits=limits):
                            pass
                    broker = Watched.last
                    assert (broker.peak, broker.held, broker.waiting) == (1, 0, 0)
