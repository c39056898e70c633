"""Floor 1 against its vectors: each is read, and written where it is what we write."""

from __future__ import annotations

from typing import Any

from msgr.wire import Codec, EntityAddr, EntityName, Reader, address_vector, checksum
from tests.vector_files import Vector, each, refuses
from tests.wire.values import TYPES, address_of, value_of


def written(codec: Codec[Any], value: Any) -> bytes:
    out = bytearray()
    codec.write(out, value)
    return bytes(out)


@each("primitives", result="valid")
def test_primitive(vector: Vector) -> None:
    codec = TYPES[vector["type"]]
    value = value_of(codec, vector["value"])
    found = codec.read(Reader(vector.wire))
    assert found == value
    assert type(found) is type(value)
    if vector.is_sent:
        assert written(codec, value) == vector.wire


@each("primitives", result="invalid")
def test_primitive_is_refused(vector: Vector) -> None:
    with refuses(vector):
        TYPES[vector["type"]].read(Reader(vector.wire))


@each("checksum", result="valid")
def test_checksum(vector: Vector) -> None:
    assert checksum(vector.wire, vector["seed"]) == vector["checksum"]


@each("entity-name", result="valid")
def test_name(vector: Vector) -> None:
    name = EntityName.decode(vector.wire)
    assert str(name) == vector["text"]
    assert name.encode() == vector.wire
    if "UnknownNumber" not in vector["flags"]:
        assert EntityName.parse(vector["text"]) == name


@each("entity-name", result="invalid")
def test_name_is_refused(vector: Vector) -> None:
    with refuses(vector):
        EntityName.decode(vector.wire)


@each("address", result="valid")
def test_address(vector: Vector) -> None:
    addr = address_of(vector["address"])
    assert EntityAddr.decode(vector.wire) == addr
    assert EntityAddr.decode(addr.encode()) == addr
    if vector.is_sent:
        assert addr.encode() == vector.wire
        assert str(addr) == vector["text"]


@each("address", result="invalid")
def test_address_is_refused(vector: Vector) -> None:
    with refuses(vector):
        EntityAddr.decode(vector.wire)


@each("address-vector", result="valid")
def test_address_vector(vector: Vector) -> None:
    addresses = tuple(map(address_of, vector["addresses"]))
    assert address_vector.read(Reader(vector.wire)) == addresses
    if vector.is_sent:
        assert written(address_vector, addresses) == vector.wire


@each("address-vector", result="invalid")
def test_address_vector_is_refused(vector: Vector) -> None:
    with refuses(vector):
        address_vector.read(Reader(vector.wire))
