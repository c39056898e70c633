"""Maps, what is left at the end, and records that say their version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from struct import pack
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msgr.errors import ConfigError, DecodeError, ShortRead
from msgr.wire import Map, Nested, Raw, Reader, Record, Vec, Versioned, rest, text, u8, u16, u32
from tests.wire.strategies import records


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner(Versioned):
    """The least there can be."""

    number: Annotated[int, u16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer(Versioned):
    """Of version 5, which readers of version 3 understand; before version 4 the layout was another."""

    VERSION = 5
    COMPAT = 3
    OLDEST = 4

    first: Annotated[int, u8]
    inner: Annotated[Inner, Nested(Inner)]
    each: Annotated[tuple[Inner, ...], Vec(Nested(Inner))]
    last: Annotated[Mapping[str, int], Map(text, u16)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tailed(Record):
    """A record that keeps what it does not know."""

    first: Annotated[int, u8]
    tail: Annotated[bytes, rest]


OUTER = Outer(first=1, inner=Inner(number=2), each=(Inner(number=3),), last={"four": 4})


def wire(version: int, compat: int, body: bytes, length: int | None = None) -> bytes:
    return pack("<BBI", version, compat, len(body) if length is None else length) + body


BODY = b"\1" + wire(1, 1, b"\2\0") + pack("<I", 1) + wire(1, 1, b"\3\0") + pack("<II", 1, 4) + b"four" + b"\4\0"


def test_the_head_is_version_compat_and_length() -> None:
    assert OUTER.encode() == wire(5, 3, BODY)
    assert Outer.decode(wire(5, 3, BODY)) == OUTER


@given(records(Outer), st.binary(max_size=9))
def test_what_newer_versions_append_is_passed_over(record: Outer, more: bytes) -> None:
    body = record.encode()[6:]
    reader = Reader(wire(200, 5, body + more) + b"behind")
    assert Outer.read(reader) == record
    assert reader.rest() == b"behind"


def test_what_newer_versions_append_inside_is_passed_over_too() -> None:
    body = b"\1" + wire(9, 1, b"\2\0more") + pack("<II", 0, 0)
    assert Outer.decode(wire(5, 3, body)).inner == Inner(number=2)


@pytest.mark.parametrize(("version", "compat"), [(6, 6), (255, 255), (3, 3), (0, 0)])
def test_versions_that_cannot_be_understood(version: int, compat: int) -> None:
    with pytest.raises(DecodeError, match="WIRE-3"):
        Outer.decode(wire(version, compat, BODY))


@pytest.mark.parametrize("version", [4, 5, 6, 255])
def test_versions_that_can(version: int) -> None:
    assert Outer.decode(wire(version, 4, BODY)) == OUTER


def test_the_length_is_the_end() -> None:
    with pytest.raises(ShortRead):
        Outer.decode(wire(5, 3, BODY, len(BODY) + 1))
    with pytest.raises(ShortRead):  # the bytes are there, but behind the end
        Outer.decode(wire(5, 3, BODY, len(BODY) - 1))
    with pytest.raises(ShortRead):
        Outer.decode(wire(5, 3, BODY, 2**32 - 1))


@given(st.binary(max_size=60))
def test_any_bytes_give_a_value_or_a_decode_error(data: bytes) -> None:
    for given_bytes in (data, wire(5, 3, data)):
        try:
            found = Outer.decode(given_bytes)
        except DecodeError:
            continue
        assert Outer.decode(found.encode()) == found


def test_of_a_key_that_comes_twice_the_last_value_counts() -> None:
    assert Map(u8, u8).read(Reader(pack("<I", 3) + b"\1\2\1\3\4\5")) == {1: 3, 4: 5}


def test_maps_are_written_in_their_own_order() -> None:
    out = bytearray()
    Map(u8, u8).write(out, {9: 1, 2: 3})
    assert bytes(out) == pack("<I", 2) + b"\x09\1\2\3"
    with pytest.raises(ConfigError):
        Map(u8, u8).write(out, {256: 1})


def test_a_map_that_promises_too_much() -> None:
    with pytest.raises(ShortRead) as caught:
        Map(u32, Raw(4)).read(Reader(b"\xff" * 4 + bytes(16)))
    assert (caught.value.needed, caught.value.left, caught.value.rule) == (2**32 - 1, 16, "WIRE-2")


@given(records(Tailed))
def test_what_is_left_is_kept(record: Tailed) -> None:
    assert Tailed.decode(record.encode()) == record
    assert record.encode() == bytes([record.first]) + record.tail
