"""Floor 2 against its vectors: encoded to, decoded from in one piece, byte by byte and in sevens."""

from __future__ import annotations

from msgr.vectors import Vector, check
from tests.vector_files import each


@each("preamble", "nonce", "secret")
def test_vector(vector: Vector) -> None:
    """Demands 74b and 74e."""
    check(vector)


@each("frame-crc", "frame-secure", "abort-crc", "abort-secure")
def test_frame(vector: Vector) -> None:
    """Demands 74d and 74h."""
    check(vector)


@each("stream-secure")
def test_stream(vector: Vector) -> None:
    check(vector)
