"""Ceph's own messenger programs against ours, both ways: messages are counted, and sessions resumed after cuts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final

import anyio
import pytest

from msgr import Policy
from msgr.testing import ChaosProxy

from ..bench import ours
from ..bench.perf_msgr import PAIRS, SIZES, measure, table
from ..bench.theirs import WINDOW, Programs, programs
from ..lab.fixtures import only_release

pytestmark = [pytest.mark.anyio, only_release("18.2")]

LIMIT: Final = 30.0
COUNTS: Final = {100: 3000, 4096: 3000, 4 << 20: 80}


@pytest.fixture(scope="module")
def theirs(release: str) -> Iterator[Programs]:
    """The programs; with a library that makes them quick where there is a compiler."""
    with programs() as found:
        yield found


async def asked(theirs: Programs, server: ours.Answering, address: str, *, size: int, count: int) -> None:
    """Have their client ask us, to the end that it reports itself."""
    await theirs.ask(address, size=size, count=count, within=LIMIT)
    # It leaves when it has queued its last question; of those without an answer some may never have been written. It
    # waits only where more than a window of them has none, so there may be one more than that.
    assert count - WINDOW - 1 <= server.questions <= count
    assert server.octets == server.questions * size


@pytest.mark.parametrize("size", COUNTS)
async def test_ours_to_theirs(theirs: Programs, size: int) -> None:
    """All answers come, or this hangs."""
    with theirs.server() as address, anyio.fail_after(LIMIT):
        assert await ours.ask(address, size=size, count=COUNTS[size]) > 0


@pytest.mark.parametrize("size", COUNTS)
async def test_theirs_to_ours(theirs: Programs, size: int) -> None:
    async with ours.answering() as server:
        await asked(theirs, server, server.address, size=size, count=COUNTS[size])


@asynccontextmanager
async def stateful(proxy: ChaosProxy) -> AsyncIterator[ours.Answering]:
    """Be a server behind a proxy, with sessions that outlive their connections, as their client wishes."""
    async with ours.answering(policy=Policy.stateful_server(), advertise=proxy.address) as server:
        proxy.target = str(server.node.listening[0])
        yield server


@pytest.mark.parametrize("reset", [False, True], ids=["end", "reset"])
async def test_their_client_resumes_after_cuts(theirs: Programs, reset: bool) -> None:
    """Every question comes once and in order, whatever was on its way when the proxy cut the connection."""
    cuts, count = 5, 12_000

    async def cut() -> None:
        for number in range(1, cuts + 1):
            while server.questions < number * count // (cuts + 1):
                await server.asked.wait()
            assert proxy.cut(reset=reset) == 1

    async with ChaosProxy() as proxy, stateful(proxy) as server, anyio.create_task_group() as tasks:
        tasks.start_soon(cut)
        await asked(theirs, server, proxy.address, size=100, count=count)
        (session,) = server.sessions
        assert not session.peer.lossy
        assert session.stats.counters.connections == cuts + 1
        assert session.stats.counters.resets == 0
        assert proxy.stats.connections == cuts + 1


async def test_their_client_resumes_after_cuts_of_its_own(release: str) -> None:
    """It throws dice at every read and write of a socket, and breaks the connection."""
    with programs(extra={"ms inject socket failures": "1000"}) as theirs:
        async with ours.answering(policy=Policy.stateful_server()) as server:
            await asked(theirs, server, server.address, size=4096, count=5000)
            (session,) = server.sessions
            assert session.stats.counters.connections > 1
            assert session.stats.counters.resets == 0


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_table(theirs: Programs) -> None:
    """The measurement itself, with a tenth of its questions."""
    figures = await measure(theirs, runs=1, part=0.1, limit=LIMIT)
    assert [(figure.size, figure.pair) for figure in figures] == [(size, pair) for size in SIZES for pair in PAIRS]
    assert all(figure.rate > 0 for figure in figures)
    assert [line.split("  ")[0] for line in table(figures).splitlines()[1:4]] == list(PAIRS)
