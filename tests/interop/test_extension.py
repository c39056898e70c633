"""The private extension and real Ceph: who offers banner bit 48 to a daemon or a stock client changes that bit only.

Our dice, our clocks and our wishes are the same in both runs. A monitor throws dice of its own, so what depends on them
(its challenge, the global id, signatures) is compared by its place and its size, and all the rest byte by byte.
"""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

import anyio
import pytest

from msgr import Keyring, Message, Mode, Revision
from msgr.auth import CephxClient, NoneClient
from msgr.core import ClientConfig, Connected, Connection, Event, MessageReceived, states
from msgr.frame import NodeTag
from msgr.interconnect import Node
from msgr.net import Messenger
from msgr.net.admissions import Interconnect
from msgr.payload import Banner, ClientIdent, of_frame
from msgr.testing import FixedDice
from msgr.wire import BannerFeature, EntityAddr, EntityName
from tests.core.pair import drain, drain_events
from tests.core.reading import EXTENSION_AT, Piece, read
from tests.core.script import BANNER_SIZE
from tests.core.test_node import CLIENT_HELLO, Judge
from tests.lab import Cluster, ReleaseName
from tests.standin import Settings, StandIn
from tests.standin import cluster as standin_cluster
from tests.standin.stock import printed, tools_of

from .helpers import ADMIN, GET_MONMAP, MONMAP, PING

pytestmark = [pytest.mark.anyio, pytest.mark.ceph]

NOW: Final = 1000.0
LIMIT: Final = 20.0
THEIRS: Final = frozenset({"AUTH_REQUEST_MORE", "AUTH_SIGNATURE"})
"""The frames that depend on dice which the monitor threw."""
QUESTIONS: Final = (Message(type=PING, tid=1), Message(type=GET_MONMAP, tid=2))


@dataclass(slots=True)
class Recorded:
    """One conversation with a monitor."""

    sent: bytearray = field(default_factory=bytearray)
    received: bytearray = field(default_factory=bytearray)
    secrets: list[bytes] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def pieces(self, *, ours: bool) -> list[Piece]:
        """Return what we said, or what the monitor said."""
        secret = self.secrets[0] if self.secrets else None
        wire = bytes(self.sent if ours else self.received)
        return read(wire, Revision.REV1, secret=secret, by_client=ours)


def talk(cluster: Cluster, mode: Mode, *, offered: bool) -> Recorded:
    """Ask a monitor two questions, with dice and clocks that stand still, and record every byte of both directions."""
    target = EntityAddr.parse(cluster.addresses["mon.a"])
    name = EntityName.parse(ADMIN)
    cephx = cluster.settings.auth == "cephx"
    method = CephxClient(name, Keyring.load(cluster.keyring).get(ADMIN).key) if cephx else NoneClient(name)
    config = ClientConfig(name=name, target=target, methods=(method,), modes=(mode,))
    if offered:
        config = replace(config, node=Judge(CLIENT_HELLO))
    dice = FixedDice("the same in both runs")
    recorded = Recorded()
    connection = Connection(config, dice=dice)
    connection.reveal(recorded.secrets.append)
    connection.start(now=NOW, wall=1_700_000_000.0)
    with socket.create_connection((str(target.host), target.port), timeout=LIMIT) as stream:
        asked = 0
        while sum(isinstance(event, MessageReceived) for event in recorded.events) < len(QUESTIONS):
            if isinstance(connection.state, states.Ready) and asked < len(QUESTIONS):
                connection.send_message(QUESTIONS[asked])
                asked += 1
            if data := drain(connection):
                recorded.sent += data
                stream.sendall(data)
                continue
            heard = stream.recv(1 << 16)
            assert heard, "the monitor closed the connection"
            recorded.received += heard
            connection.receive_data(heard, now=NOW)
            recorded.events += drain_events(connection)
            assert not isinstance(connection.state, states.Ended), connection.state
    assert any(isinstance(event, Connected) for event in recorded.events)
    return recorded


