"""Our client and a real monitor: whole sessions, and every refusal."""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import replace

import anyio
import pytest

from msgr import (
    AuthRefused,
    ConnectionLost,
    CryptoKey,
    EntityName,
    EntityType,
    Keyring,
    KeyType,
    Message,
    Mode,
    MsgrError,
    Revision,
    connect,
    probe,
)
from msgr.auth import CephxClient
from msgr.core import ClientConfig, Closed, Connection
from msgr.errors import FeaturesMissing, IdentError
from msgr.net.dial import dial
from msgr.net.stream import SocketStream
from msgr.wire import MSG_ADDR2, SUPPORTED, Endpoint, EntityAddr
from tests.lab import Cluster

pytestmark = [pytest.mark.anyio, pytest.mark.ceph]

PING, MON_MAP, GET_MON_MAP = 2, 4, 5
EOPNOTSUPP, EACCES = -95, -13
MODES = [(Mode.SECURE, "secure"), (Mode.CRC, "crc")]
REVISIONS = [pytest.param(revision, id=str(revision)) for revision in Revision]


def keyring(cluster: Cluster) -> Keyring | None:
    return Keyring.load(cluster.keyring) if cluster.settings.auth == "cephx" else None


async def converse(cluster: Cluster, mode: Mode, revision: Revision) -> None:
    """Hold a whole session, and check all that the monitor says in it."""
    address = cluster.addresses["mon.a"]
    with anyio.fail_after(10):
        async with connect(
            address,
            name="client.admin",
            auth=keyring(cluster),
            modes=(mode,),
            revisions=frozenset({revision}),
            expect=EntityType.MON,
        ) as session:
            peer = session.peer
            assert (peer.login.mode, peer.login.met.revision) == (mode, revision)
            assert peer.login.met.entity_type == EntityType.MON
            assert (peer.gid, peer.lossy) == (0, True)  # its rank; and monitors forget clients
            assert EntityAddr.parse(address) in peer.addresses
            assert 0 < await session.ping() < 5
            await session.send(Message(type=PING, tid=7))
            await session.send(Message(type=GET_MON_MAP, tid=8))
            answers = {message.type: message for message in [await session.receive(), await session.receive()]}
    assert b'"health"' in bytes(answers[PING].front)
    assert uuid.UUID(cluster.fsid).bytes in bytes(answers[MON_MAP].front)
    assert [message.seq for message in answers.values()] == [1, 2]


@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("mode", "_"), MODES, ids=[name for _, name in MODES])
async def test_session_with_cephx(ceph_cephx: Cluster, mode: Mode, _: str, revision: Revision) -> None:
    await converse(ceph_cephx, mode, revision)


@pytest.mark.parametrize("revision", REVISIONS)
async def test_session_without_authentication(ceph_none: Cluster, revision: Revision) -> None:
    await converse(ceph_none, Mode.CRC, revision)


async def test_probe_needs_no_credentials(ceph_cephx: Cluster) -> None:
    found = await probe(ceph_cephx.addresses["mon.a"])
    assert found.revision is Revision.REV1
    assert found.entity_type == EntityType.MON


async def refusal(cluster: Cluster, *, name: str = "client.admin", auth: Keyring | None, mode: Mode) -> AuthRefused:
    with anyio.fail_after(5), pytest.raises(AuthRefused) as caught:
        async with connect(cluster.addresses["mon.a"], name=name, auth=auth, modes=(mode,)):
            pytest.fail("the monitor let us in")
    return caught.value


@pytest.mark.parametrize("key_type", [KeyType.AES, KeyType.AES256K])
async def test_wrong_key(ceph_cephx: Cluster, key_type: KeyType) -> None:
    wrong = Keyring()
    wrong.add("client.admin", CryptoKey.generate(secrets.token_bytes, time.time(), key_type))
    assert (await refusal(ceph_cephx, auth=wrong, mode=Mode.SECURE)).result == EACCES


async def test_unknown_name(ceph_cephx: Cluster) -> None:
    stranger = Keyring()
    stranger.add("client.stranger", CryptoKey.generate(secrets.token_bytes, time.time(), KeyType.AES))
    error = await refusal(ceph_cephx, name="client.stranger", auth=stranger, mode=Mode.SECURE)
    assert error.result == EACCES


async def test_unknown_method(ceph_cephx: Cluster, ceph_none: Cluster) -> None:
    error = await refusal(ceph_cephx, auth=None, mode=Mode.CRC)
    assert (error.result, error.methods) == (EOPNOTSUPP, (2,))
    error = await refusal(ceph_none, auth=keyring(ceph_cephx), mode=Mode.CRC)
    assert (error.result, error.methods) == (EOPNOTSUPP, (1,))


