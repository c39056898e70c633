"""One connection followed from outside, in every mode."""

from __future__ import annotations

import json
import sys
from random import Random
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import msgr
from msgr import Algorithm, Mode, Revision
from msgr.capture import Follower, KeyLog, SeenConnection
from msgr.frame import Frame, Preamble, Tag, crc_mode
from msgr.payload import Ack, AuthDone, Banner, CompressionDone, Hello, to_frame
from msgr.wire import EntityAddr, EntityType

from .talk import CLIENT, CONTROL, FORMS, MESSAGES, SERVER, Talk, follow, size_of, tags, talk

EACH_FORM: Final = pytest.mark.parametrize(("mode", "revision"), FORMS)
TALKS: Final = {form: talk(*form) for form in FORMS}
COMPRESSED: Final = talk(Mode.SECURE, Revision.REV1, algorithm=Algorithm.ZSTD)
HELLO: Final = Hello(entity_type=EntityType.CLIENT, peer_address=EntityAddr.parse("v2:127.0.0.1:6789"))


def expected() -> list[tuple[str, str]]:
    """The tags of a whole conversation, by direction."""
    whole = [
        *CONTROL,
        *([(">", "MESSAGE"), ("<", "MESSAGE")] * len(MESSAGES)),
        (">", "KEEPALIVE2"),
        ("<", "KEEPALIVE2_ACK"),
    ]
    return [each for each in whole if each[0] == ">"] + [each for each in whole if each[0] == "<"]


def fields_of(seen: SeenConnection, sender: str) -> list[object]:
    """What the frames of one end say."""
    return [(frame.payload, frame.message, frame.segments) for frame in seen.frames if frame.sender == sender]


def is_whole(seen: SeenConnection, said: Talk) -> bool:
    """Whether each byte of a conversation is accounted for, without an error."""
    assert (seen.errors, seen.undecrypted) == ((), 0)
    assert [frame.error for frame in seen.frames if frame.error] == []
    assert [size_of(seen, sender) for sender in ("client", "server")] == [len(said.bytes_of(side)) for side in (0, 1)]
    return True


@EACH_FORM
def test_all_modes(mode: Mode, revision: Revision) -> None:
    said = TALKS[mode, revision]
    seen = said.seen()
    assert is_whole(seen, said)
    assert (seen.client, seen.server) == (str(CLIENT), str(SERVER))
    assert (seen.revision, seen.mode, seen.auth_method) == (str(revision), mode.name.lower(), "cephx")
    assert tags(seen) == expected()
    for sender in ("client", "server"):
        heads = [frame.message for frame in seen.frames if frame.message is not None and frame.sender == sender]
        assert [head["seq"] for head in heads] == [1, 2, 3]
        assert [head["name"] for head in heads] == ["MMonGetMap", "MMonCommand", None]
        for head, message in zip(heads, MESSAGES, strict=True):
            assert (head["type"], head["tid"], head["priority"]) == (message.type, message.tid, message.priority)
            lengths = (len(message.front), len(message.middle), len(message.data))
            assert (head["front"], head["middle"], head["data"]) == lengths


@pytest.mark.parametrize("algorithm", Algorithm, ids=lambda algorithm: algorithm.name.lower())
@EACH_FORM
def test_compressed(mode: Mode, revision: Revision, algorithm: Algorithm) -> None:
    said = talk(mode, revision, algorithm=algorithm)
    seen = said.seen()
    assert is_whole(seen, said)
    assert tags(seen) == expected()
    fields = [frame.message for frame in seen.frames if frame.message is not None]
    assert {head["compressed"] for head in fields} == {algorithm.name.lower()}
    assert [head["data"] for head in fields] == [0, 0, 4000, 4000, 70_000, 70_000]
    long = next(frame for frame in seen.frames if frame.message is not None and frame.message["tid"] == 3)
    assert sum(long.segments) < 10_000


def test_named_fields() -> None:
    frames = {(str(frame.sender), frame.tag): frame for frame in TALKS[Mode.SECURE, Revision.REV1].seen().frames}
    hello = frames["server", "HELLO"].payload
    assert hello == {"entity_type": "mon", "peer_address": "v2:127.0.0.1:50123/0"}
    request = frames["client", "AUTH_REQUEST"].payload
    assert request is not None
    assert (request["method"], request["modes"], request["name"]) == ("cephx", ["secure"], "client.admin")
    done = frames["server", "AUTH_DONE"].payload
    assert done is not None
    assert (done["mode"], done["global_id"]) == ("secure", 5000)
    ident = frames["client", "CLIENT_IDENT"].payload
    assert ident is not None
    assert (ident["target"], ident["gid"]) == ("v2:127.0.0.1:6789/0", 5000)


