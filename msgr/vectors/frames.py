"""Checks of floor 2: encoded to, decoded from in one piece, byte by byte and in sevens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..frame import (
    Algorithm,
    Frame,
    FrameCompressor,
    FrameDecoder,
    FrameLimits,
    FrameMode,
    NonceSequence,
    Preamble,
    Revision,
    SecureKeys,
    codec_of,
    crc_mode,
    secure_mode,
)
from .files import Vector
from .outcome import SIZES, expect, expect_refusal, expect_valid, pieces

GENEROUS: Final = FrameLimits((1 << 20, 1 << 20, 1 << 20, 1 << 20))
"""The limits where a vector has none."""


def admit_all(preamble: Preamble) -> None:
    """Let every frame in: which tags are legal is not a question of this floor."""


def mode_of(vector: Vector, *, sender: bool) -> FrameMode:
    """Return the mode that a vector names, at the end that sends or the one that receives."""
    revision = Revision(vector["revision"])
    if vector["mode"] == "crc":
        return crc_mode(revision)
    return secure_mode(revision, vector.octets("secret"), client=vector["dialled"] is sender)


def decoder_of(vector: Vector) -> FrameDecoder:
    """Return the decoder of the end that receives, which agreed on compression if the vector names an algorithm."""
    limits = vector.fields.get("limits")
    decoder = FrameDecoder(mode_of(vector, sender=False), FrameLimits(tuple(limits)) if limits else GENEROUS, admit_all)
    if "algorithm" in vector.fields:
        decoder.compressor = FrameCompressor(algorithm_of(vector), minimum=0)
    return decoder


def algorithm_of(vector: Vector) -> Algorithm:
    """Return the algorithm that a vector names."""
    return Algorithm[vector["algorithm"].upper()]


def sent(fields: Mapping[str, Any]) -> Frame:
    """Return a frame as its sender means it."""
    segments = tuple(bytes.fromhex(segment) for segment in fields["segments"])
    return Frame(fields["tag"], segments, fields.get("aborted", False))


def received(fields: Mapping[str, Any]) -> Frame:
    """Return a frame as its receiver gets it: an aborted one has no content."""
    frame = sent(fields)
    return Frame(frame.tag, (), aborted=True) if frame.aborted else frame


def _opened(decoder: FrameDecoder, wire: bytes, size: int, delivered: list[Frame]) -> list[Frame]:
    for piece in pieces(wire, size):
        decoder.feed(piece)
        while (frame := decoder.next_frame()) is not None:
            delivered.append(frame)
    return delivered


def check_preamble(vector: Vector) -> None:
    """Check the 32 bytes that begin a frame."""
    if not vector.is_valid:
        expect_refusal(vector, lambda: Preamble.decode(vector.wire))
        return
    preamble = Preamble(vector["tag"], tuple(vector["lengths"]))
    expect("the preamble", Preamble.decode(vector.wire), preamble)
    if vector.is_sent:
        expect("what is written", preamble.encode(), vector.wire)


def check_frame(vector: Vector) -> None:
    """Check one frame: it comes out with its last byte and not before, or is refused."""
    for size in SIZES:
        if vector.is_valid:
            decoder = decoder_of(vector)
            expect("what comes before the last byte", _opened(decoder, vector.wire[:-1], size, []), [])
            expect("the frames", _opened(decoder, vector.wire[-1:], 1, []), [received(vector["frame"])])
            expect("the bytes left", decoder.pending, 0)
        else:
            delivered: list[Frame] = []
            _check_refused_stream(vector, size, delivered)
            expect("what comes before the error", delivered, [])
    if vector.is_valid and "Compressed" not in vector.flags:
        wire = b"".join(mode_of(vector, sender=True).seal(sent(vector["frame"])))
        expect("whether it is what we write", wire == vector.wire, vector.is_sent)
        expect("the length of what we write", len(wire), len(vector.wire))


def _check_refused_stream(vector: Vector, size: int, delivered: list[Frame]) -> None:
    expect_refusal(vector, lambda: _opened(decoder_of(vector), vector.wire, size, delivered))


def check_stream(vector: Vector) -> None:
    """Check frames in a row."""
    if vector.is_valid:
        mode = mode_of(vector, sender=True)
        wire = b"".join(piece for frame in vector["frames"] for piece in mode.seal(sent(frame)))
        expect("what is written", wire, vector.wire)
    for size in SIZES:
        delivered: list[Frame] = []
        if vector.is_valid:
            decoder = decoder_of(vector)
            _opened(decoder, vector.wire, size, delivered)
            expect("the frames", delivered, [received(frame) for frame in vector["frames"]])
            expect("the bytes left", decoder.pending, 0)
        else:
            _check_refused_stream(vector, size, delivered)
            expect("the number of frames before the error", len(delivered), vector["delivered"])


def check_nonces(vector: Vector) -> None:
    """Check the nonces that follow one."""
    expect_valid(vector)
    sequence = NonceSequence(vector.octets("initial"), Revision(vector["revision"]))
    expect("the sequence", list(_nonces(sequence, len(vector.wire) // 12)), list(pieces(vector.wire, 12)))


def _nonces(sequence: NonceSequence, count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield sequence.next()


def check_secret(vector: Vector) -> None:
    """Check what is cut from a connection secret."""
    if not vector.is_valid:
        expect_refusal(vector, lambda: SecureKeys.of_secret(vector.wire))
        return
    cut = [vector.octets(key) for key in ("key", "server_nonce", "client_nonce")]
    expect("the keys", SecureKeys.of_secret(vector.wire), SecureKeys(*cut))


# Compression


def check_segment(vector: Vector) -> None:
    """Check one compressed segment, as the only one of a frame; ours may be compressed in another way."""
    if not vector.is_valid:
        expect_refusal(vector, lambda: _unpacked(vector))
        return
    plain = vector.octets("plain")
    expect("the segment", _unpacked(vector), Frame(20, (plain,)))
    codec = codec_of(algorithm_of(vector))
    expect("the segment, compressed and opened", codec.decompress(codec.compress(plain), len(plain)), plain)


def _unpacked(vector: Vector) -> Frame:
    limit = vector.fields.get("limit", 1 << 20)
    frame = Frame(20, (vector.wire,), compressed=True)
    return FrameCompressor(algorithm_of(vector), minimum=0).unpack(frame, FrameLimits((limit, 0, 0, 0)))


def check_compressed_frame(vector: Vector) -> None:
    """Check one frame where compression was agreed."""
    mode = mode_of(vector, sender=False)
    preamble = mode.open_head(vector.wire[: mode.head_size]).preamble
    expect("whether it is compressed", preamble.compressed, "Compressed" in vector.flags)
    check_frame(vector)
    if vector.is_valid:
        frame = sent(vector["frame"])
        compressor = FrameCompressor(algorithm_of(vector), minimum=frame.size)
        wire = b"".join(mode_of(vector, sender=True).seal(compressor.pack(frame)))
        expect("the frame, compressed and opened", _opened(decoder_of(vector), wire, len(wire), []), [frame])


CHECKS: Final[Mapping[str, Any]] = {
    "preamble": check_preamble,
    "frame-crc": check_frame,
    "frame-secure": check_frame,
    "abort-crc": check_frame,
    "abort-secure": check_frame,
    "stream-secure": check_stream,
    "nonce": check_nonces,
    "secret": check_secret,
    "compressed-segment": check_segment,
    "compressed-frame": check_compressed_frame,
}
