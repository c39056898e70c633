"""Floor 3 against its vectors: banners, payloads, message headers."""

from __future__ import annotations

import pytest

from msgr.errors import BannerError
from msgr.frame import Frame, Revision
from msgr.payload import CONTROL, HEADER_SIZE, Banner, MessageHeader, of_frame, to_frame
from msgr.payload.banner import check_prefix
from msgr.wire import Record, layout
from tests.vector_files import Vector, each, load, refuses
from tests.wire.values import value_of


def record_of(cls: type[Record], vector: Vector) -> Record:
    """The record that a vector describes field by field."""
    codecs = dict(layout(cls))
    assert codecs.keys() == vector["fields"].keys()
    return cls(**{name: value_of(codec, vector["fields"][name]) for name, codec in codecs.items()})


@each("banner", result="valid")
def test_banner(vector: Vector) -> None:
    banner = Banner(supported=int(vector["supported"]), required=int(vector["required"]))
    assert Banner.of_wire(vector.wire) == banner
    assert (banner.to_wire() == vector.wire) is vector.is_sent
    for size in range(9):
        check_prefix(vector.wire[:size])


@each("banner", result="invalid")
def test_banner_is_refused(vector: Vector) -> None:
    with refuses(vector):
        Banner.of_wire(vector.wire)


def negotiators(vector: Vector) -> tuple[Banner, Banner]:
    ours, peer = (Banner(supported=int(pair[0]), required=int(pair[1])) for pair in (vector["ours"], vector["peer"]))
    assert Banner.of_wire(vector.wire) == peer
    return ours, peer


@each("banner-negotiation", result="valid")
def test_negotiation(vector: Vector) -> None:
    ours, peer = negotiators(vector)
    ours.check(peer)
    assert ours.revision_with(peer) is peer.revision_with(ours) is Revision(vector["revision"])


@each("banner-negotiation", result="invalid")
def test_negotiation_is_refused(vector: Vector) -> None:
    ours, peer = negotiators(vector)
    with refuses(vector):
        ours.check(peer)
    with pytest.raises(BannerError):  # whichever side looks
        peer.check(ours)


@each("payload", result="valid")
def test_payload(vector: Vector) -> None:
    cls = CONTROL[vector["tag"]]
    payload = record_of(cls, vector)
    found = of_frame(Frame(vector["tag"], (vector.wire,)))
    assert found == payload
    assert type(found) is cls
    if vector.is_sent:
        assert to_frame(found) == Frame(vector["tag"], (vector.wire,))
    else:
        assert of_frame(to_frame(found)) == found


@each("payload", result="invalid")
def test_payload_is_refused(vector: Vector) -> None:
    with refuses(vector):
        of_frame(Frame(vector["tag"], (vector.wire,)))


def test_every_payload_has_vectors_of_both_results() -> None:
    found = {(vector["tag"], vector["result"]) for vector in load("payload")}
    wanted = {(tag, result) for tag in CONTROL for result in ("valid", "invalid")}
    assert found == wanted - {(16, "invalid")}  # WAIT is empty: there is nothing to get wrong


@each("message-header", result="valid")
def test_header(vector: Vector) -> None:
    header = record_of(MessageHeader, vector)
    assert MessageHeader.decode(vector.wire) == header
    assert header.encode() == vector.wire
    assert len(vector.wire) == HEADER_SIZE


@each("message-header", result="invalid")
def test_header_is_refused(vector: Vector) -> None:
    with refuses(vector):
        MessageHeader.decode(vector.wire)