def test_the_document_is_plain_and_tells_no_secret() -> None:
    said = TALKS[Mode.SECURE, Revision.REV1]
    document = said.seen().document()
    assert list(document) == [
        *("client", "server", "revision", "mode", "auth_method", "frames", "undecrypted", "errors"),
    ]
    text = json.dumps(document)
    assert json.loads(text) == document
    (secret,) = said.secrets
    assert secret.hex() not in text
    frames: Any = document["frames"]
    for frame in frames:
        assert list(frame) == ["time", "from", "tag", "segments", "payload", "message", "error"]
        if frame["tag"] in ("AUTH_REQUEST", "AUTH_REPLY_MORE", "AUTH_REQUEST_MORE", "AUTH_DONE"):
            assert list(frame["payload"]["payload"]) == ["length"]
        if frame["tag"] == "AUTH_SIGNATURE":
            assert frame["payload"] == {"signature": {"length": 32}}


@given(st.sampled_from([*TALKS.values(), COMPRESSED]), st.integers(0, 1 << 32).map(Random))
def test_it_does_not_depend_on_the_order_of_the_two_directions(said: Talk, random: Random) -> None:
    left = [bytearray(said.bytes_of(side)) for side in (0, 1)]
    pieces: list[tuple[int, bytes]] = []
    while any(left):
        side = random.choice([side for side in (0, 1) if left[side]])
        size = random.choice([1, 7, 26, 100, 5000, 100_000])
        pieces.append((side, bytes(left[side][:size])))
        del left[side][:size]
    seen, once = follow(pieces, said.keylog()), said.seen()
    assert is_whole(seen, said)
    assert tags(seen) == tags(once)
    ordered = [
        [frame.payload or frame.message for frame in each.frames if frame.sender == "client"] for each in (seen, once)
    ]
    assert ordered[0] == ordered[1]


@pytest.mark.parametrize("revision", Revision)
def test_without_a_secret_the_encrypted_bytes_are_counted(revision: Revision) -> None:
    said = TALKS[Mode.SECURE, revision]
    seen = said.seen(KeyLog())
    assert tags(seen) == sorted(CONTROL[:6], key=lambda each: each[0] == "<")
    clear = size_of(seen, "client") + size_of(seen, "server")
    assert seen.undecrypted == len(said.bytes_of(0)) + len(said.bytes_of(1)) - clear > 0
    assert len(seen.errors) == 2
    assert all("no key log has its secret" in error for error in seen.errors)


@pytest.mark.parametrize("revision", Revision)
def test_the_right_secret_is_found_among_others(revision: Revision) -> None:
    said = TALKS[Mode.SECURE, revision]
    others = "".join(f"MSGR2_CONNECTION_SECRET * * {bytes([number] * 64).hex()}\n" for number in range(5))
    wrong = said.seen(KeyLog.loads(others))
    assert wrong.undecrypted > 0
    assert "no secret that fits (5 tried)" in wrong.errors[0]
    right = KeyLog.loads(others + f"MSGR2_CONNECTION_SECRET {CLIENT} {SERVER} {said.secrets[0].hex()}\n")
    assert is_whole(said.seen(right), said)


@pytest.mark.parametrize(
    ("client", "server", "fits"),
    [
        ("127.0.0.1:50123", "127.0.0.1:6789", True),
        ("127.0.0.1:50123", "*", True),
        ("*", "127.0.0.1:6789", True),
        ("[::ffff:127.0.0.1]:50123", "*", True),
        ("127.0.0.1:50124", "127.0.0.1:6789", False),
        ("127.0.0.1:6789", "127.0.0.1:50123", False),
    ],
)
def test_addresses_in_the_key_log(client: str, server: str, fits: bool) -> None:
    said = TALKS[Mode.SECURE, Revision.REV1]
    assert (said.seen(said.keylog(client, server)).undecrypted == 0) is fits


@EACH_FORM
def test_one_direction_alone(mode: Mode, revision: Revision) -> None:
    said = TALKS[mode, revision]
    heard = follow([(0, said.bytes_of(0))], said.keylog())
    assert (heard.revision, heard.client) == (str(revision), str(CLIENT))
    assert tags(heard) == [(">", "HELLO"), (">", "AUTH_REQUEST")]
    assert "one banner only was captured" in heard.errors[0]
    assert "the answer to AUTH_REQUEST is not in the capture" in heard.errors[1]
    other = follow([(1, said.bytes_of(1))], said.keylog())
    assert tags(other) == [each for each in expected() if each[0] == "<"]
    assert (other.server, other.mode) == (str(SERVER), mode.name.lower())


