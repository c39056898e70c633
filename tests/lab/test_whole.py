"""Whole clusters of the lab: monitors, managers and OSDs of each release."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from . import POOL, Cluster, LabError, ReleaseName, Settings
from .fixtures import ClusterFactory, only_release

OBJECT = bytes(range(256)) * 1000


@pytest.fixture(scope="session")
def whole(ceph_shared: ClusterFactory) -> Cluster:
    """One of each, shared by the session."""
    return ceph_shared(managers=1, osds=1, modes="secure crc")


def ceph(cluster: Cluster, *words: str) -> Any:
    """Return what the stock tool prints as JSON."""
    return json.loads(cluster.run("ceph", *words, "--format", "json"))


def test_every_daemon_is_of_the_release(whole: Cluster, release: ReleaseName) -> None:
    for daemon in ("mon.a", "mgr.x", "osd.0"):
        assert ceph(whole, "tell", daemon, "version")["version"].startswith(f"{release}.")
    assert whole.run("ceph", "--version").startswith(f"ceph version {release}.")


def test_daemons_are_where_the_addresses_say(whole: Cluster) -> None:
    assert sorted(whole.addresses) == ["mgr.x", "mon.a", "osd.0", "osd.0 cluster"]
    assert len(set(whole.addresses.values())) == 4
    (known,) = ceph(whole, "osd", "dump")["osds"]
    assert (known["up"], known["in"]) == (1, 1)
    address, _, nonce = whole.addresses["osd.0"].removeprefix("v2:").partition("/")
    assert known["public_addrs"]["addrvec"] == [{"type": "v2", "addr": address, "nonce": int(nonce)}]


def test_status(whole: Cluster) -> None:
    status = ceph(whole, "-s")
    assert status["fsid"] == whole.fsid
    assert status["mgrmap"]["available"]
    assert status["osdmap"]["num_up_osds"] == status["osdmap"]["num_in_osds"] == 1


def test_objects_go_in_and_come_out(whole: Cluster, tmp_path: Path) -> None:
    """With files of this machine's temporary directory, which the release's tools see."""
    put, got = tmp_path / "put", tmp_path / "got"
    put.write_bytes(OBJECT)
    whole.run("rados", "-p", POOL, "put", "thing", str(put))
    whole.run("rados", "-p", POOL, "get", "thing", str(got))
    assert got.read_bytes() == OBJECT


def test_failed_tool_tells_why(whole: Cluster) -> None:
    with pytest.raises(LabError, match=r"exit code 1\s+error opening pool no-such-pool"):
        whole.run("rados", "-p", "no-such-pool", "ls")
    done = whole.tools.finish("ceph", "no", "such", "command")
    assert (done.returncode, done.stdout) == (22, b"")


def test_killed_daemons_come_back(ceph_cluster: ClusterFactory) -> None:
    cluster = ceph_cluster(managers=2, osds=1, auth="cephx", modes="crc")
    for name in sorted(cluster.pids):
        before = cluster.pids[name]
        cluster.kill(name)
        assert name not in cluster.pids
        cluster.restart(name)
        assert cluster.pids[name] != before
    (active,) = (name for name in cluster.addresses if name.startswith("mgr."))
    for name in ("mon.a", active, "osd.0"):
        assert ceph(cluster, "tell", name, "version")
    assert "osd.0" in cluster.log("osd.0")


def test_durable_osds_keep_what_they_have(ceph_cluster: ClusterFactory) -> None:
    cluster = ceph_cluster(osds=1, durable=True)
    cluster.run("rados", "-p", POOL, "put", "thing", "-", stdin=OBJECT)
    cluster.kill("osd.0")
    cluster.restart("osd.0")
    assert cluster.run("rados", "-p", POOL, "ls") == "thing\n"


@only_release("18.2")
def test_osds_compress_what_they_say_to_each_other(ceph_cluster: ClusterFactory) -> None:
    cluster = ceph_cluster(managers=0, osds=2, compress="zstd", extra={"debug ms": "20/20"})
    cluster.run("rados", "-p", POOL, "put", "thing", "-", stdin=OBJECT)
    assert " compress uncompressed.length()=" in cluster.log("osd.0")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"managers": 4}, "4 managers"),
        ({"osds": -1}, "-1 OSDs"),
        ({"monitors": 2, "foreign": ("mon.a",), "osds": 1}, "need a quorum"),
        ({"monitors": 2, "monitor_ports": (6789,)}, "1 ports for 2 monitors"),
        ({"compress": "zstd"}, "no compression"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Settings(**options)
