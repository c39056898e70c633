"""The lab itself: stock clients talk to its clusters, and nothing is left of them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from . import Cluster, LabError, ReleaseName, Settings, find_release
from .fixtures import ClusterFactory


def status(cluster: Cluster, *options: str) -> object:
    """Ask the stock client for the cluster's id."""
    return json.loads(cluster.run("ceph", "--connect-timeout", "20", *options, "-s", "--format", "json"))["fsid"]


def test_stock_client_reaches_the_cephx_monitor(ceph_cephx: Cluster) -> None:
    assert status(ceph_cephx) == ceph_cephx.fsid


def test_stock_client_reaches_the_monitor_without_authentication(ceph_none: Cluster) -> None:
    assert status(ceph_none) == ceph_none.fsid


def test_keyring_holds_the_keys(ceph_cephx: Cluster) -> None:
    printed = ceph_cephx.run("ceph-authtool", "--print-key", "--name", "client.admin", str(ceph_cephx.keyring))
    assert printed.strip() == ceph_cephx.keys["client.admin"]
    assert ceph_cephx.keyring.stat().st_mode & 0o777 == 0o600


def test_further_clients_are_known_with_their_caps(ceph_cluster: ClusterFactory) -> None:
    cluster = ceph_cluster(clients={"client.reader": "allow r"})
    assert status(cluster, "--name", "client.reader") == cluster.fsid
    with pytest.raises(LabError, match="EACCES"):
        cluster.run("ceph", "--name", "client.reader", "osd", "set", "noout")


@pytest.mark.parametrize(("offered", "works"), [("crc", True), ("secure", False)])
def test_crc_only_has_no_mode_in_common_with_secure_only(
    ceph_cluster: ClusterFactory, offered: str, works: bool
) -> None:
    cluster = ceph_cluster(modes="crc")
    options = ("--ms-mon-client-mode", offered)
    if works:
        assert status(cluster, *options) == cluster.fsid
    else:
        with pytest.raises(LabError, match="RADOS permission denied"):
            cluster.run("ceph", "--connect-timeout", "20", *options, "-s")


def test_killed_monitor_comes_back_on_its_address(ceph_cluster: ClusterFactory) -> None:
    cluster = ceph_cluster(monitors=3)
    before = cluster.pids["mon.b"]
    cluster.kill("mon.b")
    assert sorted(cluster.pids) == ["mon.a", "mon.c"]
    with pytest.raises(ConnectionRefusedError):
        dial(cluster.addresses["mon.b"])
    cluster.restart("mon.b")
    assert cluster.pids["mon.b"] != before
    dial(cluster.addresses["mon.b"])


def test_nothing_is_left(release: ReleaseName) -> None:
    mounts = Path("/proc/self/mounts").read_text()
    with Cluster(Settings(release=release, auth="none", managers=1, osds=1)) as cluster:
        conf, pids = cluster.conf, cluster.pids
        assert conf.exists()
        assert sorted(pids) == ["mgr.x", "mon.a", "osd.0"]
        assert {Path(f"/proc/{pid}/comm").read_text().strip() for pid in pids.values()} == {
            "ceph-mon",
            "ceph-mgr",
            "ceph-osd",
        }
    assert not conf.parent.exists()
    assert Path("/proc/self/mounts").read_text() == mounts
    for pid in pids.values():
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_failed_boot_tells_why_and_leaves_nothing(release: ReleaseName) -> None:
    cluster = Cluster(Settings(release=release, extra={"mon data": "/dev/null/nowhere"}))
    with pytest.raises(LabError, match="ceph-mon --mkfs"), cluster:
        pass
    assert not cluster.conf.exists()


def test_unknown_daemon_is_refused() -> None:
    with pytest.raises(LabError, match=r"no mon\.z here"):
        Cluster().kill("mon.z")


def test_number_of_monitors_is_checked() -> None:
    with pytest.raises(ValueError, match="0 monitors"):
        Settings(monitors=0)


def test_entities_have_keys_of_their_own(ceph_cephx: Cluster) -> None:
    assert len(set(ceph_cephx.keys.values())) == len(ceph_cephx.keys) == 2


@pytest.mark.parametrize(("required", "verdict"), [("", "2 skipped"), ("1", "2 errors")])
def test_missing_ceph_is_a_skip_unless_it_was_promised(tmp_path: Path, required: str, verdict: str) -> None:
    """A missing Ceph takes one line, and no fixture is tried."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"{__file__}::test_keyring_holds_the_keys"],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PATH": str(tmp_path), "MSGR_CEPH_18": str(tmp_path), "MSGR_REQUIRE_CEPH": required},
        capture_output=True,
        text=True,
        check=False,
    )
    closing = done.stdout.splitlines()[-1]
    assert verdict in closing, done.stdout + done.stderr
    assert "no ceph-mon on the PATH" in done.stdout
    assert "Ceph 18.2 does not run" in done.stdout


def test_tree_that_is_not_named_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MSGR_CEPH_18", raising=False)
    assert "MSGR_CEPH_18 must name a directory" in str(find_release("18.2").missing())


def dial(address: str) -> None:
    """Open a TCP connection and close it."""
    host, port = address.removeprefix("v2:").split(":")
    socket.create_connection((host, int(port)), timeout=5).close()


def test_paths_are_short_enough_for_admin_sockets(ceph_cephx: Cluster) -> None:
    assert isinstance(ceph_cephx.conf, Path)
    assert len(os.fsencode(ceph_cephx.conf.with_name("mon.a.asok"))) < 108


def test_foreign_monitor_is_known_and_does_not_run(ceph_cluster: ClusterFactory) -> None:
    cluster = ceph_cluster(monitors=3, foreign=("mon.c",), auth="none", modes="crc")
    assert sorted(cluster.pids) == ["mon.a", "mon.b"]
    assert sorted(cluster.addresses) == ["mon.a", "mon.b", "mon.c"]
    known = cluster.run("ceph", "--connect-timeout", "20", "mon", "dump", "--format", "json")
    assert [f"mon.{monitor['name']}" for monitor in json.loads(known)["mons"]] == sorted(cluster.addresses)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", int(cluster.addresses["mon.c"].rpartition(":")[2])))
        listening.listen()
        listening.settimeout(20)
        listening.accept()[0].close()  # the others look for it


def test_foreign_monitor_must_be_one_of_the_cluster() -> None:
    with pytest.raises(ValueError, match=r"no monitor is named mon\.b"):
        Settings(foreign=("mon.b",))
