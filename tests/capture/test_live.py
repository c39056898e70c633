"""Our own connections over loopback, captured by tcpdump, in every mode, and read with the key log they wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

import msgr
from msgr import Algorithm, Compression, Message, Mode, Revision
from msgr.capture import Capture, KeyLog, SeenConnection, decode_file
from tests.net.world import ADMIN, KEYRING, LOOPBACK, dialled, echoing

from .sniff import sniffed_at
from .talk import FORMS

pytestmark = [pytest.mark.anyio]

MESSAGES: Final = (
    Message(type=50, tid=1, front=b"front", priority=196),
    Message(type=51, tid=2, front=b"f" * 100, middle=b"m" * 48, data=b"d" * 300_000, version=3, compat_version=2),
    Message(type=0x3FFF, tid=3),
)


async def talk(address: str, **form: Any) -> tuple[str, int]:
    """Say the messages to a server that says them again; returns its address, and our global id."""
    async with echoing(address, **form) as server, dialled(server, **form) as session:
        for message in MESSAGES:
            await session.send(message)
        for _ in MESSAGES:
            await session.receive()
        await session.ping()
        return str(server.addresses[0]).removeprefix("v2:").partition("/")[0], session.peer.login.global_id


def told(seen: SeenConnection, sender: str) -> list[dict[str, Any]]:
    """What the messages of one end are, in the words of what was sent."""
    heads = [dict(frame.message) for frame in seen.frames if frame.message is not None and frame.sender == sender]
    return [
        {key: head[key] for key in ("type", "tid", "priority", "version", "compat_version", "front", "middle", "data")}
        for head in heads
    ]


def said(message: Message) -> dict[str, Any]:
    """What was sent, in the words of what is seen."""
    fields = {key: getattr(message, key) for key in ("type", "tid", "priority", "version", "compat_version")}
    return fields | {key: len(getattr(message, key)) for key in ("front", "middle", "data")}


def one(capture: Capture, server: str) -> SeenConnection:
    """The only connection to a server."""
    (found,) = [each for each in capture.connections if each.server == server]
    return found


@pytest.mark.parametrize(("mode", "revision"), FORMS)
async def test_all_modes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: Mode, revision: Revision) -> None:
    keys, path = tmp_path / "keys", tmp_path / "capture.pcap"
    keys.touch(0o600)
    monkeypatch.setenv("MSGR_KEYLOG", str(keys))
    with sniffed_at(path) as address:
        server, global_id = await talk(address, modes=(mode,), revisions=frozenset({revision}))
    seen = one(decode_file(path, KeyLog.load(keys)), server)
    assert (seen.revision, seen.mode, seen.auth_method) == (str(revision), mode.name.lower(), "cephx")
    assert (seen.errors, seen.undecrypted) == ((), 0)
    assert [frame.error for frame in seen.frames if frame.error] == []
    for sender in ("client", "server"):
        assert told(seen, sender) == [said(message) for message in MESSAGES]
    done = next(frame.payload for frame in seen.frames if frame.tag == "AUTH_DONE")
    assert done is not None
    assert done["global_id"] == global_id
    assert {"KEEPALIVE2", "KEEPALIVE2_ACK"} <= {frame.tag for frame in seen.frames}
    blind = one(decode_file(path), server)
    assert (blind.undecrypted > 0) is (mode is Mode.SECURE)


@pytest.mark.parametrize("algorithm", [Algorithm.LZ4, Algorithm.ZSTD])
async def test_compressed_over_ipv6(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, algorithm: Algorithm) -> None:
    keys, path = tmp_path / "keys", tmp_path / "capture.pcap"
    monkeypatch.setenv("MSGR_KEYLOG", str(keys))
    wish = Compression(algorithms=(algorithm,), in_secure=True, minimum=0)
    with sniffed_at(path, "::1") as address:
        server, _ = await talk(address, compression=wish)
    seen = one(decode_file(path, KeyLog.load(keys)), server)
    assert (seen.mode, seen.errors, seen.undecrypted) == ("secure", (), 0)
    assert told(seen, "client") == [said(message) for message in MESSAGES]
    assert {frame.message["compressed"] for frame in seen.frames if frame.message} == {algorithm.name.lower()}


async def test_short_snap_length(tmp_path: Path) -> None:
    """With the beginnings of packets only, what is whole is read, and the rest is told of."""
    path = tmp_path / "capture.pcap"
    with sniffed_at(path, snap_length=1500) as address:
        server, _ = await talk(address, modes=(Mode.CRC,))
    seen = one(decode_file(path), server)
    assert {"HELLO", "AUTH_DONE", "SERVER_IDENT"} <= {frame.tag for frame in seen.frames}
    assert any("are not in the capture" in error for error in seen.errors)


async def test_what_others_say_is_not_captured(tmp_path: Path) -> None:
    """However much of it there is, it must not cost packets of those who are looked at."""
    path = tmp_path / "capture.pcap"
    with sniffed_at(path) as address:
        other, _ = await talk(LOOPBACK)
        server, _ = await talk(address)
    servers = {each.server for each in decode_file(path).connections}
    assert server in servers
    assert other not in servers


async def test_a_refusal(tmp_path: Path) -> None:
    path = tmp_path / "capture.pcap"
    with sniffed_at(path) as address:
        async with echoing(address, auth=KEYRING) as server:
            where = str(server.addresses[0])
            with pytest.raises(msgr.AuthRefused):
                async with msgr.connect(where, name=ADMIN, auth=None):
                    pass
    seen = one(decode_file(path), where.removeprefix("v2:").partition("/")[0])
    assert [frame.tag for frame in seen.frames if frame.sender == "server"] == ["HELLO", "AUTH_BAD_METHOD"]
    refusal = seen.frames[-1].payload
    assert refusal == {
        "method": "none",
        "result": -95,
        "allowed_methods": ["cephx"],
        "allowed_modes": ["secure"],
    }
    assert (seen.mode, seen.auth_method, seen.errors) == (None, "none", ())
