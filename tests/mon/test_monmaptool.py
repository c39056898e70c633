"""The monitor map, against Ceph's own tool for it."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import UUID

import pytest

from msgr import EntityAddr
from msgr.mon import MonInfo, MonMap
from msgr.wire import Timestamp
from tests.lab import ReleaseName, Tools, find_release

FSID = UUID("7dd4917c-d776-4862-acc1-c566f04933b8")
MONS = {
    "a": ("v2:127.0.0.1:3300/0", "v1:127.0.0.1:6789/0"),
    "b": ("v2:[2001:db8::7]:3301/0",),
    "long.name-3": ("v2:10.0.0.9:40000/0",),
}


@pytest.fixture
def tools(release: ReleaseName, tmp_path: Path) -> Tools:
    """The tools of a release, without a cluster."""
    conf = tmp_path / "ceph.conf"
    conf.write_text("[global]\n")
    return Tools(find_release(release), conf)


@pytest.mark.ceph
def test_we_read_what_it_writes(tools: Tools, release: ReleaseName, tmp_path: Path) -> None:
    path = tmp_path / "monmap"
    tools.run("monmaptool", "--create", "--fsid", str(FSID), str(path))
    for name, addresses in MONS.items():
        tools.run("monmaptool", "--addv", name, f"[{','.join(addresses)}]", str(path))
    wire = path.read_bytes()
    monmap = MonMap.decode(wire)
    assert (monmap.fsid, monmap.epoch) == (FSID, 0)
    assert monmap.addresses == {name: EntityAddr.parse(addresses[0]) for name, addresses in MONS.items()}
    assert {name: tuple(map(str, info.addresses)) for name, info in monmap.mons.items()} == MONS
    if release == "16.2":  # of this version we know every byte
        assert monmap.encode() == wire


@pytest.mark.ceph
def test_it_reads_what_we_write(tools: Tools, tmp_path: Path) -> None:
    mons = {
        name: MonInfo(name=name, addresses=tuple(map(EntityAddr.parse, addresses)), priority=rank)
        for rank, (name, addresses) in enumerate(MONS.items())
    }
    monmap = MonMap(
        fsid_bytes=FSID.bytes,
        epoch=7,
        created=Timestamp.of(1e9),
        mons=mons,
        ranks=("b", "a", "long.name-3"),
        release=16,
    )
    path = tmp_path / "monmap"
    path.write_bytes(monmap.encode())
    said = tools.run("monmaptool", "--print", str(path))
    assert re.search(rf"^fsid {FSID}$", said, re.MULTILINE)
    assert re.search(r"^epoch 7$", said, re.MULTILINE)
    assert re.search(r"^min_mon_release 16 ", said, re.MULTILINE)
    ranks = dict(re.findall(r"^\d: (\S+) mon\.(\S+)$", said, re.MULTILINE))
    found = {name: where.strip("[]") if name != "b" else where for where, name in ranks.items()}
    assert list(found) == list(monmap.ranks)
    assert found["a"] == "v2:127.0.0.1:3300/0,v1:127.0.0.1:6789/0"
    assert "v2:[2001:db8::7]:3301/0" in found["b"]
