"""Many at once, and often: nobody starves, and nothing is left (section 3, rows 2, 14 and 15)."""

from __future__ import annotations

import time
from contextlib import suppress

import anyio
import pytest

import msgr
from msgr import Message, Messenger, Outcome, Policy, Timeouts
from msgr.net.bell import Bell
from msgr.testing import ChaosProxy

from ..leaks import Resources, until
from ..world import ADMIN, BOUND, LOOPBACK, address, dialled, echoing, keyring

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


async def test_dial_storm() -> None:
    """Two hundred clients dial in the same moment, with keys: each has its session (row 15)."""
    held, over = 0, Bell()

    async with echoing() as server:

        async def visit() -> None:
            nonlocal held
            async with dialled(server) as session:
                await session.ping()
                held += 1
                over.ring()
                while held < 200:
                    await over.wait()

        async with anyio.create_task_group() as tasks:
            for _ in range(200):
                tasks.start_soon(visit)
        assert (server.stats.ready, server.stats.failed) == (200, 0)


async def test_no_dialler_starves() -> None:
    """Thirty who come again and again: none waits for much longer than the others (demand 58)."""
    visits = [0] * 30
    longest = 0.0

    async with echoing() as server, anyio.create_task_group() as tasks:

        async def visit(number: int) -> None:
            nonlocal longest
            while min(visits) < 5:
                began = time.monotonic()
                async with dialled(server) as session:
                    await session.ping()
                longest = max(longest, time.monotonic() - began)
                visits[number] += 1

        for number in range(30):
            tasks.start_soon(visit, number)
        await until(lambda: min(visits) >= 5, within=4 * BOUND)
    # First come, first served: whoever was served ten times while another one waited would have overtaken it.
    assert max(visits) <= 10
    assert longest < BOUND


@pytest.mark.parametrize("cycles", [50, pytest.param(1000, marks=pytest.mark.slow)])
async def test_open_fail_close(cycles: int) -> None:
    """A client whose key is wrong comes again and again, and is done soon each time (row 2)."""
    wrong = keyring(ADMIN)
    async with echoing() as server:
        before = Resources.now()
        for _ in range(cycles):
            with anyio.fail_after(BOUND), pytest.raises(msgr.AuthRefused):
                async with msgr.connect(address(server), name=ADMIN, auth=wrong):
                    pass
        await until(lambda: server.stats.failed == cycles)
        await before.again()


@pytest.mark.parametrize("cuts", [50, pytest.param(2000, marks=pytest.mark.slow)])
async def test_reconnect_soak(cuts: int) -> None:
    """A session loses its connection again and again; it goes on, and holds no more than before (row 14)."""
    quick = Timeouts(initial_backoff=0.001, max_backoff=0.01)
    async with (
        ChaosProxy() as proxy,
        Messenger(
            "osd.0", auth=None, policy=Policy.stateful_server(), listen=LOOPBACK, advertise=proxy.address
        ) as server,
        Messenger("client.a", auth=None, policy=Policy.lossless_client(), timeouts=quick) as node,
    ):
        proxy.target = str(server.listening[0])
        near = node.session(proxy.address)
        await exchange(near, 0)
        far = await anext(server)
        await far.receive()
        await until(lambda: near.connected and far.connected)
        before = Resources.now()
        for cut in range(1, cuts + 1):
            assert proxy.cut(reset=bool(cut % 2)) >= 1
            await exchange(near, cut)
            assert (await far.receive()).tid == cut
        await until(lambda: near.connected and far.connected)
        await before.again()
        assert server.stats.ready >= cuts
        assert len(server.sessions) == 1


async def exchange(near: msgr.Session, tid: int) -> None:
    """Send a message, and wait until it has arrived."""
    with anyio.fail_after(BOUND):
        receipt = await near.send(Message(type=1, tid=tid))
        assert await receipt is Outcome.ACKNOWLEDGED
    with suppress(msgr.ConnectionLost):
        await near.ping()
