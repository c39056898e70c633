"""The decoder: what it shows to whom and when, and what it leaves in place."""

from __future__ import annotations

import tracemalloc

import pytest

from msgr.errors import ChecksumError, ConfigError, FrameError, FrameTooLarge, UnexpectedFrame
from msgr.frame import (
    Frame,
    FrameDecoder,
    FrameLimits,
    Mode,
    Preamble,
    Revision,
    Tag,
    crc_mode,
    parse_tag,
    secure_mode,
    tag_name,
)
from msgr.wire import Octets
from tests.frame.strategies import MODE_IDS, MODES, SECRET, mode_pair
from tests.frame.vectors import GENEROUS, admit_all, take_all

ACK = Frame(Tag.ACK, (b"12345678",))
MESSAGE = Frame(Tag.MESSAGE, (b"h" * 41, b"front", b"", b"data" * 100))
EVERY_MODE = pytest.mark.parametrize(("name", "revision"), MODES, ids=MODE_IDS)


def sealed(name: str, revision: Revision, *said: Frame) -> bytes:
    sender, _ = mode_pair(name, revision)
    return b"".join(bytes(piece) for frame in said for piece in sender.seal(frame))


def refuse_messages(preamble: Preamble) -> None:
    if preamble.tag == Tag.MESSAGE:
        raise UnexpectedFrame(got=tag_name(preamble.tag), allowed=(), state="Test")


@EVERY_MODE
def test_admit_sees_a_preamble_as_soon_as_it_can_be_trusted(name: str, revision: Revision) -> None:
    wire = sealed(name, revision, MESSAGE)
    _, mode = mode_pair(name, revision)
    decoder = FrameDecoder(mode, GENEROUS, refuse_messages)
    decoder.feed(wire[: mode.head_size])
    if (name, revision) == ("secure", Revision.REV0):
        assert decoder.next_frame() is None  # nothing of it is verified before its tag is there
        decoder.feed(wire[mode.head_size : -1])
        assert decoder.next_frame() is None
        decoder.feed(wire[-1:])
    with pytest.raises(UnexpectedFrame):
        decoder.next_frame()


@EVERY_MODE
def test_admit_sees_every_frame_once(name: str, revision: Revision) -> None:
    seen: list[Preamble] = []
    decoder = FrameDecoder(mode_pair(name, revision)[1], GENEROUS, seen.append)
    for byte in sealed(name, revision, ACK, MESSAGE):
        decoder.feed(bytes([byte]))
        decoder.next_frame()
    assert seen == [Preamble(Tag.ACK, (8,)), Preamble(Tag.MESSAGE, (41, 5, 0, 400))]


@EVERY_MODE
def test_tap_is_shown_each_byte_once_and_in_order(name: str, revision: Revision) -> None:
    shown = bytearray()
    wire = sealed(name, revision, ACK, MESSAGE, ACK)
    decoder = FrameDecoder(mode_pair(name, revision)[1], GENEROUS, admit_all, shown.extend)
    decoder.feed(b"banner" + wire)
    assert decoder.take_raw(6) == b"banner"
    assert take_all(decoder) == [ACK, MESSAGE, ACK]
    assert bytes(shown) == b"banner" + wire


def test_tap_is_shown_nothing_that_was_only_read_ahead() -> None:
    shown = bytearray()
    decoder = FrameDecoder(crc_mode(Revision.REV1), GENEROUS, admit_all, shown.extend)
    wire = sealed("crc", Revision.REV1, ACK)
    decoder.feed(wire + wire)
    assert decoder.next_frame() == ACK
    assert bytes(shown) == wire
    assert decoder.pending == len(wire)


def test_raw_bytes_are_taken_whole_or_not_at_all() -> None:
    decoder = FrameDecoder(crc_mode(Revision.REV1), GENEROUS, admit_all)
    decoder.feed(b"abc")
    assert decoder.take_raw(4) is None
    assert decoder.peek(2) == b"ab"
    assert decoder.peek(9) == b"abc"
    assert decoder.pending == 3
    assert decoder.take_raw(3) == b"abc"
    assert decoder.take_raw(0) == b""


