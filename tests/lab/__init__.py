"""Throw-away Ceph clusters on loopback, for the tests that need a real peer.

Two releases: 16.2 is installed on this machine; 18.2 is in a directory tree of its own, which `tests/lab/tree.sh DIR`
makes (as root, in a minute) and the environment variable MSGR_CEPH_18 names. What is missing makes its tests skip, or
fail under MSGR_REQUIRE_CEPH=1. Nothing of a cluster is left when its `with` block or its test is over.

Fixtures (all of them run a test once with each release; `@only_release("18.2")` from `tests.lab.fixtures` chooses):

    release         "16.2" or "18.2", for what needs to know it
    ceph_cluster    makes clusters for one test:  ceph_cluster(monitors=1, managers=1, osds=1, modes="crc")
    ceph_shared     the same, but the session shares what is asked for in the same words: kill nothing there
    ceph_cephx      one monitor with cephx, shared (`ceph_shared(auth="cephx")`)
    ceph_none       one monitor with method none, in crc mode, shared

The keywords are the fields of `Settings`: release, monitors, managers, osds, durable, auth, modes, key_type, compress,
foreign, monitor_ports, clients, extra. A monitor takes a third of a second to boot, a manager and an OSD one more.

    cluster = ceph_cluster(managers=1, osds=1, extra={"auth service ticket ttl": "12", "auth mon ticket ttl": "32"})
    cluster.addresses       {"mon.a": "v2:127.0.0.1:PORT", "mgr.x": "v2:127.0.0.1:PORT/NONCE", "osd.0": ..., ...}
    cluster.fsid, cluster.keys["client.admin"], cluster.conf, cluster.keyring (paths), cluster.pids["mon.a"]
    cluster.run("rados", "-p", "data", "put", "x", "-", stdin=b"...")
                            what a stock tool of that release printed; LabError if it failed
    cluster.tools           .finish("ceph", "-s") is the same whatever the exit code: a CompletedProcess;
                            .command("ceph", "-w") and .environment are for a test that starts it in its own way
    cluster.command("mgr dump")     a command to the monitors, its JSON output
    cluster.ask("osd.0", "status")  a command to an admin socket, its JSON output
    cluster.kill("mon.a")           SIGKILL, by its process id
    cluster.restart("mon.a")        on the same data; waits until it is ready
    cluster.locate()                finds the manager and the OSDs again, which choose new ports and nonces
    cluster.log("mgr.x")            all that it logged

All of this blocks: in an async test use `await anyio.to_thread.run_sync(cluster.restart, "mon.a")`, also for booting.
`Tools(find_release("18.2"), conf)` are the stock tools for a `ceph.conf` of a test's own, where we are the monitor.
A program of 18.2 sees this machine's /proc, /dev and temporary directory (so also `tmp_path`), and no other file of it.
Managers load no Python modules (they'd take five seconds), so `ceph balancer` and its like are unknown.
"""

from __future__ import annotations

from .cluster import POOL, Cluster
from .process import LabError, Tools
from .releases import RELEASES, Release, ReleaseName, find_release
from .settings import Auth, Compression, KeyType, Modes, Settings

__all__ = [
    "POOL",
    "RELEASES",
    "Auth",
    "Cluster",
    "Compression",
    "KeyType",
    "LabError",
    "Modes",
    "Release",
    "ReleaseName",
    "Settings",
    "Tools",
    "find_release",
]