@EACH_FORM
def test_cut_off_anywhere(mode: Mode, revision: Revision) -> None:
    """Each frame that is there whole is seen, and the rest is told of: nothing is passed over in silence."""
    said = TALKS[mode, revision]
    server, client = said.bytes_of(1), said.bytes_of(0)
    for size in range(1, 1200, 13):
        seen = follow([(0, client), (1, server[:size])], said.keylog())
        if size_of(seen, "server") != size:
            assert any(error.startswith("server: it ends in the middle") for error in seen.errors)


@EACH_FORM
def test_a_changed_byte(mode: Mode, revision: Revision) -> None:
    said = TALKS[mode, revision]
    changed = bytearray(said.bytes_of(1))
    changed[-3000] ^= 1  # in the data of the last message
    seen = follow([(0, said.bytes_of(0)), (1, bytes(changed))], said.keylog())
    if mode is Mode.CRC:  # what is wrong is told, and the lengths are right: so is all that follows
        assert tags(seen) == expected()
        (bad,) = [frame for frame in seen.frames if frame.error is not None]
        assert bad.message is not None
        assert "FRAME-5" in str(bad.error)
    else:
        assert seen.undecrypted == 0
        assert any("FRAME-10" in error for error in seen.errors)


def crc_talk(*frames: Frame, revision: Revision = Revision.REV1) -> SeenConnection:
    """What is seen of a client that says these frames after the banners, in crc mode."""
    mode = crc_mode(revision)
    banner = Banner(supported=int(revision is Revision.REV1)).to_wire()
    said = b"".join(bytes(piece) for frame in frames for piece in mode.seal(frame))
    return follow([(0, banner), (1, banner), (0, said)])


@pytest.mark.parametrize("revision", Revision)
def test_frames_that_say_nothing(revision: Revision) -> None:
    aborted = Frame(Tag.MESSAGE, (bytes(41), b"front"), aborted=True)
    seen = crc_talk(
        to_frame(HELLO),
        aborted,
        Frame(99, (b"x",)),
        Frame(Tag.ACK, (b"short",)),
        Frame(Tag.ACK, (bytes(8), b"more")),
        Frame(Tag.MESSAGE, (bytes(40),)),
        Frame(Tag.ACK, (bytes(8) + b"tail",)),
        Frame(Tag.ACK, (bytes(8),), compressed=True),
        to_frame(Ack(seq=5)),
        revision=revision,
    )
    assert [frame.tag for frame in seen.frames] == [
        *("HELLO", "MESSAGE", "tag 99", "ACK", "ACK", "MESSAGE", "ACK", "ACK", "ACK"),
    ]
    errors = [frame.error for frame in seen.frames]
    found = [error and error.rpartition("[")[2].rstrip("]") for error in errors]
    told = [None, errors[1], "FRAME-15", "WIRE-1", "FRAME-14", "MESSAGE-1", None, "FRAME-8", None]
    assert found == told
    assert "withdrawn" in str(errors[1])
    assert seen.frames[6].payload == {"seq": 0, "undecoded_bytes": 4}
    assert seen.frames[8].payload == {"seq": 5}
    assert seen.errors == ()


def test_a_stream_that_goes_astray() -> None:
    banner = Banner(supported=1).to_wire()
    seen = follow([(0, banner), (1, banner), (0, b"x" * 50), (0, b"y" * 50)])
    assert len(seen.errors) == 1
    assert "FRAME-3" in seen.errors[0]
    assert "at byte 26; 100 bytes are not read" in seen.errors[0]


def after_login(*frames: Frame, mode: int = Mode.CRC) -> SeenConnection:
    """What is seen of a server that lets somebody in, with this mode, and then says these frames."""
    crc, banner = crc_mode(Revision.REV1), Banner(supported=3).to_wire()
    done = AuthDone(global_id=1, mode=mode, payload=b"")
    said = b"".join(bytes(piece) for frame in (to_frame(done), *frames) for piece in crc.seal(frame))
    return follow([(0, banner), (1, banner), (1, said)])


def test_a_mode_that_nobody_knows() -> None:
    seen = after_login(to_frame(Ack(seq=1)), mode=99)
    assert (seen.mode, len(seen.frames)) == ("99", 2)
    assert seen.errors == ("AUTH_DONE names mode 99, which is unknown; what follows is read as crc",)


def test_compression_that_cannot_be_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = Frame(Tag.ACK, (b"\x08" + bytes(20),), compressed=True)
    unknown = after_login(to_frame(CompressionDone(on=True, algorithm=9)), packed, to_frame(Ack(seq=1)))
    assert unknown.errors == ("compressed frames are not read: algorithm 9 is unknown",)
    assert [frame.error is None for frame in unknown.frames] == [True, True, False, True]
    damaged = after_login(to_frame(CompressionDone(on=True, algorithm=Algorithm.ZSTD)), packed, to_frame(Ack(seq=1)))
    assert damaged.errors == ()
    assert "COMPRESSION-6" in str(damaged.frames[2].error)
    monkeypatch.setitem(sys.modules, "msgr.frame.codecs", None)
    monkeypatch.delattr(msgr.frame, "codecs")
    missing = after_login(to_frame(CompressionDone(on=True, algorithm=Algorithm.ZSTD)), packed)
    assert "pip install 'msgr[compression]'" in missing.errors[0]
    assert missing.frames[-1].segments == (21,)


