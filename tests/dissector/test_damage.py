"""Damage is shown, and nothing that a capture can hold is an error of the plug-in."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Final

import pytest

from msgr import Mode, Revision
from msgr.capture import Host
from msgr.frame import Frame, Tag
from msgr.payload import AuthDone, Control, to_frame
from msgr.wire import PREAMBLE_SEED, checksum
from tests.capture.packets import captured, pcap
from tests.capture.talk import CLIENT, FORMS, SERVER

from .compare import decoded
from .script import Script
from .sharks import Shark, Shown, written
from .test_frames import HANDSHAKE, HEADER, SAID, all_that_is

PASSES: Final = ((), ("-2",))
RAW: Final = 101
LENGTHS: Final = (41, 100, 0, 300)
MESSAGE: Final = Frame(Tag.MESSAGE, (HEADER, b"f" * 100, b"", b"d" * 300))


def ready(mode: Mode, revision: Revision) -> Script:
    """Return a conversation up to the session."""
    script = Script(revision)
    idents = [each for each in SAID if each[1].tag in (Tag.AUTH_SIGNATURE, Tag.CLIENT_IDENT, Tag.SERVER_IDENT)]
    for side, payload in (*HANDSHAKE, (1, AuthDone(global_id=1, mode=mode, payload=b"")), *idents):
        script.say(side, payload)
    return script


def looked_at(shark: Shark, desk: Path, lua: Path, script: Script, *options: str) -> tuple[list[Shown], Path, Path]:
    """Return what is shown of a conversation, the capture and the key log."""
    capture = written(desk / "capture", pcap(captured(script.pieces, CLIENT, SERVER), RAW))
    keys = written(desk / "keys", script.keys())
    return shark.frames(capture, *options, plugin=lua, keys=keys), capture, keys


@pytest.mark.parametrize("passes", PASSES, ids=["one pass", "two passes"])
@pytest.mark.parametrize("place", [40, 90, -20, -60])
@pytest.mark.parametrize(("mode", "revision"), FORMS)
def test_a_flipped_bit(
    shark: Shark, lua: Path, desk: Path, mode: Mode, revision: Revision, place: int, passes: tuple[str, ...]
) -> None:
    """In crc mode a checksum tells, in secure mode a tag; what comes after it is read."""
    script = ready(mode, revision)
    script.say(0, MESSAGE, MESSAGE)
    side, data = script.pieces[-2]
    damaged = bytearray(data)
    damaged[place] ^= 4
    script.pieces[-2] = (side, bytes(damaged))
    shown, capture, keys = looked_at(shark, desk, lua, script, *passes)
    *_, bad, good = [each for each in shown if each.is_frame]
    if mode is Mode.CRC:
        assert "checksum.bad" in bad.experts
        assert "0" in bad.all("segment.checksum.status")
    else:
        assert "seal.bad" in bad.experts
        assert "0" in bad.all("seal.status")
    assert [int(length) for length in bad.all("preamble.length")] == list(LENGTHS)
    assert good.experts == set()
    errors = [frame["error"] for frame in decoded(capture, keys)[0]["frames"]]
    assert (mode is Mode.SECURE) is not any(errors)  # the decoder reads no further there, and says so


@pytest.mark.parametrize("passes", PASSES, ids=["one pass", "two passes"])
@pytest.mark.parametrize("revision", Revision)
def test_a_flipped_bit_in_a_preamble(
    shark: Shark, lua: Path, desk: Path, revision: Revision, passes: tuple[str, ...]
) -> None:
    """Where it ends is not known; at the beginning of a packet, frames are found again."""
    script = ready(Mode.CRC, revision)
    script.say(0, MESSAGE, MESSAGE)
    side, data = script.pieces[-2]
    script.pieces[-2] = (side, bytes([data[0], data[1], data[2] ^ 1]) + data[3:])
    shown, _, _ = looked_at(shark, desk, lua, script, *passes)
    preamble = [each for each in shown if each.all("preamble.checksum.status") == ["0"]]
    assert len(preamble) == 1
    assert preamble[0].experts == {"checksum.bad"}
    assert sum("lost" in each.experts for each in shown) == 1
    assert (shown[-1].number("tag"), shown[-1].experts) == (Tag.MESSAGE, set())


ORDERS: Final[dict[str, tuple[tuple[int, Control], ...]]] = {
    "hello twice": (*HANDSHAKE[:1], HANDSHAKE[0]),
    "authentication without hello": (HANDSHAKE[2],),
    "a server that asks": (*HANDSHAKE[:4], (1, HANDSHAKE[2][1])),
    "a client that answers": (*HANDSHAKE[:4], (0, HANDSHAKE[3][1])),
    "a session without an identity": (*HANDSHAKE, (1, AuthDone(global_id=1, mode=1, payload=b"")), SAID[0], SAID[-1]),
    "an identity without a signature": (*HANDSHAKE, (1, AuthDone(global_id=1, mode=1, payload=b"")), SAID[4]),
    "compression twice": (*HANDSHAKE, (1, AuthDone(global_id=1, mode=1, payload=b"")), *SAID[:3], SAID[2]),
    "a mode that is none": (*HANDSHAKE, (1, AuthDone(global_id=1, mode=9, payload=b""))),
}


@pytest.mark.parametrize("passes", PASSES, ids=["one pass", "two passes"])
@pytest.mark.parametrize("order", ORDERS)
def test_what_does_not_belong_here(shark: Shark, lua: Path, desk: Path, order: str, passes: tuple[str, ...]) -> None:
    script = Script()
    for side, payload in ORDERS[order]:
        script.say(side, payload)
    shown, _, _ = looked_at(shark, desk, lua, script, *passes)
    frames = [each for each in shown if each.is_frame]
    assert len(frames) == len(ORDERS[order])
    assert [each.experts for each in frames] == [set()] * (len(frames) - 1) + [{"order"}]


@pytest.mark.parametrize(("mode", "revision"), FORMS)
def test_nothing_is_out_of_order(shark: Shark, lua: Path, desk: Path, mode: Mode, revision: Revision) -> None:
    script = ready(mode, revision)
    script.say(1, MESSAGE)
    shown, _, _ = looked_at(shark, desk, lua, script)
    assert [each.experts for each in shown] == [set()] * len(shown)


@pytest.mark.parametrize("passes", PASSES, ids=["one pass", "two passes"])
@pytest.mark.parametrize("revision", Revision)
def test_encryption_begins_once(
    shark: Shark, lua: Path, desk: Path, revision: Revision, passes: tuple[str, ...]
) -> None:
    """Whatever is said later, by either end."""
    script = ready(Mode.SECURE, revision)
    for side in (0, 1):
        script.say(side, to_frame(AuthDone(global_id=2, mode=Mode.SECURE, payload=b"")), MESSAGE)
    shown, _, _ = looked_at(shark, desk, lua, script, *passes)
    found = [(each.number("tag"), each.experts) for each in shown if each.is_frame]
    assert found[-4:] == [(Tag.AUTH_DONE, {"order"}), (Tag.MESSAGE, set())] * 2


def test_preambles_that_make_no_sense(shark: Shark, lua: Path, desk: Path) -> None:
    """With a right checksum, and with 0 or 5 segments, with an empty last one, or with four gigabytes."""
    for head in (
        "1100" + "00" * 24 + "0000",
        "1105" + "010000000800" * 4 + "0000",
        "1102" + "010000000800" + "000000000800" + "00" * 12 + "0000",
        "1101" + "ffffffff0800" + "00" * 18 + "0000",
    ):
        script = ready(Mode.CRC, Revision.REV1)
        raw = bytes.fromhex(head)
        script.raw(0, raw + _checksum(raw))
        script.say(0, MESSAGE)
        shown, _, _ = looked_at(shark, desk, lua, script)
        senseless, good = shown[-2:] if shown[-2].experts else (shown[-3], shown[-1])
        assert "malformed" in senseless.experts | shown[-2].experts
        assert (good.number("tag"), good.experts) == (Tag.MESSAGE, set())


def _checksum(raw: bytes) -> bytes:
    return checksum(raw, PREAMBLE_SEED).to_bytes(4, "little")


def _hurt(data: bytes, dice: Random) -> bytes:
    """Flip, cut or repeat something of what one end said."""
    found = bytearray(data)
    for _ in range(dice.randrange(1, 4)):
        at = dice.randrange(len(found))
        kind = dice.randrange(4)
        if kind == 0:
            found[at] ^= 1 << dice.randrange(8)
        elif kind == 1:
            found[at : at + dice.randrange(1, 40)] = b""
        elif kind == 2:
            found[at:at] = dice.randbytes(dice.randrange(1, 40))
        else:
            found[at : at + 4] = dice.choice([b"\0\0\0\0", b"\xff\xff\xff\xff", b"ceph", b"\x11\x04\x29\0"])
        if not found:
            return b"\0"
    return bytes(found)


@pytest.mark.parametrize("snap", [1 << 18, 90])
@pytest.mark.parametrize(("mode", "revision"), FORMS)
def test_nothing_makes_it_stumble(
    shark: Shark, lua: Path, desk: Path, mode: Mode, revision: Revision, snap: int
) -> None:
    """Twenty conversations, each of which was hurt somewhere; `Shark.run` asserts that Lua has nothing to say."""
    dice = Random(f"{mode} {revision} {snap}")
    whole = all_that_is(mode, revision)
    pieces = [(side, data) for side, data in whole.pieces if len(data) < 5000]
    packets: list[bytes] = []
    for number in range(20):
        hurt = list(pieces)
        for _ in range(dice.randrange(1, 4)):
            at = dice.randrange(len(hurt))
            hurt[at] = (hurt[at][0], _hurt(hurt[at][1], dice))
        if dice.randrange(3) == 0:
            hurt = hurt[: dice.randrange(1, len(hurt))]
        packets += captured(hurt, Host(CLIENT.ip, 50_000 + number), SERVER, size=dice.choice([50, 1448]))
    capture = written(desk / "capture", pcap(packets, RAW, snap=snap))
    keys = written(desk / "keys", whole.keys())
    for passes in PASSES:
        shown = shark.frames(capture, *passes, plugin=lua, keys=keys)
        assert len(shown) > 100
