"""Our own connections and those of real daemons, as tcpdump captures them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import anyio
import pytest

from msgr import Algorithm, Compression, Message, Mode, Revision
from tests.capture.sniff import ports_of, sniffed, sniffed_at
from tests.capture.talk import FORMS
from tests.capture.test_nodes import exchanged
from tests.interop.clusters import client, json_of
from tests.lab import Cluster
from tests.lab.fixtures import ClusterFactory
from tests.net.world import dialled, echoing

from .compare import agree, decoded
from .sharks import Shark, written

MESSAGES: Final = (
    Message(type=50, tid=1, front=b"front", priority=196),
    Message(type=51, tid=2, front=b"f" * 100, middle=b"m" * 48, data=b"d" * 300_000, version=3, compat_version=2),
    Message(type=0x3FFF, tid=3),
)


async def converse(address: str, **form: Any) -> str:
    """Say the messages to a server that says them again; returns where it was."""
    async with echoing(address, **form) as server, dialled(server, **form) as session:
        for message in MESSAGES:
            await session.send(message)
        for _ in MESSAGES:
            await session.receive()
        await session.ping()
        return str(server.addresses[0]).removeprefix("v2:").partition("/")[0]


def held_against(shark: Shark, lua: Path, capture: Path, keys: Path, servers: set[str]) -> int:
    """Compare what both see of the connections to these servers; returns how many frames those have."""
    capture.chmod(0o644)
    keys.chmod(0o644)
    shown = shark.frames(capture, plugin=lua, keys=keys)
    connections = [each for each in decoded(capture, keys) if each["server"] in servers]
    assert connections
    assert {connection["server"] for connection in connections} == servers
    assert [connection["errors"] for connection in connections] == [[]] * len(connections)
    return sum(agree(connection, shown) for connection in connections)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize(("mode", "revision"), FORMS)
async def test_our_own(
    monkeypatch: pytest.MonkeyPatch, shark: Shark, lua: Path, desk: Path, mode: Mode, revision: Revision
) -> None:
    keys, capture = written(desk / "keys", ""), desk / "capture"
    monkeypatch.setenv("MSGR_KEYLOG", str(keys))
    with sniffed_at(capture) as address:
        server = await converse(address, modes=(mode,), revisions=frozenset({revision}))
    assert held_against(shark, lua, capture, keys, {server}) >= 20


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize(("mode", "revision"), FORMS)
async def test_our_own_nodes(
    monkeypatch: pytest.MonkeyPatch, shark: Shark, lua: Path, desk: Path, mode: Mode, revision: Revision
) -> None:
    keys, capture = written(desk / "keys", ""), desk / "capture"
    monkeypatch.setenv("MSGR_KEYLOG", str(keys))
    with sniffed_at(capture) as address:
        server = await exchanged(address, mode, revision)
    assert held_against(shark, lua, capture, keys, {server}) >= 20


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_our_own_compressed_over_ipv6(
    monkeypatch: pytest.MonkeyPatch, shark: Shark, lua: Path, desk: Path
) -> None:
    keys, capture = written(desk / "keys", ""), desk / "capture"
    monkeypatch.setenv("MSGR_KEYLOG", str(keys))
    wish = Compression(algorithms=(Algorithm.SNAPPY,), in_secure=True, minimum=0)
    with sniffed_at(capture, "::1") as address:
        server = await converse(address, compression=wish)
    assert held_against(shark, lua, capture, keys, {server}) >= 20


@pytest.fixture(scope="session")
def cluster(ceph_shared: ClusterFactory) -> Cluster:
    """A monitor and a manager, which allow both modes."""
    return ceph_shared(managers=1, modes="secure crc")


def hosts(cluster: Cluster, *daemons: str) -> set[str]:
    """Return where daemons listen."""
    return {cluster.addresses[name].removeprefix("v2:").partition("/")[0] for name in daemons}


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("mode", Mode)
async def test_a_real_monitor(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, shark: Shark, lua: Path, desk: Path, mode: Mode
) -> None:
    """Our client and a monitor of Ceph, which say their own things."""
    keys, capture = written(desk / "keys", ""), desk / "capture"
    monkeypatch.setenv("MSGR_KEYLOG", str(keys))
    with sniffed(capture, *ports_of(cluster)):
        async with client(cluster, modes=(mode,)) as admin:
            await json_of(admin, "status")
            await json_of(admin, "osd dump")
    found = await anyio.to_thread.run_sync(held_against, shark, lua, capture, keys, hosts(cluster, "mon.a"))
    assert found >= 15


def test_the_stock_tool(ceph_shared: ClusterFactory, shark: Shark, lua: Path, desk: Path) -> None:
    """`ceph` and a monitor, in crc mode."""
    cluster = ceph_shared(managers=1, modes="crc")
    keys, capture = written(desk / "keys", ""), desk / "capture"
    with sniffed(capture, *ports_of(cluster)):
        cluster.run("ceph", "-s", "-f", "json")
    assert held_against(shark, lua, capture, keys, hosts(cluster, "mon.a")) >= 15