async def compare(cluster: Cluster, mode: Mode) -> None:
    """Hold a conversation in which the extension is offered against one in which it is not."""
    with anyio.fail_after(4 * LIMIT):
        plain = await anyio.to_thread.run_sync(partial(talk, cluster, mode, offered=False))
        offered = await anyio.to_thread.run_sync(partial(talk, cluster, mode, offered=True))
    before, after = plain.pieces(ours=True), offered.pieces(ours=True)
    assert [piece.name for piece in after] == [piece.name for piece in before]
    assert [len(piece.wire) for piece in after] == [len(piece.wire) for piece in before]
    for one, other in zip(before, after, strict=True):
        if one.name == "banner":
            differing = [place for place in range(BANNER_SIZE) if one.wire[place] != other.wire[place]]
            assert differing == [EXTENSION_AT]
            assert one.wire[EXTENSION_AT] ^ other.wire[EXTENSION_AT] == 1
        elif one.name == "CLIENT_IDENT":
            assert _without_gid(other) == _without_gid(one)
        elif one.name not in THEIRS:
            assert other.said == one.said
            if mode is Mode.CRC:
                assert other.wire == one.wire
    told, told_after = plain.pieces(ours=False), offered.pieces(ours=False)
    assert [piece.name for piece in told_after] == [piece.name for piece in told]
    assert told_after[0].wire == told[0].wire
    assert not Banner.of_wire(told[0].wire).supported & BannerFeature.MSGR_EXT
    sizes = [[len(piece.wire) for piece in pieces if piece.name != "MESSAGE"] for pieces in (told, told_after)]
    assert sizes[0] == sizes[1]
    assert not {piece.name for piece in after} & {tag.name for tag in NodeTag}
    assert _answers(plain) == _answers(offered) == [PING, MONMAP]


def _answers(recorded: Recorded) -> list[int]:
    return [event.message.type for event in recorded.events if isinstance(event, MessageReceived)]


def _without_gid(piece: Piece) -> ClientIdent:
    """Return the identity without the number that the monitor gave us, another one each time."""
    assert piece.frame is not None
    ident = of_frame(piece.frame)
    assert isinstance(ident, ClientIdent)
    return replace(ident, gid=0)


@pytest.mark.parametrize("mode", Mode)
async def test_a_monitor_with_cephx_notices_nothing(ceph_cephx: Cluster, mode: Mode) -> None:
    """NODE-1."""
    await compare(ceph_cephx, mode)


async def test_a_monitor_without_authentication_notices_nothing(ceph_none: Cluster) -> None:
    """NODE-1."""
    await compare(ceph_none, Mode.CRC)


@pytest.mark.parametrize("modes", [(Mode.SECURE,), (Mode.CRC,)], ids=["secure", "crc"])
async def test_a_stock_client_notices_nothing(
    tmp_path: Path, release: ReleaseName, modes: tuple[Mode, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A monitor, a manager and an OSD made of msgr offer the extension to Ceph's own `ceph`."""
    interconnect = Interconnect(node=Node(id=7, cluster="prod"))
    monkeypatch.setattr(standin_cluster, "Messenger", partial(Messenger, interconnect=interconnect))
    async with StandIn(tmp_path, Settings(modes=modes)) as cluster:
        tools = tools_of(cluster, release)
        status = json.loads(await printed(tools, "ceph", "status", "--format", "json"))
        assert status["fsid"] == str(cluster.fsid)
        assert json.loads(await printed(tools, "ceph", "pg", "stat", "--format", "json"))["num_pgs"] == 1
        assert json.loads(await printed(tools, "ceph", "tell", "osd.0", "version", "--format", "json"))["version"]
        for daemon in (cluster.monitor, cluster.manager, cluster.osd):
            for heard in daemon.recorder.connections:
                assert all(said.supported & BannerFeature.MSGR_EXT for said in heard.all(Banner, "server"))
                assert not any(said.supported & BannerFeature.MSGR_EXT for said in heard.all(Banner, "client"))
        banners = [said for heard in cluster.monitor.recorder.connections for said in heard.all(Banner, "server")]
        assert banners
