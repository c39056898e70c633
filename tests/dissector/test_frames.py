"""Every frame there is, in every mode: what tshark shows is what `msgr decode` says."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import pytest

from msgr import Algorithm, Mode, Revision
from msgr.capture import Host
from msgr.frame import Frame, Tag
from msgr.payload import (
    Ack,
    AuthBadMethod,
    AuthDone,
    AuthReplyMore,
    AuthRequest,
    AuthRequestMore,
    AuthSignature,
    ClientIdent,
    CompressionDone,
    CompressionRequest,
    Control,
    Hello,
    IdentMissingFeatures,
    Keepalive,
    KeepaliveAck,
    MessageHeader,
    ServerIdent,
    SessionReconnect,
    SessionReconnectOk,
    SessionReset,
    SessionRetry,
    SessionRetryGlobal,
    Wait,
)
from msgr.wire import EntityAddr, Timestamp
from tests.capture.packets import captured, pcap, pcapng
from tests.capture.talk import CLIENT, FORMS, SERVER, talk

from .compare import agree, decoded
from .script import SECRET, Script
from .sharks import Shark, Shown, written

PASSES: Final = ((), ("-2",))
RAW: Final = 101
ADDRESSES: Final = (
    EntityAddr.parse("v2:10.1.2.3:6800/77"),
    EntityAddr.parse("v1:[2001:db8::a:0:0:1]:6801/78"),
    EntityAddr.parse("any:[fe80::1%3]:0/4294967295"),
    EntityAddr(0),
    EntityAddr(9, 5, opaque=b"\x07\x00abc"),
    EntityAddr(2, 6, ip_address("::"), 1),
)
LEGACY: Final = bytes(4) + (7).to_bytes(4, "little") + b"\x00\x02\x1a\x85\x7f\x00\x00\x01" + bytes(120)

HANDSHAKE: Final[tuple[tuple[int, Control], ...]] = (
    (0, Hello(entity_type=8, peer_address=ADDRESSES[0])),
    (1, Hello(entity_type=99, peer_address=ADDRESSES[1])),
    (0, AuthRequest(method=77, modes=(2, 1, 9), payload=b"")),
    (1, AuthBadMethod(method=77, result=-95, allowed_methods=(2, 1), allowed_modes=())),
    (0, AuthRequest(method=2, modes=(1,), payload=b"\x0a\x08\x00\x00\x00\x05\x00\x00\x00admin\x07" + bytes(7))),
    (1, AuthReplyMore(payload=b"more")),
    (0, AuthRequestMore(payload=b"here")),
)
SAID: Final[tuple[tuple[int, Control], ...]] = (
    (0, AuthSignature(signature=bytes(range(32)))),
    (1, AuthSignature(signature=bytes(range(32)))),
    (0, CompressionRequest(wanted=True, algorithms=(1, 3, 200))),
    (1, CompressionDone(on=False, algorithm=0)),
    (
        0,
        ClientIdent(
            addresses=ADDRESSES,
            target=ADDRESSES[1],
            gid=-1,
            global_seq=1,
            supported=(1 << 64) - 1,
            required=1 << 59,
            flags=1,
            cookie=0xFEDCBA9876543210,
        ),
    ),
    (1, IdentMissingFeatures(features=1 << 63)),
    (1, Wait()),
    (
        0,
        SessionReconnect(
            addresses=(), client_cookie=1 << 63, server_cookie=2, global_seq=3, connect_seq=4, msg_seq=(1 << 64) - 1
        ),
    ),
    (1, SessionReset(full=True)),
    (1, SessionRetry(connect_seq=5)),
    (1, SessionRetryGlobal(global_seq=6)),
    (1, SessionReconnectOk(msg_seq=7)),
    (
        1,
        ServerIdent(addresses=ADDRESSES[:2], gid=1 << 62, global_seq=9, supported=1, required=2, flags=0, cookie=3),
    ),
    (0, Keepalive(stamp=Timestamp(seconds=0xFFFFFFFF, nanoseconds=999_999_999))),
    (1, KeepaliveAck(stamp=Timestamp(seconds=1, nanoseconds=2))),
    (0, Ack(seq=(1 << 64) - 1)),
)
HEADER: Final = MessageHeader(
    seq=1 << 63, tid=(1 << 64) - 1, type=0xFFFF, priority=65535, version=65535, data_padding=7, data_offset=9,
    ack_seq=11, flags=255, compat_version=13, reserved=15,
).encode()  # fmt: skip
MESSAGES: Final = (
    Frame(Tag.MESSAGE, (HEADER,)),
    Frame(Tag.MESSAGE, (HEADER, b"f" * 48, b"", b"d" * 200_000)),
    Frame(Tag.MESSAGE, (HEADER, b"f", b"m" * 17)),
    Frame(Tag.MESSAGE, (HEADER, b"f", b"m"), aborted=True),
    Frame(Tag.MESSAGE, (HEADER[:40], b"f")),
    Frame(Tag.HELLO, (b"\x08" + LEGACY,)),
    Frame(Tag.HELLO, (b"\x08" + ADDRESSES[0].encode() + b"behind",)),
    Frame(Tag.CLIENT_IDENT, (LEGACY + ADDRESSES[0].encode() + bytes(48),)),
    Frame(Tag.CLIENT_IDENT, (ADDRESSES[1].encode() + ADDRESSES[0].encode() + bytes(48),)),
    Frame(Tag.ACK, (b"short",)),
    Frame(Tag.ACK, (bytes(8), b"second")),
    Frame(99, (b"unknown",)),
)


CUT: Final = Frame(Tag.AUTH_REPLY_MORE, (b"\xff\xff\xff\xff",))


def all_that_is(mode: Mode, revision: Revision, secret: bytes = SECRET) -> Script:
    """Return a conversation in which everything is said, what is senseless too."""
    script = Script(revision, secret)
    for side, payload in (*HANDSHAKE, (1, AuthDone(global_id=1 << 63, mode=mode, payload=b"ticket")), *SAID):
        script.say(side, payload)
    for side in (0, 1):
        script.say(side, *MESSAGES)
    script.say(1, CUT)
    return script


def shown_of(
    shark: Shark, desk: Path, lua: Path, packets: Iterable[bytes], keys: str, *options: str, ng: bool = False
) -> tuple[list[Shown], Path, Path]:
    """Return what tshark shows of packets, the capture and the key log."""
    capture = written(desk / "capture", (pcapng if ng else pcap)(packets, RAW))
    log = written(desk / "keys", keys)
    return shark.frames(capture, *options, plugin=lua, keys=log), capture, log


@pytest.mark.parametrize("passes", PASSES, ids=["one pass", "two passes"])
@pytest.mark.parametrize(("mode", "revision"), FORMS)
def test_everything(
    shark: Shark, lua: Path, desk: Path, mode: Mode, revision: Revision, passes: tuple[str, ...]
) -> None:
    script = all_that_is(mode, revision)
    packets = captured(script.pieces, CLIENT, SERVER)
    shown, capture, keys = shown_of(shark, desk, lua, packets, script.keys(), *passes, ng=True)
    (connection,) = decoded(capture, keys)
    assert connection["errors"] == []
    assert agree(connection, shown) == len(HANDSHAKE) + 1 + len(SAID) + 2 * len(MESSAGES) + 1
    assert {each.one("protection") for each in shown if each.is_frame} == {"crc", mode.name.lower()}
    assert len([each for each in shown if each.has("banner")]) == 2
    tags = {each.number("tag") for each in shown if each.is_frame}
    assert tags >= set(Tag)
    if mode is Mode.SECURE:
        statuses = [status for each in shown for status in each.all("seal.status")]
        assert set(statuses) == {"1"}
    else:
        assert {status for each in shown for status in each.all("segment.checksum.status")} == {"1"}


@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize(("mode", "revision"), FORMS)
def test_compressed(shark: Shark, lua: Path, desk: Path, mode: Mode, revision: Revision, algorithm: Algorithm) -> None:
    """What is unpacked is compared; where this tshark has nothing for an algorithm, that is said of each frame."""
    said = talk(mode, revision, algorithm=algorithm)
    keys = "".join(f"MSGR2_CONNECTION_SECRET {CLIENT} {SERVER} {secret.hex()}\n" for secret in said.secrets)
    packets = captured(said.pieces, CLIENT, SERVER)
    shown, capture, log = shown_of(shark, desk, lua, packets, keys)
    (connection,) = decoded(capture, log)
    if shark.name == "4.0" and algorithm in (Algorithm.ZSTD, Algorithm.BROTLI):
        packed = [each for each in shown if each.is_frame and each.number("preamble.compressed")]
        assert len(packed) > 5
        assert all(each.experts == {"packed"} for each in packed)
        assert {each.number("compression") for each in packed} == {int(algorithm)}
    else:
        agree(connection, shown)
        assert not any(each.experts for each in shown)


@pytest.mark.parametrize(("mode", "revision"), FORMS)
def test_ends_of_ipv6(shark: Shark, lua: Path, desk: Path, mode: Mode, revision: Revision) -> None:
    client, server = Host(ip_address("2001:db8::1"), 40000), Host(ip_address("2001:db8::2"), 40001)
    said = talk(mode, revision)
    keys = "".join(f"MSGR2_CONNECTION_SECRET {client} {server} {secret.hex()}\n" for secret in said.secrets)
    shown, capture, log = shown_of(shark, desk, lua, captured(said.pieces, client, server), keys)
    (connection,) = decoded(capture, log)
    assert agree(connection, shown) == 20
    assert not any(each.experts for each in shown)


@pytest.mark.parametrize("revision", Revision)
def test_nonces_that_wrap(shark: Shark, lua: Path, desk: Path, revision: Revision) -> None:
    secret = SECRET[:16] + b"\xfd\xff\xff\xff" + b"\xff" * 8 + b"\xff" * 12
    script = all_that_is(Mode.SECURE, revision, secret)
    shown, capture, log = shown_of(shark, desk, lua, captured(script.pieces, CLIENT, SERVER), script.keys())
    (connection,) = decoded(capture, log)
    assert connection["errors"] == []
    assert agree(connection, shown) > 40
