"""The stand-in cluster itself: its OSD map is one, and its recorder hears what was said."""

from __future__ import annotations

import subprocess
import time
import uuid
from pathlib import Path

import anyio
import pytest

import msgr
from msgr import Keyring, Message
from msgr.auth import CephxClient
from msgr.auth.cephx.structs import AuthCapsInfo
from msgr.auth.cephx.tickets import open_ticket
from msgr.frame import Mode
from msgr.mon.messages import MessageType, MonGetMap
from msgr.wire import EntityAddr, EntityName, EntityType

from . import ADMIN, Overheard, Settings, StandIn
from .osdmap import make_osd_map, readdressed

pytestmark = pytest.mark.ceph

ADDRESS = "v2:127.0.0.1:6800/77"


def test_ceph_reads_the_osd_map(tmp_path: Path) -> None:
    """With the checksum right, and the OSD where it was put."""
    fsid = uuid.uuid4()
    (tmp_path / "moved").write_bytes(make_osd_map(tmp_path, fsid=fsid.bytes, osd=EntityAddr.parse(ADDRESS)))
    printed = subprocess.run(
        ["osdmaptool", "--print", str(tmp_path / "moved")], check=True, capture_output=True, text=True, timeout=20
    ).stdout
    assert f"fsid {fsid}" in printed
    (osd,) = (line for line in printed.splitlines() if line.startswith("osd.0"))
    assert f" {ADDRESS} " in osd
    assert osd.split()[1:3] == ["up", "in"]


def test_osd_map_of_another_layout_is_noticed(tmp_path: Path) -> None:
    whole = make_osd_map(tmp_path, fsid=bytes(16), osd=EntityAddr.parse(ADDRESS))
    with pytest.raises(ValueError, match="checksum"):
        readdressed(whole[:-1] + bytes([whole[-1] ^ 1]), fsid=bytes(16), osd=EntityAddr.parse(ADDRESS))


@pytest.mark.anyio
@pytest.mark.parametrize("mode", Mode)
async def test_recorder_hears_both_ends(tmp_path: Path, mode: Mode) -> None:
    async with StandIn(tmp_path, Settings(modes=(mode,))) as cluster:
        key = Keyring.load(cluster.keyring).get(ADMIN).key
        client = CephxClient(EntityName.parse(ADMIN), key, EntityType.OSD)
        recorder = cluster.monitor.recorder
        async with msgr.connect(recorder.address, name=ADMIN, auth=(client,), modes=(mode,)) as session:
            await session.send(MonGetMap().message())
            answer = await session.receive()
            (heard,) = recorder.connections
            assert heard.readable
            assert [message.type for message in heard.messages()] == [MessageType.MON_GET_MAP]
            assert list(heard.messages("server")) == [answer]
            assert await recorder.cut() == 1
            with anyio.fail_after(5), pytest.raises(msgr.ConnectionLost):
                await session.receive()


@pytest.mark.anyio
async def test_osd_takes_our_client_and_its_ticket(tmp_path: Path) -> None:
    """In secure mode nobody between the two can read on, who knows only the client's own key."""
    async with StandIn(tmp_path, Settings(modes=(Mode.SECURE,))) as cluster:
        client = CephxClient(
            EntityName.parse(ADMIN), Keyring.load(cluster.keyring).get(ADMIN).key, EntityType.AUTH | EntityType.OSD
        )
        async with msgr.connect(cluster.monitor.recorder.address, name=ADMIN, auth=(client,)):
            pass
        osd = cluster.osd.recorder
        async with msgr.connect(osd.address, name=ADMIN, auth=(client.service(EntityType.OSD),)) as session:
            await session.send(Message(type=MessageType.PING))
            await cluster.osd.until(lambda: bool(cluster.osd.journal))
            assert session.peer.login.mode is Mode.SECURE
            (heard,) = osd.connections
            assert not heard.readable
            assert list(heard.messages()) == []


@pytest.mark.anyio
async def test_tickets_for_monitors_tell_no_rights(tmp_path: Path) -> None:
    """They are as long as those of a real monitor, which other tests compare (CEPHX-25)."""
    async with StandIn(tmp_path) as cluster:
        key = Keyring.load(cluster.keyring).get(ADMIN).key
        client = CephxClient(EntityName.parse(ADMIN), key, EntityType.AUTH | EntityType.MON | EntityType.OSD)
        async with msgr.connect(cluster.monitor.recorder.address, name=ADMIN, auth=(client,)):
            pass
        caps = {}
        for service in (EntityType.MON, EntityType.OSD):
            blob, now = client.tickets[service].blob, time.time()
            secret = cluster.rotating.find(service, blob.secret_id, now)
            assert secret is not None
            caps[service] = open_ticket(secret, blob, now).ticket.caps
        assert caps == {EntityType.MON: AuthCapsInfo.of(None), EntityType.OSD: AuthCapsInfo.of("allow *")}


def test_nothing_is_heard_before_it_is_complete() -> None:
    heard = Overheard(None)
    for octet in b"ceph v2\n":
        heard.feed("client", bytes([octet]))
    assert heard.said == []
