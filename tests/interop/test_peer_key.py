"""Among monitors with cephx: each mints its own tickets with the key of `mon.`, and opens those of the others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import anyio
import anyio.to_thread
import pytest

from msgr import Keyring, Messenger, Mode, Outcome, Policy, Timeouts
from msgr.auth import CephxMonitorPeer, CephxServiceServer, CryptoKey
from msgr.errors import AuthRefused
from msgr.net.events import SessionReset, SessionResumed

from ..lab import Cluster
from ..lab.fixtures import ClusterFactory
from ..net.leaks import until
from .duel import in_a_row
from .tapped import Strings, strings
from .test_peer_messenger import answers, exchange, happened, ping

__all__ = ["strings"]

pytestmark = [pytest.mark.ceph, pytest.mark.anyio]

_LIMIT: Final = 60.0
_QUICK: Final = {"mon probe timeout": "0.5", "ms max backoff": "0.5"}


@asynccontextmanager
async def monitor(cluster: Cluster, key: CryptoKey, *, listens: bool = True) -> AsyncIterator[Messenger]:
    """Be mon.a with this key of the monitors, within a time limit; at the end of it all, nothing is waited for."""
    with anyio.fail_after(_LIMIT):
        async with Messenger(
            "mon.a",
            auth=None,
            client_auth=[CephxMonitorPeer(key)],
            server_auth=[CephxServiceServer.for_monitors(key)],
            policy=Policy.lossless_peer_reuse(),
            listen=cluster.addresses["mon.a"] if listens else None,
            timeouts=Timeouts(max_backoff=0.5),
        ) as node:
            yield node
            for session in node.sessions:
                session.abort()


async def boot(ceph_cluster: ClusterFactory) -> tuple[Cluster, CryptoKey]:
    """Run the other one of two monitors, and return the key that both have."""
    cluster: Cluster = await anyio.to_thread.run_sync(
        lambda: ceph_cluster(monitors=2, foreign=("mon.a",), auth="cephx", modes="secure", extra=_QUICK)
    )
    return cluster, Keyring.load(cluster.keyring).get("mon.").key


async def test_nothing_is_lost_or_doubled(ceph_cluster: ClusterFactory, strings: Strings) -> None:
    """A lossless session in secure mode, cut in the middle of bursts and taken up again, whichever end dials."""
    cluster, key = await boot(ceph_cluster)
    strings.readable = False
    async with monitor(cluster, key) as node:
        session = node.session(cluster.addresses["mon.b"])
        with session.events() as events:
            receipts, numbers = await exchange(session, strings, cut=True)
            assert {await receipt for receipt in receipts} == {Outcome.ACKNOWLEDGED}
            assert session.peer.login.mode is Mode.SECURE
            assert not session.peer.lossy
            session.abort()
            history = await happened(events)
    assert in_a_row(numbers)
    assert any(isinstance(event, SessionResumed) for event in history)
    assert not any(isinstance(event, SessionReset) for event in history)


async def test_the_daemon_dials_us(ceph_cluster: ClusterFactory) -> None:
    """It shows a ticket that it made itself, and is known by what that says."""
    cluster, key = await boot(ceph_cluster)
    async with monitor(cluster, key) as node:
        session = await anext(node)
        login = session.peer.login
        assert login.mode is Mode.SECURE
        assert login.identity is not None
        assert (str(login.identity.name), login.identity.global_id, login.global_id) == ("mon.", 0, 0)
        receipts = await ping(session)
        await answers(session, len(receipts))
        assert {await receipt for receipt in receipts} == {Outcome.ACKNOWLEDGED}


async def test_with_another_key_we_are_nobody(ceph_cluster: ClusterFactory) -> None:
    cluster, key = await boot(ceph_cluster)
    other = CryptoKey(type=key.type, created=key.created, secret=bytes(len(key.secret)))
    async with monitor(cluster, other, listens=False) as node:
        session = node.session(cluster.addresses["mon.b"])
        with pytest.raises(AuthRefused) as caught:
            await session.ready()
        assert caught.value.result == -13
    async with monitor(cluster, other) as node:
        await until(lambda: node.stats.failed > 0)  # the daemon shows what we cannot open
        assert not node.sessions
