"""Floor 2 against its vectors: encoded to, decoded from in one piece, byte by byte and in sevens."""

from __future__ import annotations

import pytest

from msgr.frame import Frame, NonceSequence, Preamble, Revision, SecureKeys
from tests.frame.vectors import decoder_of, mode_of, received, sent, take_all
from tests.vector_files import Vector, each, pieces, refuses

WHOLE = ("frame-crc", "frame-secure", "abort-crc", "abort-secure")
PIECES = pytest.mark.parametrize("size", [1 << 20, 1, 7], ids=["whole", "bytes", "sevens"])


@each("preamble", result="valid")
def test_preamble(vector: Vector) -> None:
    preamble = Preamble(vector["tag"], tuple(vector["lengths"]))
    assert Preamble.decode(vector.wire) == preamble
    if vector.is_sent:
        assert preamble.encode() == vector.wire


@each("preamble", result="invalid")
def test_preamble_is_refused(vector: Vector) -> None:
    with refuses(vector):
        Preamble.decode(vector.wire)


@each(*WHOLE, result="valid")
def test_frame_is_sealed(vector: Vector) -> None:
    wire = b"".join(mode_of(vector, sender=True).seal(sent(vector["frame"])))
    assert (wire == vector.wire) is vector.is_sent
    assert len(wire) == len(vector.wire)


@PIECES
@each(*WHOLE, result="valid")
def test_frame_is_opened(vector: Vector, size: int) -> None:
    decoder = decoder_of(vector)
    for piece in pieces(vector.wire[:-1], size):
        decoder.feed(piece)
        assert decoder.next_frame() is None
    decoder.feed(vector.wire[-1:])
    assert decoder.next_frame() == received(vector["frame"])
    assert decoder.next_frame() is None
    assert decoder.pending == 0


@PIECES
@each(*WHOLE, result="invalid")
def test_frame_is_refused(vector: Vector, size: int) -> None:
    decoder = decoder_of(vector)
    delivered: list[Frame] = []
    with refuses(vector):
        for piece in pieces(vector.wire, size):
            decoder.feed(piece)
            delivered += take_all(decoder)
    assert delivered == []


@each("stream-secure", result="valid")
def test_stream_is_sealed(vector: Vector) -> None:
    mode = mode_of(vector, sender=True)
    assert b"".join(piece for frame in vector["frames"] for piece in mode.seal(sent(frame))) == vector.wire


@PIECES
@each("stream-secure", result="valid")
def test_stream_is_opened(vector: Vector, size: int) -> None:
    decoder = decoder_of(vector)
    delivered = []
    for piece in pieces(vector.wire, size):
        decoder.feed(piece)
        delivered += take_all(decoder)
    assert delivered == [received(frame) for frame in vector["frames"]]
    assert decoder.pending == 0


@PIECES
@each("stream-secure", result="invalid")
def test_stream_is_refused(vector: Vector, size: int) -> None:
    decoder = decoder_of(vector)
    delivered: list[Frame] = []
    with refuses(vector):
        for piece in pieces(vector.wire, size):
            decoder.feed(piece)
            while (frame := decoder.next_frame()) is not None:
                delivered.append(frame)
    assert len(delivered) == vector["delivered"]


@each("nonce", result="valid")
def test_nonces(vector: Vector) -> None:
    sequence = NonceSequence(vector.octets("initial"), Revision(vector["revision"]))
    assert [sequence.next() for _ in range(5)] == list(pieces(vector.wire, 12))


@each("secret", result="valid")
def test_secret(vector: Vector) -> None:
    cut = [vector.octets(key) for key in ("key", "server_nonce", "client_nonce")]
    assert SecureKeys.of_secret(vector.wire) == SecureKeys(*cut)


@each("secret", result="invalid")
def test_secret_is_refused(vector: Vector) -> None:
    with refuses(vector):
        SecureKeys.of_secret(vector.wire)
