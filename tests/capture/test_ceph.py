"""Real daemons, captured: every byte of every connection is read, down to fields and message headers."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import anyio
import pytest

from msgr import Mode
from msgr.capture import Capture, KeyLog, SeenConnection, decode_file
from tests.interop.clusters import client, json_of, told
from tests.lab import Cluster, Compression
from tests.lab.fixtures import ClusterFactory, only_release
from tests.lab.process import reserve_port

from .sniff import ports_of, sniffed

HANDSHAKE: Final = {"HELLO", "AUTH_REQUEST", "AUTH_DONE", "AUTH_SIGNATURE", "CLIENT_IDENT", "SERVER_IDENT"}
CHOSEN: Final = range(7600, 7700)
"""Where OSDs choose their ports, four each, if those have to be known before there are any."""


@pytest.fixture(scope="session")
def cluster(ceph_shared: ClusterFactory) -> Cluster:
    """One of each, which allow crc mode too."""
    return ceph_shared(managers=1, osds=1, modes="secure crc")


@pytest.fixture(scope="session")
def crc_cluster(ceph_shared: ClusterFactory) -> Cluster:
    """One of each, in crc mode alone."""
    return ceph_shared(managers=1, osds=1, modes="crc")


def to_daemons(capture: Capture, cluster: Cluster) -> dict[str, list[SeenConnection]]:
    """Return the connections that were made to each daemon."""
    hosts = {address.removeprefix("v2:").partition("/")[0]: name for name, address in cluster.addresses.items()}
    found: dict[str, list[SeenConnection]] = {}
    for connection in capture.connections:
        if connection.server in hosts:
            found.setdefault(hosts[connection.server], []).append(connection)
    return found


def is_whole(connection: SeenConnection) -> bool:
    """Whether all of a connection was read, to the last byte."""
    assert (connection.errors, connection.undecrypted) == ((), 0)
    for frame in connection.frames:
        assert frame.error is None
        fields = frame.payload if frame.message is None else frame.message
        assert fields is not None
        assert "undecoded_bytes" not in fields
    return True


def check(connections: list[SeenConnection], mode: str) -> None:
    """Check that all connections are whole, and that those which came to a session had this mode."""
    assert all(is_whole(connection) for connection in connections)
    sessions = [each for each in connections if {frame.tag for frame in each.frames} >= HANDSHAKE]
    assert {(each.mode, each.auth_method, each.revision) for each in sessions} == {(mode, "cephx", "2.1")}
    # Who asks several monitors at once hangs up on all but one, wherever that stands.
    assert {each.mode for each in connections} <= {mode, None}


def names(connections: list[SeenConnection]) -> Counter[str]:
    """Return how often each kind of message was seen."""
    frames = [frame for connection in connections for frame in connection.frames]
    assert {str(frame.message["name"]) for frame in frames if frame.message} != {"None"}
    return Counter(str(frame.message["name"]) for frame in frames if frame.message)


def test_stock_tools_in_crc_mode(crc_cluster: Cluster, tmp_path: Path) -> None:
    path = tmp_path / "capture.pcap"
    with sniffed(path, *ports_of(crc_cluster)):
        crc_cluster.run("ceph", "-s", "-f", "json")
        crc_cluster.run("ceph", "tell", "mgr", "version")
        crc_cluster.run("ceph", "tell", "osd.0", "version")
        crc_cluster.run("rados", "-p", "data", "put", "object", "-", stdin=b"content" * 10_000)
        crc_cluster.run("rados", "-p", "data", "get", "object", "-")
    found = to_daemons(decode_file(path), crc_cluster)
    assert set(found) == {"mon.a", "mgr.x", "osd.0"}
    for connections in found.values():
        # The daemons' own connections to each other began before the capture, and are not among these.
        check(connections, "crc")
    assert {"MMonGetMap", "MMonMap", "MMonSubscribe", "MMonCommand", "MMonCommandAck"} <= set(names(found["mon.a"]))
    assert {"MCommand", "MCommandReply"} <= set(names(found["mgr.x"]))
    assert {"MCommand", "MCommandReply", "MOSDOp", "MOSDOpReply"} <= set(names(found["osd.0"]))
    put = [frame.message for each in found["osd.0"] for frame in each.frames if frame.message]
    assert [head["data"] for head in put if head["name"] == "MOSDOp"].count(70_000) == 1


@pytest.mark.anyio
@pytest.mark.parametrize("mode", Mode)
async def test_our_client_in_both_modes(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: Mode
) -> None:
    keys, path = tmp_path / "keys", tmp_path / "capture.pcap"
    keys.touch(0o600)
    monkeypatch.setenv("MSGR_KEYLOG", str(keys))
    with sniffed(path, *ports_of(cluster)):
        async with client(cluster, modes=(mode,)) as admin:
            await json_of(admin, "status")
            await told(admin, "osd.0", "version")
            await told(admin, "mgr", "version")
    found = to_daemons(await anyio.to_thread.run_sync(decode_file, path, KeyLog.load(keys)), cluster)
    assert set(found) == {"mon.a", "mgr.x", "osd.0"}
    for connections in found.values():
        check(connections, mode.name.lower())
    assert {"MMonMap", "MMonCommand", "MMonCommandAck"} <= set(names(found["mon.a"]))
    for daemon in ("mgr.x", "osd.0"):
        assert {"MCommand", "MCommandReply"} <= set(names(found[daemon]))
    if mode is Mode.SECURE:
        blind = to_daemons(decode_file(path), cluster)
        assert all(sum(each.undecrypted for each in connections) > 0 for connections in blind.values())


@only_release("18.2")
@pytest.mark.parametrize("algorithm", ["snappy", "zlib", "zstd", "lz4"])
def test_what_osds_compress(ceph_cluster: ClusterFactory, tmp_path: Path, algorithm: Compression) -> None:
    """From the first packet of a cluster on: OSDs among themselves, compressed, and all that daemons say to others."""
    path = tmp_path / "capture.pcap"
    chosen = {"ms bind port min": str(CHOSEN[0]), "ms bind port max": str(CHOSEN[-1])}
    with ExitStack() as stack:
        port = reserve_port(stack)
        stack.enter_context(sniffed(path, port, CHOSEN))
        cluster = ceph_cluster(osds=2, compress=algorithm, modes="crc", monitor_ports=(port,), extra=chosen)
        cluster.run("rados", "-p", "data", "put", "object", "-", stdin=b"content" * 10_000)
    connections = [each for each in decode_file(path).connections if each.mode == "crc"]
    # The cluster goes on while the capture ends, perhaps in the middle of a frame.
    assert all("ends in the middle" in error for each in connections for error in each.errors)
    assert sum(is_whole(each) for each in connections if not each.errors) > 10
    frames = [frame for each in connections for frame in each.frames if frame.message is not None]
    compressed = [frame.message for frame in frames if frame.message is not None and "compressed" in frame.message]
    assert {head["compressed"] for head in compressed} == {algorithm}
    # What goes to the other OSD is a transaction, with the object in it.
    sizes = [head["data"] for head in compressed if head["name"] == "MOSDRepOp"]
    assert max(size for size in sizes if isinstance(size, int)) > 70_000
