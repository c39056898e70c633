"""What real monitors tell unasked: their log, maps and settings."""

from __future__ import annotations

import anyio
import pytest

from msgr import Mode
from msgr.errors import ConfigError, StateError
from msgr.mon import Cluster as Client
from msgr.mon import Level, LogEntry, Updates
from tests.lab import Cluster
from tests.lab.fixtures import ClusterFactory

from .clusters import client, done, whole

pytestmark = [pytest.mark.anyio, pytest.mark.ceph]


@pytest.fixture(scope="session")
def cluster(ceph_shared: ClusterFactory) -> Cluster:
    """One of each."""
    return whole(ceph_shared)


async def say(client: Client, text: str) -> None:
    """Write a line to the cluster log."""
    (await client.command({"prefix": "log", "logtext": [text]})).checked()


async def until(lines: Updates[LogEntry], wanted: str) -> list[LogEntry]:
    """Return the lines of the log up to one of the cluster's own that holds a text."""
    heard = []
    async for entry in lines:
        heard.append(entry)
        if wanted in entry.text and entry.channel == "cluster":
            return heard
    raise AssertionError("the log has an end")


@pytest.mark.parametrize("mode", Mode)
async def test_log_streams(cluster: Cluster, mode: Mode) -> None:
    async with client(cluster, modes=(mode,)) as admin:
        with admin.log("info") as lines:
            for number in range(3):
                text = f"line {number} of {mode.name} by {admin.global_id}"
                await say(admin, text)
                entry = (await until(lines, text))[-1]
                assert (str(entry.name), entry.level, entry.channel) == ("client.admin", Level.INFO, "cluster")
                assert entry.instance.number == admin.global_id
                assert float(entry.stamp) > 1.6e9


async def test_all_who_listen_to_the_log_hear_each_line_once(cluster: Cluster) -> None:
    async with client(cluster) as admin:
        first, second, third = (f"{word} of {admin.global_id}" for word in ("first", "second", "third"))
        with admin.log() as lines:
            await say(admin, first)
            await until(lines, first)
            with admin.log() as joined:
                await say(admin, second)
                await say(admin, third)
                heard = [await until(each, third) for each in (lines, joined)]
        # Commands are audited in the log, in lines of their own; and who joins hears only what comes from then on.
        said = [[entry.text for entry in each if entry.channel == "cluster"] for each in heard]
        assert said[0] == said[1] == [second, third]


async def test_log_of_a_level(cluster: Cluster) -> None:
    async with client(cluster) as admin:
        quiet = f"this warns nobody of {admin.global_id}"
        with admin.log("warn") as lines:
            with pytest.raises(StateError, match="MON-4"), admin.log("debug"):
                pass
            await say(admin, quiet)
            await done(admin, "osd set", key="noout")
            try:
                heard = await until(lines, "noout")
            finally:
                await done(admin, "osd unset", key="noout")
        assert all(entry.level >= Level.WARNING for entry in heard)
        assert quiet not in [entry.text for entry in heard]
        with pytest.raises(ConfigError), admin.log("loud"):
            pass


async def test_maps_and_their_next_versions(cluster: Cluster) -> None:
    async with client(cluster) as admin:
        with admin.osdmaps() as osdmaps, admin.monmaps() as monmaps, admin.mgrmaps() as mgrmaps:
            monmap, mgrmap, osdmap = await anext(monmaps), await anext(mgrmaps), await anext(osdmaps)
            assert monmap == admin.monmap
            assert (mgrmap.name, mgrmap.available) == ("x", True)
            assert f"{mgrmap.address}" == cluster.addresses["mgr.x"]
            (newest,) = osdmap.full
            assert osdmap.fsid == admin.fsid.bytes
            assert (await admin.versions("osdmap"))[1] >= newest
            for step in ("set", "unset"):
                await done(admin, f"osd {step}", key="nodown")
            heard: list[int] = []
            while len(heard) < 2:
                heard += sorted({**(change := await anext(osdmaps)).full, **change.incremental})
            assert heard == [newest + 1, newest + 2]
            with admin.mgrmaps() as again:
                assert await anext(again) == mgrmap


async def test_osd_maps_from_the_first_on(cluster: Cluster) -> None:
    async with client(cluster) as admin:
        oldest, newest = await admin.versions("osdmap")
        with admin.osdmaps(start=oldest) as maps:
            heard: list[int] = []
            while newest not in heard:
                update = await anext(maps)
                heard += sorted({**update.full, **update.incremental})
        assert heard == list(range(oldest, heard[-1] + 1))


async def test_settings_for_a_client(cluster: Cluster) -> None:
    async with client(cluster) as admin:
        try:
            with admin.configs() as settings:
                await anext(settings)
                for value in ("11", "12"):
                    await done(admin, "config set", who="client.admin", name="debug_client", value=value)
                    while not (await anext(settings)).get("debug_client", "").startswith(value):
                        pass
                with admin.configs() as joined:
                    assert (await anext(joined))["debug_client"].startswith("12")
        finally:
            await done(admin, "config rm", who="client.admin", name="debug_client")


async def test_nothing_comes_after_the_client_is_gone(cluster: Cluster) -> None:
    async with client(cluster) as admin:
        with admin.log() as lines:
            pass
        with admin.monmaps() as maps:
            await anext(maps)
    with anyio.fail_after(1), pytest.raises(StateError, match="closed"):
        await anext(maps)
    assert not lines.dropped