def test_the_mode_is_replaced_between_frames() -> None:
    wire = sealed("crc", Revision.REV0, ACK) + sealed("secure", Revision.REV1, MESSAGE)
    decoder = FrameDecoder(crc_mode(Revision.REV0), GENEROUS, admit_all)
    decoder.feed(wire)
    assert decoder.next_frame() == ACK
    decoder.mode = secure_mode(Revision.REV1, SECRET, client=False)
    assert decoder.next_frame() == MESSAGE


def test_awaiting_names_the_frame_on_its_way() -> None:
    decoder = FrameDecoder(crc_mode(Revision.REV1), GENEROUS, admit_all)
    wire = sealed("crc", Revision.REV1, MESSAGE)
    decoder.feed(wire[:40])
    assert decoder.next_frame() is None
    assert decoder.awaiting == Preamble(Tag.MESSAGE, (41, 5, 0, 400))
    assert decoder.pending == 8
    decoder.feed(wire[40:])
    assert decoder.next_frame() == MESSAGE
    assert decoder.awaiting is None


def test_the_buffer_does_not_grow_with_history() -> None:
    decoder = FrameDecoder(crc_mode(Revision.REV1), GENEROUS, admit_all)
    large = Frame(Tag.MESSAGE, (b"h" * 41, bytes(50_000)))
    wire = sealed("crc", Revision.REV1, large)
    decoder.feed(wire[:-1])
    tracemalloc.start()
    try:
        for _ in range(20):
            decoder.feed(wire[-1:] + wire[:-1])  # never empty, so that there is always something left over
            assert decoder.next_frame() == large
            assert decoder.pending == len(wire) - 1
            assert tracemalloc.get_traced_memory()[0] <= 4 * len(wire)
    finally:
        tracemalloc.stop()


@EVERY_MODE
def test_a_large_body_is_read_straight_into_its_buffer(name: str, revision: Revision) -> None:
    """And large segments are views of it, as `bytes(...)` shows."""
    large = Frame(Tag.MESSAGE, (b"h" * 41, b"front", b"", bytes(range(256)) * 40_000))
    wire = memoryview(sealed(name, revision, large))
    limits = FrameLimits((64, 64, 64, 16 << 20))
    decoder = FrameDecoder(mode_pair(name, revision)[1], limits, admit_all)
    assert len(decoder.space()) == 0
    decoder.feed(wire[:100])
    assert decoder.next_frame() is None
    at = 100
    while len(space := decoder.space()):
        assert len(space) <= 16 << 20
        size = min(len(space), 1_000_000)
        space[:size] = wire[at : at + size]
        decoder.filled(size)
        at += size
        if at < len(wire):
            assert decoder.next_frame() is None
    assert at == len(wire)
    frame = decoder.next_frame()
    assert frame is not None
    assert frame == large
    assert isinstance(frame.segments[1], bytes)
    assert isinstance(frame.segments[3], memoryview)
    assert decoder.pending == 0


def test_no_more_is_allocated_than_has_come() -> None:
    """A length is a claim: beyond eight mebibytes memory grows with the bytes that come."""
    wire = sealed("crc", Revision.REV1, Frame(Tag.MESSAGE, (b"h" * 41, bytes(64 << 20))))
    limits = FrameLimits((64, 64 << 20, 0, 0))
    decoder = FrameDecoder(crc_mode(Revision.REV1), limits, admit_all)
    tracemalloc.start()
    try:
        decoder.feed(wire[:1000])
        assert decoder.next_frame() is None
        assert tracemalloc.get_traced_memory()[1] < 9 << 20
    finally:
        tracemalloc.stop()


