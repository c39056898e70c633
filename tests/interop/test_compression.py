"""Compressed frames both ways with a real OSD of Ceph 18, which takes us for one: it has none for others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from struct import pack, unpack_from
from typing import Any, Final
from uuid import UUID

import anyio
import pytest

import msgr
from msgr import Algorithm, Compression, EntityName, EntityType, Keyring, Message, Mode, Policy, Session
from msgr.auth import CephxClient, ClientMethod, NoneClient
from msgr.frame import Revision, Tag, crc_mode
from msgr.payload.banner import HEAD_SIZE, payload_size
from msgr.wire import EntityAddr
from tests.lab import Cluster
from tests.lab.fixtures import ClusterFactory, only_release
from tests.net.streams import Wrapped

from .helpers import SOON

pytestmark = [pytest.mark.anyio, only_release("18.2")]

OURSELVES: Final = "osd.5"
PING: Final = 2
OSD_PING: Final = 70
IS_PING: Final = 4
IS_REPLY: Final = 5
STAMP: Final = 0x0123456789ABCDEF
FILLER: Final = 2000
BUILT: Final = (Algorithm.SNAPPY, Algorithm.ZLIB, Algorithm.ZSTD, Algorithm.LZ4)
"""Brotli is in no package."""
EVERY: Final = pytest.mark.parametrize("algorithm", BUILT, ids=lambda algorithm: algorithm.name.lower())
TEXT: Final = b"a text that is said again and again, " * 3000


class Recorded(Wrapped):
    """A stream that keeps all that goes over it."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self.seen = bytearray()
        self.sent = bytearray()

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Return some bytes, and keep them."""
        data = await super().receive(max_bytes)
        self.seen += data
        return data

    async def send(self, item: bytes) -> None:
        """Write bytes, and keep them."""
        self.sent += item
        await super().send(item)


def frames(raw: bytes | bytearray, revision: Revision = Revision.REV1) -> Iterator[tuple[Tag, bool]]:
    """The frames of one direction in crc mode: the tag, and whether the preamble says that it is compressed."""
    mode = crc_mode(revision)
    start = HEAD_SIZE + payload_size(bytes(raw[:HEAD_SIZE]))
    while start < len(raw):
        head = mode.open_head(bytes(raw[start : start + mode.head_size]))
        yield Tag(head.preamble.tag), head.preamble.compressed
        start += mode.head_size + head.body_size


@asynccontextmanager
async def as_osd(
    address: str,
    compression: Compression | None,
    *,
    auth: ClientMethod | None = None,
    policy: Policy | None = None,
    revision: Revision = Revision.REV1,
) -> AsyncIterator[tuple[Session, Recorded]]:
    """Be an OSD that dials `address`, with method none unless it is given another."""
    at = EntityAddr.parse(address)
    methods = [auth or NoneClient(EntityName.parse(OURSELVES), service=True)]
    with anyio.fail_after(6 * SOON):
        stream = Recorded(await anyio.connect_tcp(str(at.host), at.port))
        async with msgr.connect(
            address,
            name=OURSELVES,
            auth=methods,
            policy=policy,
            revisions=frozenset({revision}),
            stream=stream,
            compression=compression,
        ) as session:
            yield session, stream


def heartbeats(cluster: Cluster) -> str:
    """Where the OSD answers other OSDs' heartbeats."""
    (osd,) = cluster.command("osd dump")["osds"]
    (found,) = (one for one in osd["heartbeat_back_addrs"]["addrvec"] if one["type"] == "v2")
    return f"v2:{found['addr']}/{found['nonce']}"


def heartbeat(cluster: Cluster) -> Message:
    """A ping as OSDs send it: cluster id, epoch, what it is, a stamp, filler, and what newer ones have behind it."""
    epoch = cluster.command("osd dump")["epoch"]
    front = UUID(cluster.fsid).bytes + pack("<IBQI", epoch, IS_PING, STAMP, FILLER) + bytes(FILLER)
    return Message(type=OSD_PING, front=front + pack("<IQQB", 1, 0, 0, 0), version=5, compat_version=4)


@pytest.fixture
def compressing(ceph_shared: ClusterFactory, algorithm: Algorithm) -> Cluster:
    """A cluster whose OSD compresses every frame, however small."""
    least = {"ms osd compress min size": "0"}
    return ceph_shared(osds=1, auth="none", modes="crc", compress=algorithm.name.lower(), extra=least)


