"""A real monitor refuses a claim to a global id, and the client gets over it by itself."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest

from msgr import EntityType, Keyring, Runtime
from msgr.auth import CephxClient
from msgr.frame import Tag
from msgr.testing import Direction, Probes
from msgr.wire import EntityName
from tests.lab import Cluster

from .helpers import ADMIN, SOON, connected

pytestmark = [pytest.mark.anyio, pytest.mark.ceph]


@pytest.mark.parametrize("what", ["a secret that is gone", "another's id"])
async def test_a_claim_that_is_refused(ceph_cephx: Cluster, what: str) -> None:
    """As after an outage that was longer than the ticket's life: the client begins anew, with one more connection."""
    client = CephxClient(EntityName.parse(ADMIN), Keyring.load(ceph_cephx.keyring).get(ADMIN).key)
    probes = Probes()
    with anyio.fail_after(SOON):
        async with connected(ceph_cephx, auth=(client,)):
            first, ticket = client.global_id, client.tickets[EntityType.AUTH]
        if what == "another's id":
            client.keep(first + 1_000_000, {EntityType.AUTH: ticket})
        else:
            client.keep(first, {EntityType.AUTH: replace(ticket, blob=replace(ticket.blob, secret_id=1 << 40))})
        claimed = client.global_id
        async with connected(ceph_cephx, auth=(client,), runtime=Runtime(trace=probes)) as session:
            assert session.peer.login.global_id == client.global_id not in (0, first, claimed)
            await session.ping()
    assert probes.passed(Direction.SENDING, Tag.AUTH_REQUEST) == 2
    assert probes.passed(Direction.HANDLING, Tag.AUTH_BAD_METHOD) == 1
