"""cephx, signatures and keys against their vectors."""

from __future__ import annotations

from msgr.auth import CryptoKey, KeyType
from msgr.vectors import Vector, check
from tests.vector_files import each


@each("cephx")
def test_cephx(vector: Vector) -> None:
    check(vector)


@each("keyring")
def test_keyring(vector: Vector) -> None:
    check(vector)


@each("signature")
def test_signature(vector: Vector) -> None:
    check(vector)


def test_a_key_type_is_a_name_where_it_has_one() -> None:
    assert KeyType.AES < KeyType.AES256K
    assert CryptoKey.none().is_empty
