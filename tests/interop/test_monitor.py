"""A session with a real monitor, in every mode, with both methods."""

from __future__ import annotations

import json
from uuid import UUID

import anyio
import anyio.to_thread
import pytest

import msgr
from msgr import EntityAddr, EntityType, Keyring, Message, Mode, Revision
from msgr.auth import AuthMethod, CephxClient
from msgr.net.probe import probe
from msgr.wire import EntityName
from tests.lab import Cluster, ReleaseName
from tests.lab.fixtures import ClusterFactory

from .helpers import ADMIN, GET_MONMAP, MONMAP, PING, SOON, ask, connected

pytestmark = [pytest.mark.anyio, pytest.mark.ceph]


@pytest.mark.parametrize("revision", Revision)
@pytest.mark.parametrize("mode", Mode)
async def test_cephx(ceph_cephx: Cluster, mode: Mode, revision: Revision) -> None:
    await converse(ceph_cephx, AuthMethod.CEPHX, mode, revision)


@pytest.mark.parametrize("revision", Revision)
async def test_none(ceph_none: Cluster, revision: Revision) -> None:
    await converse(ceph_none, AuthMethod.NONE, Mode.CRC, revision)


async def converse(cluster: Cluster, method: AuthMethod, mode: Mode, revision: Revision) -> None:
    """Go through what a client and a monitor have to say to each other."""
    with anyio.fail_after(SOON):
        async with connected(cluster, modes=(mode,), revisions=frozenset({revision}), expect=EntityType.MON) as session:
            login = session.peer.login
            assert (login.method, login.mode, login.met.revision) == (method, mode, revision)
            assert login.met.entity_type == EntityType.MON
            assert login.global_id > 0
            assert str(login.met.seen_as.host) == "127.0.0.1"
            assert session.peer.gid == 0  # the monitor's rank
            assert session.peer.lossy
            assert session.peer.addresses == (EntityAddr.parse(cluster.addresses["mon.a"]),)
            for _ in range(5):
                assert 0 <= await session.ping() < SOON
            status = bytes((await ask(session, PING, PING)).front)
            described, _ = json.JSONDecoder().raw_decode(status.decode("latin-1"), status.index(b"{"))
            assert described["mon_status"]["name"] == "a"
            assert UUID(cluster.fsid).bytes in bytes((await ask(session, GET_MONMAP, MONMAP)).front)
            await session.ping()
    assert session.error is None


async def test_best_of_both(ceph_cephx: Cluster) -> None:
    """Where all is allowed, it is msgr2.1 in secure mode."""
    async with connected(ceph_cephx, revisions=frozenset(Revision)) as session:
        assert session.peer.login.mode is Mode.SECURE
        assert session.peer.login.met.revision is Revision.REV1


async def test_client_decides_the_order(ceph_cephx: Cluster) -> None:
    async with connected(ceph_cephx, modes=(Mode.CRC, Mode.SECURE)) as session:
        assert session.peer.login.mode is Mode.CRC


async def test_a_hundred_questions_at_once(ceph_cephx: Cluster) -> None:
    async with connected(ceph_cephx) as session:
        with anyio.fail_after(SOON):
            async with anyio.create_task_group() as tasks:
                for _ in range(100):
                    tasks.start_soon(session.ping)
                for _ in range(100):
                    await session.send(Message(type=GET_MONMAP))
                for _ in range(100):
                    assert (await session.receive()).type == MONMAP


async def test_global_id_is_ours_again(ceph_cephx: Cluster) -> None:
    """With its ticket a client proves that an id is its own; a client without one gets another."""
    client = CephxClient(EntityName.parse(ADMIN), Keyring.load(ceph_cephx.keyring).get(ADMIN).key)
    async with connected(ceph_cephx, auth=(client,)) as session:
        first = session.peer.login.global_id
    async with connected(ceph_cephx, auth=(client,)) as session:
        assert session.peer.login.global_id == first == client.global_id
        async with connected(ceph_cephx) as other:
            assert other.peer.login.global_id != first
    client.forget()
    async with connected(ceph_cephx, auth=(client,)) as session:
        assert session.peer.login.global_id != first


@pytest.mark.parametrize(
    ("method", "modes"), [(AuthMethod.CEPHX, (Mode.SECURE, Mode.CRC)), (AuthMethod.NONE, (Mode.CRC,))]
)
async def test_probe(
    request: pytest.FixtureRequest, release: ReleaseName, method: AuthMethod, modes: tuple[Mode, ...]
) -> None:
    cluster: Cluster = request.getfixturevalue(f"ceph_{method.name.lower()}")
    with anyio.fail_after(SOON):
        result = await probe(cluster.addresses["mon.a"])
    assert result.entity_type == EntityType.MON
    assert result.revision is Revision.REV1
    assert result.supported_features & 1
    assert result.required_features == 0
    assert (result.auth_methods, result.modes) == ((method,), modes)
    assert str(result.seen_as.host) == "127.0.0.1"


async def test_monitor_that_is_killed(ceph_cluster: ClusterFactory) -> None:
    """Its clients learn of it at once; there is nobody then; and it can be reached again once it is back."""
    cluster = await anyio.to_thread.run_sync(ceph_cluster)
    async with connected(cluster) as session:
        await session.ping()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.to_thread.run_sync, cluster.kill, "mon.a")
            with anyio.fail_after(SOON):
                ended = await the_end(session)
        assert ended is None or isinstance(ended, msgr.ConnectionLost)
        with pytest.raises(msgr.ConnectionLost):
            await session.receive()
    with anyio.fail_after(SOON), pytest.raises(msgr.errors.ConnectFailed):
        async with connected(cluster):
            pass
    await anyio.to_thread.run_sync(cluster.restart, "mon.a")
    async with connected(cluster) as session:
        await session.ping()


async def the_end(session: msgr.Session) -> msgr.MsgrError | None:
    """Wait for the end of a session, and return what was wrong with it: a process that is killed closes its sockets."""
    try:
        async for _ in session:
            pass
    except msgr.ConnectionLost as error:
        return error
    return session.error