@pytest.mark.parametrize(("allowed", "ours"), [("secure", Mode.CRC), ("crc", Mode.SECURE)])
async def test_no_common_mode(ceph_cluster: Callable[..., Cluster], allowed: str, ours: Mode) -> None:
    cluster = await anyio.to_thread.run_sync(lambda: ceph_cluster(modes=allowed))
    error = await refusal(cluster, auth=keyring(cluster), mode=ours)
    assert error.result == EOPNOTSUPP
    assert ours not in error.modes


@pytest.mark.parametrize("part", ["nonce", "type"])
async def test_target_that_is_not_the_monitor(ceph_cephx: Cluster, part: str) -> None:
    right = EntityAddr.parse(ceph_cephx.addresses["mon.a"])
    target = replace(right, nonce=1) if part == "nonce" else replace(right, type=3)
    error = await play(ceph_cephx, target=target)
    assert isinstance(error, ConnectionLost)
    assert "AwaitServerIdent" in str(error)


async def test_expected_type_is_another(ceph_cephx: Cluster) -> None:
    with anyio.fail_after(5), pytest.raises(IdentError) as caught:
        async with connect(
            ceph_cephx.addresses["mon.a"], name="client.admin", auth=keyring(ceph_cephx), expect=EntityType.OSD
        ):
            pytest.fail("a monitor passed for an OSD")
    assert caught.value.rule == "HELLO-1"


async def test_features_that_the_monitor_requires(ceph_cephx: Cluster) -> None:
    error = await play(ceph_cephx, supported=MSG_ADDR2)
    assert isinstance(error, FeaturesMissing)
    assert error.mask & MSG_ADDR2 == 0
    assert error.mask & 1 << 58  # a CRUSH tunable of this release


async def test_global_id_is_reclaimed(ceph_cephx: Cluster) -> None:
    ring = Keyring.load(ceph_cephx.keyring)
    name = EntityName.parse("client.admin")
    method = CephxClient(name, ring.get(name).key)
    ids = []
    for _ in range(3):
        async with connect(ceph_cephx.addresses["mon.a"], name=str(name), auth=[method]) as session:
            ids.append(session.peer.login.global_id)
    assert len(set(ids)) == 1


async def test_monitor_that_dies(ceph_cluster: Callable[..., Cluster]) -> None:
    cluster = await anyio.to_thread.run_sync(ceph_cluster)
    async with connect(cluster.addresses["mon.a"], name="client.admin", auth=keyring(cluster)) as session:
        await session.ping()
        await anyio.to_thread.run_sync(cluster.kill, "mon.a")
        with anyio.fail_after(5):
            assert [message async for message in session] == []  # its kernel closes the connection in good order
    with anyio.fail_after(5), pytest.raises(ConnectionLost):
        async with connect(cluster.addresses["mon.a"], name="client.admin", auth=keyring(cluster)):
            pytest.fail("nobody listens")


async def play(cluster: Cluster, *, target: EntityAddr | None = None, supported: int | None = None) -> MsgrError | None:
    """Drive a sans-IO connection with unusual settings to its end; returns what ended it."""
    address = cluster.addresses["mon.a"]
    name = EntityName.parse("client.admin")
    key = Keyring.load(cluster.keyring).get(name).key
    config = ClientConfig(
        name=name,
        target=target or EntityAddr.parse(address),
        methods=(CephxClient(name, key),),
        supported=SUPPORTED if supported is None else supported,
    )
    connection = Connection(config, dice=secrets.token_bytes)
    connected, _ = await dial(Endpoint.parse(address))
    stream = SocketStream(connected)
    connection.start(now=time.monotonic(), wall=time.time())
    try:
        with anyio.fail_after(5):
            while True:
                while (event := connection.next_event()) is not None:
                    if isinstance(event, Closed):
                        return event.error
                await stream.send(connection.data_to_send())
                data = await stream.receive()
                if data:
                    connection.receive_data(data, now=time.monotonic())
                else:
                    connection.receive_eof()
    finally:
        await stream.aclose()


async def test_mode_that_is_refused_leaves_no_weaker_one(ceph_cephx: Cluster) -> None:
    """A monitor prefers what we list first; what we do not list never comes about (AUTH-7)."""
    for mode in Mode:
        async with connect(
            ceph_cephx.addresses["mon.a"], name="client.admin", auth=keyring(ceph_cephx), modes=(mode,)
        ) as session:
            assert session.peer.login.mode is mode
