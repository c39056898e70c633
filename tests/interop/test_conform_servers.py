"""The conformance checker against real monitors: every difference is written down, and every monitor survives it."""

from __future__ import annotations

from typing import Final

import anyio
import anyio.to_thread
import pytest

from msgr import Keyring
from msgr.conformance import Role, Settings, Verdict, all_cases, deviations_of, judge_server
from tests.lab import Auth, Cluster, ReleaseName
from tests.lab.fixtures import ClusterFactory

pytestmark = [pytest.mark.anyio, pytest.mark.ceph]

LIMIT: Final = 120.0
"""Seconds that a whole run may take."""
CASES: Final = all_cases(Role.SERVER)


@pytest.mark.parametrize(
    ("name", "auth", "judged"),
    [("client.admin", "cephx", 350), ("client.admin", "none", 270), ("mon.z", "none", 300)],
    ids=["cephx", "none", "as-a-monitor"],
)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_monitor_differs_in_what_is_known(
    ceph_cluster: ClusterFactory, release: ReleaseName, name: str, auth: Auth, judged: int, anyio_backend: str
) -> None:
    """As a client its sessions are lossy, as a monitor they are not: then the cases about reconnecting are judged."""
    modes = "secure crc" if auth == "cephx" else "crc"
    cluster: Cluster = await anyio.to_thread.run_sync(lambda: ceph_cluster(auth=auth, modes=modes))
    address = cluster.addresses["mon.a"].removesuffix("/0")
    key = Keyring.load(cluster.keyring).get(name).key if auth == "cephx" else None
    with anyio.fail_after(LIMIT):
        found = await judge_server(
            address, CASES, name=name, key=key, settings=Settings(timeout=3.0), tell=lambda result: None
        )
    found = deviations_of(f"ceph-{release.partition('.')[0]}").apply(found)
    unknown = {
        result.case.id: result.seen
        for result in found.results
        if result.verdict not in (Verdict.PASS, Verdict.SKIP) and result.excused is None
    }
    assert (unknown, found.stale) == ({}, [])
    assert len(CASES) - found.counts[Verdict.SKIP] > judged - 30 * (release == "16.2")
    status = await anyio.to_thread.run_sync(cluster.command, "mon stat")
    assert status["num_mons"] == 1, "it is alive, and has its quorum"