@pytest.mark.parametrize("revision", Revision, ids=str)
@EVERY
async def test_messages_both_ways(compressing: Cluster, algorithm: Algorithm, revision: Revision) -> None:
    """A heartbeat and its reply, each compressed on the wire, and right in what they say."""
    ping = heartbeat(compressing)
    wish = Compression(algorithms=(Algorithm.BROTLI, algorithm), minimum=64)
    async with as_osd(heartbeats(compressing), wish, revision=revision) as (session, stream):
        assert session.peer.compression is algorithm
        for _ in range(3):
            await session.send(ping)
            reply = await session.receive()
            assert reply.type == OSD_PING
            assert reply.front[:16] == UUID(compressing.fsid).bytes
            _, what, stamp = unpack_from("<IBQ", reply.front, 16)
            assert (what, stamp) == (IS_REPLY, STAMP)
    for raw in (stream.sent, stream.seen):
        after = list(frames(raw, revision))
        messages = [compressed for tag, compressed in after if tag is Tag.MESSAGE]
        assert messages == [True] * 3, after
    assert (Tag.CLIENT_IDENT, True) in frames(stream.sent, revision)
    assert (Tag.SERVER_IDENT, True) in frames(stream.seen, revision)
    assert (Tag.COMPRESSION_DONE, False) in frames(stream.seen, revision)
    assert len(stream.seen) < FILLER


@EVERY
async def test_a_session_that_acknowledges(compressing: Cluster, algorithm: Algorithm) -> None:
    """At the address for other OSDs, where sessions are lossless."""
    wish = Compression(algorithms=(algorithm,), minimum=0)
    async with as_osd(compressing.addresses["osd.0 cluster"], wish, policy=Policy.lossless_peer()) as (session, stream):
        assert session.peer.compression is algorithm
        assert not session.peer.lossy
        receipt = await session.send(Message(type=PING, data=TEXT))
        assert await receipt.wait() is msgr.Outcome.ACKNOWLEDGED
        assert await session.ping() < SOON
    agreed = {Tag.SERVER_IDENT, Tag.ACK, Tag.KEEPALIVE2_ACK}
    assert agreed <= {tag for tag, compressed in frames(stream.seen) if compressed}
    assert not any(compressed for tag, compressed in frames(stream.seen) if tag <= Tag.AUTH_SIGNATURE)
    assert len(stream.sent) < len(TEXT) / 5


@pytest.fixture
def encrypting(ceph_shared: ClusterFactory) -> Cluster:
    """A cluster whose OSD compresses in secure mode too, and which knows us for an OSD."""
    return ceph_shared(
        osds=1, modes="secure", compress="zstd", clients={OURSELVES: {"mon": "allow profile osd", "osd": "allow *"}}
    )


async def test_compressed_and_then_encrypted(encrypting: Cluster) -> None:
    """With cephx, by a ticket. Of what is encrypted nobody sees more than how much it is, and that is little."""
    method = CephxClient(
        EntityName.parse(OURSELVES), Keyring.load(encrypting.keyring).get(OURSELVES).key, EntityType.OSD
    )
    async with msgr.connect(encrypting.addresses["mon.a"], name=OURSELVES, auth=[method]):
        pass  # all it is for is the ticket
    ping, ticket = heartbeat(encrypting), method.service(EntityType.OSD)
    wish = Compression(algorithms=(Algorithm.ZSTD,), minimum=64, in_secure=True)
    async with as_osd(heartbeats(encrypting), wish, auth=ticket) as (session, stream):
        assert session.peer.login.mode is Mode.SECURE
        assert session.peer.compression is Algorithm.ZSTD
        before = len(stream.sent), len(stream.seen)
        await session.send(ping)
        reply = await session.receive()
        assert unpack_from("<BQ", reply.front, 20) == (IS_REPLY, STAMP)
        assert len(reply.front) >= FILLER
        assert len(stream.sent) - before[0] < 500
        assert len(stream.seen) - before[1] < 500


@pytest.fixture
def choosing(ceph_shared: ClusterFactory) -> Cluster:
    """A cluster whose OSD has two algorithms."""
    both = {"ms osd compression algorithm": "snappy zstd"}
    return ceph_shared(osds=1, auth="none", modes="crc", compress="snappy", extra=both)


@pytest.mark.parametrize(
    ("name", "wish", "agreed"),
    [
        (OURSELVES, None, None),
        (OURSELVES, (Algorithm.ZSTD, Algorithm.SNAPPY), Algorithm.ZSTD),
        (OURSELVES, (Algorithm.SNAPPY, Algorithm.ZSTD), Algorithm.SNAPPY),
        (OURSELVES, (Algorithm.LZ4, Algorithm.BROTLI), None),
        ("client.admin", (Algorithm.ZSTD,), None),
    ],
    ids=["not-asked", "our-first", "our-first-again", "none-in-common", "a-client"],
)
async def test_whom_it_agrees_with(
    choosing: Cluster, name: str, wish: tuple[Algorithm, ...] | None, agreed: Algorithm | None
) -> None:
    """The first of our list that it allows (COMPRESSION-3), and nothing to who is no OSD."""
    compression = Compression(algorithms=wish) if wish else None
    auth = [NoneClient(EntityName.parse(name), service=True)]
    async with msgr.connect(choosing.addresses["osd.0"], name=name, auth=auth, compression=compression) as session:
        assert session.peer.compression is agreed
        assert await session.ping() < SOON