@EVERY_MODE
def test_new_limits_hold_for_preambles_that_were_within_the_old_ones(name: str, revision: Revision) -> None:
    sender, receiver = mode_pair(name, revision)
    decoder = FrameDecoder(receiver, GENEROUS, admit_all)
    once, again = (b"".join(bytes(piece) for piece in sender.seal(MESSAGE)) for _ in range(2))
    decoder.feed(once)
    assert decoder.next_frame() == MESSAGE
    decoder.limits = FrameLimits((64, 64, 64, 399))
    decoder.feed(again)
    with pytest.raises(FrameTooLarge):
        decoder.next_frame()


@EVERY_MODE
def test_more_preambles_than_are_remembered(name: str, revision: Revision) -> None:
    said = [Frame(Tag.MESSAGE, (b"h" * 41, bytes(size), b"", b"data")) for size in range(1, 700)]
    decoder = FrameDecoder(mode_pair(name, revision)[1], GENEROUS, admit_all)
    decoder.feed(sealed(name, revision, *said, *said))
    assert take_all(decoder) == said + said


def test_what_was_delivered_does_not_change_with_the_buffer() -> None:
    decoder = FrameDecoder(crc_mode(Revision.REV1), GENEROUS, admit_all)
    fed: Octets = bytearray(sealed("crc", Revision.REV1, ACK))
    decoder.feed(fed)
    frame = decoder.next_frame()
    decoder.feed(sealed("crc", Revision.REV1, Frame(Tag.ACK, (b"xxxxxxxx",))))
    decoder.next_frame()
    assert frame == ACK


def test_an_error_names_the_frame() -> None:
    wire = bytearray(sealed("crc", Revision.REV1, MESSAGE))
    wire[-1] ^= 1
    decoder = FrameDecoder(crc_mode(Revision.REV1), GENEROUS, admit_all)
    decoder.feed(wire[:-1])
    assert decoder.next_frame() is None
    decoder.feed(wire[-1:])
    with pytest.raises(ChecksumError, match="MESSAGE segment 3"):
        decoder.next_frame()


@EVERY_MODE
def test_bytes_after_an_error_do_no_harm(name: str, revision: Revision) -> None:
    wire = bytearray(sealed(name, revision, MESSAGE))
    wire[-18] ^= 1  # in every mode of the last block, and behind the preamble
    decoder = FrameDecoder(mode_pair(name, revision)[1], GENEROUS, admit_all)
    decoder.feed(wire)
    with pytest.raises(FrameError) as kept:
        decoder.next_frame()
    decoder.feed(b"more")  # although the traceback still holds on to what was decoded
    assert decoder.pending == 4
    del kept


class TestFrame:
    def test_its_content_stays_out_of_its_repr(self) -> None:
        assert repr(Frame(Tag.ACK, (b"content",))) == "Frame(tag=<Tag.ACK: 20>, sizes=(7))"

    def test_empty_segments_at_the_end_are_dropped(self) -> None:
        assert Frame.of(17, b"a", b"", b"b", b"") == Frame(17, (b"a", b"", b"b"))
        assert Frame.of(17, b"", b"", b"", b"") == Frame(17, (b"",))
        assert Frame.of(17, b"", b"b") == Frame(17, (b"", b"b"))

    @pytest.mark.parametrize("count", [0, 5])
    def test_there_are_one_to_four(self, count: int) -> None:
        with pytest.raises(ConfigError, match=f"{count} segments"):
            Frame.of(17, *[b"x"] * count)

    def test_revisions_print_as_the_spec_writes_them(self) -> None:
        assert [str(revision) for revision in Revision] == ["2.0", "2.1"]


class TestTag:
    def test_known_ones_have_names_and_unknown_ones_survive(self) -> None:
        assert parse_tag(20) is Tag.ACK
        assert parse_tag(200) == 200
        assert (tag_name(20), tag_name(200)) == ("ACK", "tag 200")

    def test_there_are_22_without_a_gap(self) -> None:
        assert sorted(Tag) == list(range(1, 23))
        assert sorted(Mode) == [1, 2]
