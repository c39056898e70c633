"""Service connections, renewals and rotating secrets against their vectors."""

from __future__ import annotations

from msgr.auth import RotatingRequest
from msgr.vectors import Vector, check
from msgr.vectors.cephx import key_in
from msgr.wire import EntityName
from tests.vector_files import each, load


@each("authorizer", "renewal", "rotating")
def test_vector(vector: Vector) -> None:
    check(vector)


def test_what_is_not_said_of_the_secrets() -> None:
    vector = next(vector for vector in load("rotating") if vector.is_valid)
    request = RotatingRequest.of(EntityName(type=vector["service"], id="0"), key_in(vector))
    held = request.accept(vector.wire)
    assert held.secrets[0].key.secret.hex() not in repr(held)
