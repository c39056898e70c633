"""Payloads, message headers and banners: any value survives, any bytes give a value or a documented error."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msgr.errors import BannerError, DecodeError, FrameError, PeerError, ShortRead
from msgr.frame import Frame, NodeTag, Revision, Tag
from msgr.payload import (
    CONTROL,
    HEADER_SIZE,
    NODE_CONTROL,
    Ack,
    AuthDone,
    AuthReplyMore,
    AuthRequest,
    AuthRequestMore,
    Banner,
    Control,
    MessageHeader,
    NodeControl,
    Wait,
    of_frame,
    to_frame,
)
from msgr.payload.banner import HEAD_SIZE, PREFIX, check_prefix, payload_size
from tests.wire.strategies import FEW, records

EVERY_PAYLOAD = pytest.mark.parametrize(
    "cls", [*CONTROL.values(), *NODE_CONTROL.values()], ids=lambda cls: cls.__name__
)


def test_every_tag_but_message_has_a_payload() -> None:
    assert sorted(CONTROL) == sorted(set(Tag) - {Tag.MESSAGE})
    assert sorted(NODE_CONTROL) == sorted(set(NodeTag) - {NodeTag.MESSAGE_PART})


@EVERY_PAYLOAD
@FEW
@given(data=st.data())
def test_payloads_round_trip(cls: type[Control | NodeControl], data: st.DataObject) -> None:
    payload = data.draw(records(cls))
    frame = to_frame(payload)
    assert frame.tag == cls.tag
    assert of_frame(frame) == payload
    wire = bytes(frame.segments[0])
    assert cls.decode(wire + b"of a newer peer") == payload
    if wire:
        with pytest.raises(ShortRead):
            cls.decode(wire[: data.draw(st.integers(0, len(wire) - 1))])


@EVERY_PAYLOAD
@FEW
@given(data=st.data())
def test_any_bytes_give_a_payload_or_a_decode_error(cls: type[Control | NodeControl], data: st.DataObject) -> None:
    wire = bytearray(data.draw(records(cls)).encode() or b"\0")
    for place, byte in data.draw(st.lists(st.tuples(st.integers(0, len(wire) - 1), st.integers(0, 255)), max_size=3)):
        wire[place] = byte
    noise = data.draw(st.binary(max_size=80) | st.just(bytes(wire)))
    try:
        payload = of_frame(Frame(cls.tag, (noise,)))
    except DecodeError:
        return
    assert of_frame(to_frame(payload)) == payload


@EVERY_PAYLOAD
def test_all_ones_take_no_memory(cls: type[Control]) -> None:
    wire = b"\x08" + b"\xff" * 2000 if cls.tag == Tag.HELLO else b"\xff" * 2000
    tracemalloc.start()
    try:
        of_frame(Frame(cls.tag, (wire,)))
    except DecodeError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 200_000


@pytest.mark.parametrize("segments", [(), (b"12345678", b"x"), (b"", b"12345678")])
def test_a_control_frame_has_one_segment(segments: tuple[bytes, ...]) -> None:
    with pytest.raises(FrameError, match=rf"ACK with {len(segments)} segments.*FRAME-14"):
        of_frame(Frame(Tag.ACK, segments))


@pytest.mark.parametrize("tag", [0, 17, 23, 0xBF, 0xC3, 0xC4, 255])
def test_a_frame_of_another_tag_has_no_payload(tag: int) -> None:
    with pytest.raises(FrameError, match="FRAME-15"):
        of_frame(Frame(tag, (b"12345678",)))


@given(st.integers(0, 255), st.lists(st.binary(max_size=60), max_size=5).map(tuple))
def test_any_frame_gives_a_payload_or_a_peer_error(tag: int, segments: tuple[bytes, ...]) -> None:
    try:
        payload = of_frame(Frame(tag, segments))
    except PeerError:
        return
    assert payload.tag == tag


def test_payloads_hold_what_the_wire_said() -> None:
    assert of_frame(Frame(20, (memoryview(b"\x05" + bytes(7)),))) == Ack(seq=5)
    assert to_frame(Wait()) == Frame(16, (b"",))


@given(records(MessageHeader))
def test_headers_round_trip(header: MessageHeader) -> None:
    wire = header.encode()
    assert len(wire) == HEADER_SIZE
    assert MessageHeader.decode(wire) == header


@given(st.binary(max_size=HEADER_SIZE + 3))
def test_any_bytes_give_a_header_or_a_short_read(data: bytes) -> None:
    if len(data) < HEADER_SIZE:
        with pytest.raises(ShortRead):
            MessageHeader.decode(data)
    else:
        assert MessageHeader.decode(data).encode() == data[:HEADER_SIZE]


@pytest.mark.parametrize("cls", [AuthRequest, AuthReplyMore, AuthRequestMore, AuthDone])
@given(data=st.data())
def test_what_authentication_says_stays_out_of_reprs(cls: type[AuthDone], data: st.DataObject) -> None:
    payload = replace(data.draw(records(cls)), payload=b"a secret")
    assert "secret" not in repr(payload)


# The banner


@given(records(Banner), st.binary(max_size=20))
def test_banners_round_trip(banner: Banner, behind: bytes) -> None:
    wire = banner.to_wire()
    assert len(wire) == 26
    assert Banner.of_wire(memoryview(wire + behind)) == banner


@given(st.binary(max_size=40) | st.binary(max_size=30).map(lambda rest: PREFIX + rest))
def test_any_bytes_give_a_banner_or_a_documented_error(data: bytes) -> None:
    try:
        banner = Banner.of_wire(data)
    except (BannerError, ShortRead):
        return
    assert data.startswith(PREFIX)
    assert Banner.of_wire(banner.to_wire()) == banner


@given(st.binary(max_size=12))
def test_a_prefix_is_refused_at_its_first_wrong_byte(data: bytes) -> None:
    if data[: len(PREFIX)] == PREFIX[: len(data)]:
        check_prefix(data)
    else:
        with pytest.raises(BannerError, match="BANNER-1"):
            check_prefix(data)


def test_the_largest_payload_is_announced_and_ignored() -> None:
    banner = Banner(supported=1)
    wire = PREFIX + b"\xff\xff" + banner.encode() + bytes(65535 - 16)
    assert payload_size(wire[:HEAD_SIZE]) == 65535
    assert Banner.of_wire(wire) == banner


def test_the_old_protocol_is_told_apart() -> None:
    with pytest.raises(BannerError, match="msgr v1"):
        check_prefix(b"ceph v027")
    with pytest.raises(BannerError, match="msgr v1"):
        check_prefix(b"ceph v0")
    check_prefix(b"ceph v")


@given(records(Banner), records(Banner))
def test_negotiation_is_the_same_from_both_ends(ours: Banner, peer: Banner) -> None:
    """Demand 4."""
    assert ours.revision_with(peer) is peer.revision_with(ours)
    assert (ours.revision_with(peer) is Revision.REV1) == bool(ours.supported & peer.supported & 1)

    def goes_on(one: Banner, other: Banner) -> bool:
        try:
            one.check(other)
        except BannerError:
            return False
        return True

    assert goes_on(ours, peer) == goes_on(peer, ours)
