"""Compression against its vectors: segments opened by each codec, frames by the decoder, in pieces too."""

from __future__ import annotations

import json

import pytest

from msgr.errors import FrameError
from msgr.frame import Algorithm, Frame, FrameCompressor, FrameDecoder, FrameLimits, Preamble, codec_of
from tests.frame.vectors import GENEROUS, admit_all, decoder_of, mode_of, received, sent, take_all
from tests.vector_files import DIRECTORY, Vector, each, load, pieces, refuses

PIECES = pytest.mark.parametrize("size", [1 << 20, 1, 7], ids=["whole", "bytes", "sevens"])


def algorithm_of(vector: Vector) -> Algorithm:
    """The algorithm that a vector names."""
    return Algorithm[vector["algorithm"].upper()]


def agreed(vector: Vector) -> FrameDecoder:
    """The decoder of an end that agreed on the algorithm."""
    decoder = decoder_of(vector)
    decoder.compressor = FrameCompressor(algorithm_of(vector), minimum=0)
    return decoder


def unpacked(vector: Vector) -> Frame:
    """A vector's segment as the only one of a frame, opened."""
    limit = vector.fields.get("limit", 1 << 20)
    frame = Frame(20, (vector.wire,), compressed=True)
    return FrameCompressor(algorithm_of(vector), minimum=0).unpack(frame, FrameLimits((limit, 0, 0, 0)))


@each("compressed-segment", result="valid")
def test_segment_is_opened(vector: Vector) -> None:
    assert unpacked(vector) == Frame(20, (vector.octets("plain"),))


@each("compressed-segment", result="valid")
def test_segment_is_written_in_some_way(vector: Vector) -> None:
    codec, plain = codec_of(algorithm_of(vector)), vector.octets("plain")
    assert codec.decompress(codec.compress(plain), len(plain)) == plain


@each("compressed-segment", result="invalid")
def test_segment_is_refused(vector: Vector) -> None:
    with refuses(vector):
        unpacked(vector)


@PIECES
@each("compressed-frame", result="valid")
def test_frame_is_opened(vector: Vector, size: int) -> None:
    decoder = agreed(vector)
    for piece in pieces(vector.wire[:-1], size):
        decoder.feed(piece)
        assert decoder.next_frame() is None
    decoder.feed(vector.wire[-1:])
    assert decoder.next_frame() == received(vector["frame"])
    assert decoder.pending == 0


@PIECES
@each("compressed-frame", result="invalid")
def test_frame_is_refused(vector: Vector, size: int) -> None:
    decoder = agreed(vector)
    with refuses(vector):
        for piece in pieces(vector.wire, size):
            decoder.feed(piece)
            assert take_all(decoder) == []


@each("compressed-frame", result="valid")
def test_frame_is_sealed_in_some_way(vector: Vector) -> None:
    frame = sent(vector["frame"])
    compressor = FrameCompressor(algorithm_of(vector), minimum=frame.size)
    wire = b"".join(mode_of(vector, sender=True).seal(compressor.pack(frame)))
    decoder = agreed(vector)
    decoder.feed(wire)
    assert decoder.next_frame() == frame


def test_a_frame_says_whether_it_is_compressed() -> None:
    for vector in load("compressed-frame"):
        mode = mode_of(vector, sender=False)
        preamble = mode.open_head(vector.wire[: mode.head_size]).preamble
        assert preamble.compressed is ("Compressed" in vector["flags"]), vector.id


def test_without_an_agreement_each_is_refused() -> None:
    """FRAME-8, as soon as it is known."""
    for vector in load("compressed-frame"):
        if "Compressed" not in vector["flags"] or vector.rule == "FRAME-9":
            continue
        mode = mode_of(vector, sender=False)
        decoder = FrameDecoder(mode, GENEROUS, admit_all)
        early = (vector["mode"], vector["revision"]) != ("secure", "2.0")
        decoder.feed(vector.wire[: mode.head_size] if early else vector.wire)
        with pytest.raises(FrameError, match="FRAME-8"):
            decoder.next_frame()


def test_the_file_says_where_it_may_be_sent() -> None:
    content = json.loads((DIRECTORY / "compressed-frame.json").read_text(encoding="utf-8"))
    assert "only where compression was agreed" in content["about"]


def test_every_algorithm_is_shown_in_every_mode() -> None:
    shown = {(v["algorithm"], v["mode"], v["revision"]) for v in load("compressed-frame") if v["result"] == "valid"}
    assert len(shown) == len(Algorithm) * 4


def test_preamble_round_trip() -> None:
    preamble = Preamble(17, (41, 0, 3), compressed=True)
    assert Preamble.decode(preamble.encode()) == preamble
