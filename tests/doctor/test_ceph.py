"""A real monitor tolerates all the questions."""

from __future__ import annotations

import pytest

from msgr import Keyring
from tests.lab import Cluster
from tests.lab.fixtures import ClusterFactory

from .patients import examined

pytestmark = pytest.mark.anyio


async def test_a_monitor(ceph_cephx: Cluster) -> None:
    address = ceph_cephx.addresses["mon.a"]
    found, by_name = await examined(address, auth=Keyring.load(ceph_cephx.keyring))
    assert found.healthy, found
    assert found.verdict == "Nothing is wrong."
    assert by_name["hello"].detail == "a mon, revision 2.1, sees us at 127.0.0.1"
    assert by_name["auth"].detail.startswith("it allows cephx in secure or crc mode; it lets us in: ")
    why = "its banner does not have the msgr extension (bit 48)"
    assert (
        by_name["path_size"].detail
        == f"60,000 bytes in one frame pass on the way up; the way down is not covered: {why}"
    )
    assert (by_name["reverse_path"].ok, by_name["reverse_path"].detail) == (None, f"not asked: {why}")


async def test_a_monitor_without_authentication(ceph_none: Cluster) -> None:
    found, by_name = await examined(ceph_none.addresses["mon.a"])
    assert found.healthy, found
    assert by_name["round_trip"].ok


async def test_daemons_that_take_tickets(ceph_shared: ClusterFactory) -> None:
    cluster = ceph_shared(managers=1, osds=1)
    for name, kind in (("mgr.x", "an mgr"), ("osd.0", "an osd")):
        found, by_name = await examined(cluster.addresses[name], auth=Keyring.load(cluster.keyring))
        assert found.healthy, found
        assert by_name["hello"].detail.startswith(f"{kind}, revision 2.1")
        assert by_name["auth"].detail.startswith(f"not asked: {kind} takes tickets and no keys")
        assert by_name["path_size"].ok


async def test_an_address_that_is_not_the_monitors(ceph_none: Cluster) -> None:
    found, by_name = await examined(ceph_none.addresses["mon.a"].removesuffix("/0") + "/7")
    assert [finding.name for finding in found.findings if finding.ok is False] == ["ident"]
    assert by_name["auth"].ok