def test_a_frame_too_long_to_wait_for() -> None:
    head = Preamble(Tag.MESSAGE, (41, 1 << 31)).encode()
    banner = Banner(supported=1).to_wire()
    (error,) = follow([(0, banner), (1, banner), (0, head + b"more")]).errors
    assert "MESSAGE announces 2147483706 bytes" in error
    assert "36 bytes are not read" in error


def test_patience_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A side that waits for the other is not kept for ever: what follows is counted, and let go."""
    monkeypatch.setattr("msgr.capture.follow.PATIENCE", 1000)
    said = TALKS[Mode.CRC, Revision.REV1]
    whole = said.bytes_of(0)
    pieces = [(0, whole[start : start + 500]) for start in range(0, len(whole), 500)]
    seen = follow(pieces)
    assert [frame.tag for frame in seen.frames] == ["HELLO", "AUTH_REQUEST"]
    first, second = seen.errors
    assert "one banner only was captured" in first
    assert second.startswith("client: the answer to AUTH_REQUEST is not in the capture; ")
    left = len(whole) - size_of(seen, "client")
    assert f"; {left} bytes are not read" in second
    late = follow([*pieces, (1, said.bytes_of(1))])  # the other side may still come
    assert late.revision == "2.1"
    assert "SERVER_IDENT" in {frame.tag for frame in late.frames}


def test_a_gap() -> None:
    said = TALKS[Mode.CRC, Revision.REV1]
    follower = Follower((CLIENT, SERVER), KeyLog())
    follower.feed(0, 0.0, said.bytes_of(0))
    follower.feed(1, 0.0, said.bytes_of(1)[:150])
    follower.lose(1, 10, 500)
    follower.lose(1, 0, 40)
    follower.finish()
    seen = follower.seen()
    assert "server: 10 bytes after byte 150 are not in the capture; 540 bytes behind them are not read" in seen.errors


def test_a_side_whose_beginning_is_missing() -> None:
    said = TALKS[Mode.CRC, Revision.REV1]
    follower = Follower((CLIENT, SERVER), KeyLog())
    follower.dialled(0)
    follower.feed(0, 0.0, said.bytes_of(0)[:26])
    follower.lose(1, 0, 500)
    follower.finish()
    assert not follower.beginning_missing
    seen = follower.seen()
    assert seen.client == str(CLIENT)
    assert "server: its beginning is not in the capture; 500 bytes are not read" in seen.errors


def test_who_dialled_is_told_by_the_frames_before_anything_else() -> None:
    said = TALKS[Mode.CRC, Revision.REV1]
    for first in (0, 1):
        follower = Follower((SERVER, CLIENT), KeyLog())
        follower.dialled(0)  # the SYN that was seen is not that of this conversation
        for side in (first, 1 - first):
            follower.feed(1 - side, 0.0, said.bytes_of(side))
        follower.finish()
        seen = follower.seen()
        assert (seen.client, seen.errors) == (str(CLIENT), ())


def test_a_connection_that_is_over_before_anybody_asked() -> None:
    banner = Banner(supported=1).to_wire()
    follower = Follower((SERVER, CLIENT), KeyLog())
    follower.feed(0, 0.0, banner)
    follower.feed(1, 0.0, banner[:20])
    follower.finish()
    assert follower.recognised
    seen = follower.seen()
    assert (seen.client, seen.mode, seen.auth_method) == (str(CLIENT), None, None)
    assert "client: it ends in the middle of its banner, after 20 bytes" in seen.errors


def test_what_is_not_msgr2() -> None:
    for first in (b"HTTP/1.1 200 OK\r\n", b"ceph v027" + bytes(200), b"ceph v2\n\x08\x00" + bytes(8)):
        follower = Follower((CLIENT, SERVER), KeyLog())
        follower.feed(1, 0.0, first)
        follower.feed(1, 0.0, b"more")
        follower.finish()
        assert not follower.recognised


@given(st.lists(st.tuples(st.integers(0, 1), st.binary(max_size=200))))
def test_nothing_that_is_fed_makes_it_raise(pieces: list[tuple[int, bytes]]) -> None:
    banner = Banner(supported=3).to_wire()
    json.dumps(follow([(0, banner), (1, banner), *pieces]).document())
    json.dumps(follow(pieces).document())
