"""Tickets of real monitors that live for seconds, and sessions with daemons that need one each."""

from __future__ import annotations

from typing import Final

import anyio
import anyio.to_thread
import pytest

from msgr import EntityType, Mode
from msgr.mon import Cluster as Client
from tests.lab import Cluster
from tests.lab.fixtures import ClusterFactory

from .clusters import client, hang_up, json_of, told

pytestmark = [pytest.mark.anyio, pytest.mark.ceph, pytest.mark.slow, pytest.mark.timeout(300)]

SHORT: Final = {"auth service ticket ttl": "12", "auth mon ticket ttl": "32"}
"""Seconds; tickets for services are due for renewal after nine, that for the monitors after 24."""
LONG: Final = 120.0


async def steady(admin: Client, seconds: float) -> int:
    """Ask all of them again and again, managers and OSDs over a new session each time; returns how often."""
    asked = 0
    with anyio.move_on_after(seconds):
        while True:
            assert (await json_of(admin, "status"))["mgrmap"]["available"]
            for daemon in ("mgr", "osd.0", "mon.a"):
                assert (await told(admin, daemon, "version")).output
            asked += 1
            hang_up(admin)
            await anyio.sleep(1)
    return asked


async def two_minutes(cluster: Cluster, mode: Mode) -> None:
    """Be a client for longer than ten tickets live."""
    async with client(cluster, within=LONG + 60, modes=(mode,)) as admin:
        monitors, number = admin._monitors, admin.global_id
        assert monitors.tickets is not None
        link, holder = monitors.link, monitors.tickets.holder
        before = dict(holder.tickets)
        assert await steady(admin, LONG) > LONG / 4
        # All over one session with the monitor: not by coming again, with another handshake.
        assert monitors.link is link
        assert admin.global_id == number
        for service in (EntityType.AUTH, EntityType.MGR, EntityType.OSD):
            assert holder.tickets[service].expires > before[service].expires + LONG - 40


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # two more minutes each would show no more
async def test_two_minutes_with_tickets_of_twelve_seconds(ceph_cluster: ClusterFactory) -> None:
    cluster: Cluster = await anyio.to_thread.run_sync(lambda: ceph_cluster(managers=1, osds=1, extra=SHORT))
    async with anyio.create_task_group() as tasks:
        for mode in Mode:
            tasks.start_soon(two_minutes, cluster, mode)
