"""Floor 1 against its vectors: each is read, and written where it is what we write."""

from __future__ import annotations

from msgr.vectors import Vector, check
from tests.vector_files import each


@each("primitives", "checksum", "entity-name", "address", "address-vector")
def test_vector(vector: Vector) -> None:
    check(vector)
