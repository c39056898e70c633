"""Our codecs against the compression libraries that Ceph calls: each reads what the other writes."""

from __future__ import annotations

import os
import random
from hashlib import shake_128
from itertools import pairwise
from typing import Final

import pytest

from msgr.errors import PeerError
from msgr.frame import Algorithm, Frame, FrameCompressor, FrameLimits, codec_of
from tests.vector_files import Vector, each, load
from tests.witness.c_libraries import NAMES, Library, Lz4, Refused
from tests.witness.c_libraries import load as load_library

REQUIRED: Final = os.environ.get("MSGR_REQUIRE_CEPH") == "1"
"""Ceph's packages bring the libraries: where it must be there, so must they."""

EVERY: Final = pytest.mark.parametrize("algorithm", Algorithm, ids=lambda algorithm: algorithm.name.lower())


def text(size: int) -> bytes:
    """Bytes that are not all alike, and not all different."""
    dice = random.Random(size)
    return bytes(dice.choice(b"abcdefgh        ") for _ in range(size))


SAMPLES: Final = (
    b"x",
    bytes(41),
    bytes(range(256)),
    text(300),
    text(5_000),
    shake_128(b"incompressible").digest(70_000),
    text(70_000) * 3,
    bytes(1 << 20),
)


def library(algorithm: str) -> Library:
    """The system's library, where it is."""
    try:
        return load_library(algorithm)
    except OSError as error:
        reason = f"{', '.join(NAMES[algorithm])}: {error}"
        if REQUIRED:
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


@EVERY
@pytest.mark.parametrize("plain", SAMPLES, ids=lambda plain: str(len(plain)))
def test_each_reads_what_the_other_writes(algorithm: Algorithm, plain: bytes) -> None:
    theirs, ours = library(algorithm.name.lower()), codec_of(algorithm)
    assert theirs.decompress(ours.compress(plain)) == plain
    packed = theirs.compress(plain)
    assert ours.decompress(packed, len(plain)) == plain
    assert ours.decompress(packed, 1 << 24) == plain


@each("compressed-segment", result="valid")
def test_a_vector_means_the_same_to_them(vector: Vector) -> None:
    theirs = library(vector["algorithm"])
    assert theirs.decompress(vector.wire) == vector.octets("plain")


@EVERY
def test_what_is_recorded_is_what_they_write(algorithm: Algorithm) -> None:
    """Byte for byte."""
    if not REQUIRED:
        pytest.skip("other releases of the libraries than Debian 12's may choose other bytes")
    ident = f"{algorithm.name.lower()}-message-header"
    (vector,) = (vector for vector in load("compressed-segment") if vector.id == ident)
    assert library(vector["algorithm"]).compress(vector.octets("plain")) == vector.wire


@EVERY
def test_they_refuse_what_we_refuse_of_damage(algorithm: Algorithm) -> None:
    """Every byte of a small segment spoilt, one at a time: where they see it, we do, and what is read is one thing."""
    theirs, ours = library(algorithm.name.lower()), FrameCompressor(algorithm, 0)
    packed = theirs.compress(text(300))
    for place in range(len(packed)):
        spoilt = packed[:place] + bytes([packed[place] ^ 0x15]) + packed[place + 1 :]
        if algorithm in (Algorithm.ZSTD, Algorithm.LZ4) and place < 8:
            continue  # lengths of our own making, which the library does not see
        try:
            frame = Frame(20, (spoilt,), compressed=True)
            read: bytes | None = bytes(ours.unpack(frame, FrameLimits((1 << 21, 0, 0, 0))).segments[0])
        except PeerError:
            read = None
        try:
            expected: bytes | None = theirs.decompress(spoilt)
        except Refused:
            expected = None
        assert read == expected, place


def test_lz4_blocks_that_refer_to_those_before() -> None:
    theirs, ours = library("lz4"), codec_of(Algorithm.LZ4)
    assert isinstance(theirs, Lz4)
    whole = text(1000) * 200
    for cuts in ([500], [1000, 2000], [10, 20, 30, 90_000], [66_000, 140_000], [len(whole) - 5]):
        edges = [0, *cuts, len(whole)]
        packed = theirs.compress_blocks(*[whole[start:end] for start, end in pairwise(edges)])
        assert ours.decompress(packed, len(whole)) == whole
        assert theirs.decompress(packed) == whole
