"""What a real monitor refuses, and how soon we know."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

import msgr
from msgr import AuthRefused, CryptoKey, EntityAddr, EntityType, Keyring, KeyType, Mode, Revision, Runtime
from msgr.auth import CephxClient, NoneClient
from msgr.core import ClientConfig, Connection
from msgr.errors import FeaturesMissing, IdentError
from msgr.net.connect import drive
from msgr.net.dial import dial
from msgr.net.stream import SocketStream
from msgr.wire import MSG_ADDR2, Endpoint, EntityName
from tests.lab import Cluster, Settings

from .helpers import ADMIN, SOON, connected

pytestmark = [pytest.mark.anyio, pytest.mark.ceph]

_NAME = EntityName.parse(ADMIN)
_CEPHX = ((2,), (2, 1))
_NONE = ((1,), (1,))


@pytest.fixture(scope="session")
def secure_only() -> Iterator[Cluster]:
    """One monitor that speaks nothing in the clear."""
    with Cluster(Settings(modes="secure")) as cluster:
        yield cluster


def stranger(name: str) -> Keyring:
    """Return a keyring with a key that no monitor knows."""
    keyring = Keyring()
    keyring.add(name, CryptoKey.generate(secrets.token_bytes, time.time(), KeyType.AES))
    return keyring


class Unknown(NoneClient):
    """A method that no monitor has."""

    @property
    def number(self) -> Any:
        """The number on the wire."""
        return 99


@pytest.mark.parametrize("revision", Revision)
@pytest.mark.parametrize(
    ("options", "result"),
    [
        ({"auth": stranger(ADMIN)}, -13),
        ({"name": "client.stranger", "auth": stranger("client.stranger")}, -13),
        ({"auth": None}, -95),
        ({"auth": (Unknown(_NAME),)}, -95),
    ],
    ids=["wrong key", "unknown name", "method none", "unknown method"],
)
async def test_refused_with_cephx(
    ceph_cephx: Cluster, revision: Revision, options: dict[str, Any], result: int
) -> None:
    refused = await refusal(ceph_cephx, revisions=frozenset({revision}), **options)
    assert refused.result == result
    assert (refused.methods, refused.modes) == _CEPHX


async def test_cephx_is_refused_without_authentication(ceph_none: Cluster) -> None:
    refused = await refusal(ceph_none, auth=stranger(ADMIN))
    assert refused.result == -95
    assert (refused.methods, refused.modes) == _NONE
    assert "it allows none in crc mode" in str(refused)


@pytest.mark.parametrize("revision", Revision)
async def test_no_common_mode(secure_only: Cluster, revision: Revision) -> None:
    refused = await refusal(secure_only, modes=(Mode.CRC,), revisions=frozenset({revision}))
    assert refused.result == -95
    assert (refused.methods, refused.modes) == ((2,), (2,))
    async with connected(secure_only) as session:
        await session.ping()


async def test_the_allowed_method_is_tried_next(ceph_cephx: Cluster) -> None:
    """On the same connection, as the monitor has said what it allows."""
    key = Keyring.load(ceph_cephx.keyring).get(ADMIN).key
    methods = (Unknown(_NAME), NoneClient(_NAME), CephxClient(_NAME, key))
    async with connected(ceph_cephx, auth=methods) as session:
        assert session.peer.login.method == 2


async def refusal(cluster: Cluster, **options: Any) -> AuthRefused:
    """Be refused, soon."""
    with anyio.fail_after(SOON), pytest.raises(AuthRefused) as caught:
        async with connected(cluster, **options):
            pass
    return caught.value


async def test_wrong_nonce(ceph_cephx: Cluster) -> None:
    """The monitor takes it that another one was meant, and hangs up without a word."""
    where = f"{ceph_cephx.addresses['mon.a']}/77"
    with anyio.fail_after(SOON), pytest.raises(msgr.ConnectionLost, match="closed the connection in AwaitServerIdent"):
        async with msgr.connect(where, name=ADMIN, auth=Keyring.load(ceph_cephx.keyring)):
            pass


async def test_wrong_type(ceph_cephx: Cluster) -> None:
    with anyio.fail_after(SOON), pytest.raises(IdentError, match="a mon answers, a osd was meant"):
        async with connected(ceph_cephx, expect=EntityType.OSD):
            pass


async def test_missing_features(ceph_cephx: Cluster) -> None:
    """A client that understands next to nothing is told what it lacks."""
    where = ceph_cephx.addresses["mon.a"]
    config = ClientConfig(
        name=_NAME,
        target=EntityAddr.parse(where),
        methods=(CephxClient(_NAME, Keyring.load(ceph_cephx.keyring).get(ADMIN).key),),
        supported=MSG_ADDR2,
    )
    runtime = Runtime()
    connection = Connection(config, dice=runtime.dice)
    connected_socket, _ = await dial(Endpoint.parse(where))
    connection.start(now=runtime.clock(), wall=runtime.wall())
    with anyio.fail_after(SOON), pytest.raises(FeaturesMissing) as caught:
        async with drive(connection, SocketStream(connected_socket), config, runtime):
            pass
    assert caught.value.mask
    assert not caught.value.mask & MSG_ADDR2
