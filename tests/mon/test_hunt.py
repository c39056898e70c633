"""Finding a monitor: who is asked, who wins, and why nobody was found."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import anyio
import anyio.abc
import pytest

import msgr
from msgr import Timeouts
from msgr.errors import AuthRefused, ConfigError, ConnectFailed, IdentError
from msgr.mon.hunt import PARALLEL
from tests.net.leaks import until
from tests.net.raw import listening
from tests.net.world import ADMIN, BOUND, keyring

from .monitor import FSID, QUICK, client, cluster

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

DEAD = ("v2:127.0.0.1:1", "v2:127.0.0.1:2", "v2:127.0.0.1:3")
"""Where nobody listens."""
PATIENT = Timeouts(handshake=5 * BOUND, initial_backoff=0.01, max_backoff=0.05)
"""Who waits for one address waits for longer than a test may take."""


@asynccontextmanager
async def black_hole(reached: list[int]) -> AsyncIterator[str]:
    """Listen, take whatever comes, and never answer; counts who came, and is gone again."""

    async def swallow(stream: anyio.abc.SocketStream) -> None:
        reached[0] += 1
        try:
            while True:
                await stream.receive()
        finally:
            reached[1] += 1

    async with listening(swallow) as address:
        yield address


async def test_first_that_lets_us_in_wins() -> None:
    async with cluster(2) as (first, second), client(first, second) as admin:
        assert admin.fsid == FSID
        assert len(admin.monmap.mons) == 2
        result = await admin.command("status", b"input")
        assert (result.code, result.output) == (0, b"input")
        assert len(first.commands) + len(second.commands) == 1


@pytest.mark.parametrize("place", range(4))
async def test_dead_addresses_and_silent_ones_delay_nobody(place: int) -> None:
    reached = [0, 0]
    async with cluster() as (monitor,), black_hole(reached) as hole:
        seeds = [DEAD[0], hole, DEAD[1]]
        seeds.insert(place, monitor.address)
        with anyio.fail_after(BOUND):
            async with client(*seeds, timeouts=PATIENT) as admin:
                assert (await admin.command("status")).code == 0
                await until(lambda: reached[0] == reached[1])  # it was hung up on, if it was reached at all
        assert len(monitor.sessions) == 1


async def test_three_are_asked_at_a_time() -> None:
    """Two silent monitors take up two of three; the rest of a long list is gone through all the same."""
    reached = [0, 0]
    async with cluster() as (monitor,), black_hole(reached) as one, black_hole(reached) as other:
        assert PARALLEL == 3
        seeds = [one, other, *DEAD, monitor.address]
        with anyio.fail_after(BOUND):
            async with client(*seeds, timeouts=PATIENT) as admin:
                assert admin.connected
        assert reached == [2, 2]


async def test_three_silent_monitors_are_given_up() -> None:
    reached = [0, 0]
    async with (
        cluster() as (monitor,),
        black_hole(reached) as one,
        black_hole(reached) as two,
        black_hole(reached) as three,
        client(one, two, three, monitor, timeouts=Timeouts(handshake=0.3)) as admin,
    ):
        assert admin.connected
    assert reached == [3, 3]


async def test_refused_by_all_is_the_refusal() -> None:
    async with cluster(3) as monitors:
        with pytest.raises(AuthRefused) as caught:
            async with client(DEAD[0], *monitors, auth=keyring(ADMIN)):
                pass
        assert caught.value.result == -13
        assert sum(monitor.node.stats.failed for monitor in monitors) == 3


async def test_refused_by_one_and_let_in_by_another() -> None:
    """As by a monitor of another cluster, or one that has not heard of us yet."""
    async with (
        msgr.serve("v2:127.0.0.1:0", name="mon.z", auth=keyring(ADMIN)) as stranger,
        cluster() as (monitor,),
        client(str(stranger.addresses[0]), monitor) as admin,
    ):
        assert admin.fsid == FSID


async def test_nobody_there() -> None:
    with pytest.raises(ConnectFailed) as caught:
        async with client(*DEAD):
            pass
    assert all(address in str(caught.value) for address in DEAD)


async def test_one_that_is_no_monitor() -> None:
    async with msgr.serve("v2:127.0.0.1:0", name="osd.0", auth=None) as osd:
        with pytest.raises(IdentError, match="HELLO-1"):
            async with client(str(osd.addresses[0]), auth=None):
                pass


async def test_another_cluster_is_refused_and_not_asked_again() -> None:
    async with cluster() as (monitor,):
        with pytest.raises(IdentError, match="MON-6"):
            async with client(monitor, fsid=UUID(int=7)):
                pass
        assert len(monitor.sessions) == 1


async def test_a_monitor_without_a_map_is_given_up() -> None:
    async with cluster() as (monitor,):
        monitor.tells_map = False
        with pytest.raises(msgr.errors.TimedOut, match="MON-6"):
            async with client(monitor, timeouts=Timeouts(handshake=0.2)):
                pass


@pytest.mark.parametrize("seeds", [(), ("v1:127.0.0.1:6789",), ("nonsense",), ("v2:127.0.0.1",)])
async def test_seeds_that_make_no_sense(seeds: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError):
        async with client(*seeds):
            pass


async def test_giving_up_the_search_leaves_nothing() -> None:
    reached = [0, 0]
    async with black_hole(reached) as hole, black_hole(reached) as other:
        with anyio.move_on_after(BOUND) as scope:
            async with anyio.create_task_group() as tasks:

                async def give_up() -> None:
                    await until(lambda: reached[0] == 2)
                    scope.cancel()

                tasks.start_soon(give_up)
                async with client(hole, other, *DEAD, timeouts=PATIENT):
                    pass
        await until(lambda: reached == [2, 2])


async def test_an_error_in_the_body_comes_out_as_it_is() -> None:
    async with cluster() as (monitor,):
        with pytest.raises(ZeroDivisionError):
            async with client(monitor, timeouts=QUICK):
                raise ZeroDivisionError
        await until(lambda: all(session.over for session in monitor.sessions))
