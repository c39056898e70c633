"""Checks of floor 1: numbers, texts, lists, the checksum, names and addresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..wire import Codec, EntityAddr, EntityName, Reader, address_vector, checksum
from .files import Vector
from .outcome import expect, expect_refusal, expect_valid
from .values import TYPES, address_of, value_of


def _written(codec: Codec[Any], value: Any) -> bytes:
    out = bytearray()
    codec.write(out, value)
    return bytes(out)


def check_primitive(vector: Vector) -> None:
    """Check one value of one wire type."""
    codec = TYPES[vector["type"]]
    if not vector.is_valid:
        expect_refusal(vector, lambda: codec.read(Reader(vector.wire)))
        return
    value = value_of(codec, vector["value"])
    found = codec.read(Reader(vector.wire))
    expect("the value", (type(found), found), (type(value), value))
    if vector.is_sent:
        expect("what is written", _written(codec, value), vector.wire)


def check_checksum(vector: Vector) -> None:
    """Check one checksum."""
    expect_valid(vector)
    expect("the checksum", checksum(vector.wire, vector["seed"]), vector["checksum"])


def check_name(vector: Vector) -> None:
    """Check one entity name."""
    if not vector.is_valid:
        expect_refusal(vector, lambda: EntityName.decode(vector.wire))
        return
    name = EntityName.decode(vector.wire)
    expect("the text", str(name), vector["text"])
    expect("what is written", name.encode(), vector.wire)
    if "UnknownNumber" not in vector.flags:
        expect("the name in the text", EntityName.parse(vector["text"]), name)


def check_address(vector: Vector) -> None:
    """Check one address."""
    if not vector.is_valid:
        expect_refusal(vector, lambda: EntityAddr.decode(vector.wire))
        return
    address = address_of(vector["address"])
    expect("the address", EntityAddr.decode(vector.wire), address)
    expect("the address, written and read", EntityAddr.decode(address.encode()), address)
    if vector.is_sent:
        expect("what is written", address.encode(), vector.wire)
        expect("the text", str(address), vector["text"])


def check_address_vector(vector: Vector) -> None:
    """Check one list of addresses."""
    if not vector.is_valid:
        expect_refusal(vector, lambda: address_vector.read(Reader(vector.wire)))
        return
    addresses = tuple(map(address_of, vector["addresses"]))
    expect("the addresses", address_vector.read(Reader(vector.wire)), addresses)
    if vector.is_sent:
        expect("what is written", _written(address_vector, addresses), vector.wire)


CHECKS: Final[Mapping[str, Any]] = {
    "primitives": check_primitive,
    "checksum": check_checksum,
    "entity-name": check_name,
    "address": check_address,
    "address-vector": check_address_vector,
}
