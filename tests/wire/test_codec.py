"""Codecs and records: each wire type for itself, and that nothing but the errors of the tree leaves a reader."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass
from struct import Struct
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msgr.errors import ConfigError, DecodeError, ShortRead
from msgr.wire import (
    Codec,
    EntityType,
    Fixed,
    Nested,
    Raw,
    Reader,
    Record,
    Timestamp,
    Vec,
    blob,
    boolean,
    i64,
    layout,
    named,
    text,
    u8,
    u16,
    u32,
    u64,
)
from tests.wire.strategies import FEW, records, values
from tests.wire.values import TYPES

CODECS = pytest.mark.parametrize("codec", TYPES.values(), ids=TYPES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything(Record):
    """Fixed runs before, between and behind fields of varying size."""

    first: Annotated[int, u8]
    second: Annotated[int, named("I", EntityType)]
    words: Annotated[tuple[str, ...], Vec(text)]
    third: Annotated[bool, boolean]
    stamp: Annotated[Timestamp, Nested(Timestamp)]
    digest: Annotated[bytes, Raw(4)]
    body: Annotated[bytes, blob]
    last: Annotated[int, i64]
    unwired: int = 0


def written(codec: Codec[Any], value: Any) -> bytes:
    out = bytearray(b"before")
    codec.write(out, value)
    assert out.startswith(b"before")
    return bytes(out[6:])


@CODECS
@FEW
@given(data=st.data())
def test_values_round_trip(codec: Codec[Any], data: st.DataObject) -> None:
    value = data.draw(values(codec))
    reader = Reader(written(codec, value) + b"behind")
    assert codec.read(reader) == value
    assert reader.rest() == b"behind"


@given(records(Everything), st.integers(0, 999))
def test_records_round_trip(record: Everything, size: int) -> None:
    wire = record.encode()
    reader = Reader(wire + b"behind")
    assert Everything.read(reader) == record
    assert reader.rest() == b"behind"
    with pytest.raises(ShortRead):
        Everything.decode(wire[: size % len(wire)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd(Record):
    """Fields that are called like what surrounds them."""

    reader: Annotated[int, u8]
    cls: Annotated[bytes, blob]
    self_: Annotated[int, named("H", EntityType)]
    out: Annotated[int, u16]
    record: Annotated[Timestamp, Nested(Timestamp)]
    error: Annotated[int, u8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bare(Record):
    """No field at all."""


def test_any_name_will_do_for_a_field() -> None:
    record = Odd(reader=1, cls=b"xy", self_=EntityType.OSD, out=7, record=Timestamp(seconds=9), error=3)
    assert record.encode() == bytes.fromhex("01 02000000 7879 0400 0700 0900000000000000 03")
    assert Odd.decode(record.encode()) == record


def test_a_record_without_fields_takes_no_bytes() -> None:
    reader = Reader(b"behind")
    assert (Bare().encode(), Bare.read(reader), reader.left) == (b"", Bare(), 6)


def test_a_field_that_does_not_fit_is_named() -> None:
    record = Odd(reader=1, cls=b"", self_=4, out=1 << 16, record=Timestamp(), error=3)
    with pytest.raises(ConfigError, match=r"^Odd \(self_, out\): "):
        record.encode()


def test_a_layout_is_the_annotated_fields_in_order() -> None:
    names = [name for name, _ in layout(Everything)]
    assert names == ["first", "second", "words", "third", "stamp", "digest", "body", "last"]


@CODECS
@FEW
@given(data=st.binary(max_size=64))
def test_any_bytes_give_a_value_or_a_decode_error(codec: Codec[Any], data: bytes) -> None:
    try:
        value = codec.read(Reader(data))
    except DecodeError:
        return
    assert codec.read(Reader(written(codec, value))) == value


@given(st.binary(max_size=80))
def test_any_bytes_give_a_record_or_a_decode_error(data: bytes) -> None:
    try:
        record = Everything.decode(data)
    except DecodeError:
        return
    assert Everything.decode(record.encode()) == record


@pytest.mark.parametrize(
    ("codec", "value"),
    [
        (u8, 256),
        (u8, -1),
        (u16, 1 << 16),
        (u32, 1 << 32),
        (u64, 1 << 64),
        (i64, 1 << 63),
        (u8, "1"),
        (Raw(4), b"abc"),
        (Raw(4), b"abcde"),
        (text, "\ud800"),
        (Vec(u8), (1, 256)),
        (Nested(Timestamp), Timestamp(seconds=-1)),
        (Nested(Timestamp), Timestamp(nanoseconds=1 << 32)),
    ],
)
def test_what_does_not_fit_is_the_callers_mistake(codec: Codec[Any], value: Any) -> None:
    with pytest.raises(ConfigError):
        written(codec, value)


def test_a_number_with_a_name_becomes_a_member_and_others_survive() -> None:
    codec = named("I", EntityType)
    assert codec.read(Reader(b"\x04\0\0\0")) is EntityType.OSD
    assert codec.read(Reader(b"\x03\0\0\0")) == 3


@pytest.mark.parametrize("codec", [blob, text, Vec(u32), Vec(u8), Vec(text)])
def test_a_huge_length_is_refused_before_anything_is_built(codec: Codec[Any]) -> None:
    reader = Reader(b"\xff" * 4 + bytes(1000))
    tracemalloc.start()
    with pytest.raises(ShortRead) as caught:
        codec.read(reader)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert caught.value.needed == 2**32 - 1
    assert caught.value.left == 1000
    assert peak < 100_000


class TestReader:
    def test_a_failed_read_leaves_the_position(self) -> None:
        reader = Reader(b"abc")
        with pytest.raises(ShortRead) as caught:
            reader.view(4)
        assert (caught.value.needed, caught.value.left, caught.value.rule) == (4, 3, "WIRE-1")
        assert reader.left == 3
        assert reader.take(3) == b"abc"

    def test_several_values_are_read_together_or_not_at_all(self) -> None:
        reader = Reader(b"\x01\x02\x00\x03")
        with pytest.raises(ShortRead) as caught:
            reader.unpack(Struct("<BI"))
        assert (caught.value.needed, caught.value.left, reader.left) == (5, 4, 4)
        assert (reader.unpack(Struct("<BH")), reader.left) == ((1, 2), 1)

    def test_within_ends_where_it_is_told(self) -> None:
        reader = Reader(memoryview(b"abcdef"))
        inner = reader.within(2)
        with pytest.raises(ShortRead):
            inner.take(3)
        assert inner.rest() == b"ab"
        assert reader.rest() == b"cdef"
        assert reader.rest() == b""

    @given(data=st.binary(max_size=20), sizes=st.lists(st.integers(0, 12), max_size=8))
    def test_it_only_moves_forward(self, data: bytes, sizes: list[int]) -> None:
        reader = Reader(bytearray(data))
        taken = b""
        for size in sizes:
            left = reader.left
            try:
                taken += reader.take(size)
            except ShortRead:
                assert size > left
                size = 0
            assert reader.left == left - size
        assert taken + reader.rest() == data

    def test_numbers_are_little_endian(self) -> None:
        assert Reader(b"\x01\x02\x03").number(3) == 0x030201


def test_fixed_converts_a_value_on_its_own() -> None:
    assert Fixed("B", bool).read(Reader(b"\x07")) is True


@given(st.floats(0, 2**32 - 1))
def test_timestamps_of_seconds(seconds: float) -> None:
    stamp = Timestamp.of(seconds)
    assert Timestamp.decode(stamp.encode()) == stamp
    assert float(stamp) == pytest.approx(seconds, abs=1e-6)
