"""Commands to real monitors, managers and OSDs, in both modes."""

from __future__ import annotations

import json
import secrets
from uuid import UUID

import anyio
import pytest

from msgr import CryptoKey, Keyring, KeyType, Mode
from msgr.errors import AuthRefused, ConfigError, IdentError
from msgr.mon import Cluster as Client
from tests.lab import Cluster, ReleaseName
from tests.lab.fixtures import ClusterFactory

from .clusters import MIB, READER, client, json_of, told, whole
from .helpers import ADMIN

pytestmark = [pytest.mark.anyio, pytest.mark.ceph]

MODES = pytest.mark.parametrize("mode", Mode)


@pytest.fixture(scope="session")
def cluster(ceph_shared: ClusterFactory) -> Cluster:
    """One of each."""
    return whole(ceph_shared)


@MODES
async def test_status(cluster: Cluster, mode: Mode) -> None:
    async with client(cluster, modes=(mode,)) as admin:
        status = await json_of(admin, "status")
        assert status["fsid"] == str(admin.fsid) == cluster.fsid
        assert status["osdmap"]["num_up_osds"] == 1
        assert status["mgrmap"]["available"]
        assert list(admin.monmap.addresses) == ["a"]
        assert f"v2:127.0.0.1:{admin.monmap.addresses['a'].port}" == cluster.addresses["mon.a"]
        plain = (await admin.command("status")).checked()
        assert b"cluster:" in plain.output
        assert admin.connected
        assert admin.global_id > 0


@MODES
async def test_settings_are_set_and_read(cluster: Cluster, mode: Mode) -> None:
    async with client(cluster, modes=(mode,)) as admin:
        for value in ("7", "9"):
            where = {"who": "client.nobody", "name": "debug_ms"}
            done = await admin.command({"prefix": "config set", "value": value, **where})
            assert done.checked().output == b""
            got = await admin.command({"prefix": "config get", "who": "client.nobody", "key": "debug_ms"})
            assert got.checked().output.decode().strip().startswith(value)


@MODES
async def test_a_mebibyte_goes_in_and_comes_out(cluster: Cluster, mode: Mode) -> None:
    value = secrets.token_bytes(MIB)
    async with client(cluster, modes=(mode,)) as admin:
        key = f"msgr/{mode.name}"
        (await admin.command({"prefix": "config-key set", "key": key}, value)).checked()
        assert (await admin.command({"prefix": "config-key get", "key": key})).checked().output == value
        (await admin.command({"prefix": "config-key rm", "key": key})).checked()
        gone = await admin.command({"prefix": "config-key get", "key": key})
        assert (gone.code, gone.output) == (-2, b"")


@MODES
async def test_every_daemon_is_told(cluster: Cluster, release: ReleaseName, mode: Mode) -> None:
    async with client(cluster, modes=(mode,)) as admin:
        for daemon in ("mgr", "mgr.x", "osd.0", "mon.a"):
            version = (await told(admin, daemon, "version")).json()
            assert version["version"].startswith(f"{release}."), daemon
        assert (await told(admin, "osd.0", "config get", var="osd_data")).json()["osd_data"].endswith("osd.0")
        assert (await told(admin, "mon.a", "mon_status")).json()["name"] == "a"


@MODES
async def test_pg_stat(cluster: Cluster, mode: Mode) -> None:
    """The manager answers it: asked by us, or by the monitor on our behalf; but it is nothing that one tells it."""
    async with client(cluster, modes=(mode,)) as admin:
        asked = {"prefix": "pg stat", "format": "json"}
        for manager in (True, False):
            result = await admin.command(asked, manager=manager)
            assert result.checked().json()["pg_summary"]["num_pgs"] == 1
        assert (await admin.tell("mgr", asked)).code == -22
        grammar = await admin.grammar()
        assert grammar.parse(["pg", "stat"]).manager
        assert not grammar.parse(["status"]).manager


@MODES
async def test_commands_that_nobody_knows(cluster: Cluster, mode: Mode) -> None:
    async with client(cluster, modes=(mode,)) as admin:
        assert (await admin.command("no such command")).code == -22
        for daemon in ("mgr", "osd.0", "mon.a"):
            assert (await admin.tell(daemon, "no such command")).code == -22, daemon
        assert (await admin.command("no such command", manager=True)).code == -22


@MODES
async def test_who_may_only_read_writes_nothing(cluster: Cluster, mode: Mode) -> None:
    async with client(cluster, READER, modes=(mode,)) as reader:
        assert (await json_of(reader, "status"))["fsid"] == cluster.fsid
        refused = await reader.command({"prefix": "config set", "who": "mon", "name": "debug_ms", "value": "1"})
        assert (refused.code, refused.output) == (-13, b"")
        assert refused.status


async def test_daemons_that_are_not_there(cluster: Cluster) -> None:
    async with client(cluster) as admin:
        for daemon in ("osd.7", "mon.z", "mgr.z"):
            result = await admin.tell(daemon, "version")
            assert result.code == -2, daemon
            assert daemon in result.status or "osd.7" in result.status
        for nobody in ("client.admin", "osd.x", "osd", "", "mds.a"):
            with pytest.raises(ConfigError):
                await admin.tell(nobody, "version")


async def test_a_thousand_commands_at_once(cluster: Cluster) -> None:
    async with client(cluster, within=60) as admin:
        answered: list[str] = []

        async def ask(number: int) -> None:
            key = f"many/{number}"
            got = await admin.command({"prefix": "config-key exists", "key": key})
            assert got.code == -2
            answered.append(got.status)

        async with anyio.create_task_group() as tasks:
            for number in range(1000):
                tasks.start_soon(ask, number)
        # Each answer names its own key: they were not mixed up, whatever their order.
        assert len(set(answered)) == 1000


async def test_versions_of_maps(cluster: Cluster) -> None:
    async with client(cluster) as admin:
        oldest, newest = await admin.versions("osdmap")
        assert 1 <= oldest <= newest
        assert (await admin.versions("monmap"))[1] == admin.monmap.epoch
        with pytest.raises(ConfigError):
            await admin.versions("mgrmap")


async def test_cancelled_commands_do_no_harm(cluster: Cluster) -> None:
    async with client(cluster) as admin:
        for daemon in (None, "mgr", "osd.0", "mon.a"):
            with anyio.move_on_after(0) as scope:
                await cancelled(admin, daemon)
            assert scope.cancelled_caught
            assert (await json_of(admin, "status"))["fsid"] == cluster.fsid
        for daemon in ("mgr", "osd.0", "mon.a"):
            assert json.loads((await told(admin, daemon, "version")).output)


async def cancelled(admin: Client, daemon: str | None) -> None:
    """Ask for something that takes a moment."""
    if daemon is None:
        await admin.command("status")
    else:
        await admin.tell(daemon, "version")


async def test_another_cluster_is_refused(cluster: Cluster, ceph_cephx: Cluster) -> None:
    with pytest.raises(IdentError, match="MON-6"):
        async with client(ceph_cephx, fsid=UUID(cluster.fsid)):
            pass


async def test_wrong_key_is_refused(cluster: Cluster) -> None:
    ring = Keyring()
    ring.add(ADMIN, CryptoKey.generate(secrets.token_bytes, 1.0, KeyType.AES))
    with pytest.raises(AuthRefused):
        async with client(cluster, auth=ring):
            pass
