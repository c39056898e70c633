"""The building blocks of layouts: one object a wire type, which both writes and reads it (WIRE-1, WIRE-2).

=========  =====================================================================
name       bytes
=========  =====================================================================
u8 … u64   unsigned, little-endian
i16 … i64  signed, little-endian
boolean    one byte; anything but 0 is true
blob       u32 length, then that many bytes
text       the same, UTF-8
=========  =====================================================================

`Raw(n)` is n bytes without a length, `rest` all that is left, `Vec(codec)` a u32 count and then the items, `Map(key,
value)` a u32 count and then pairs, `Nested(cls)` a record in place, `named(code, cls)` a number that becomes a member
of an enumeration where it has a name, and stays a number where not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from struct import Struct
from struct import error as struct_error
from typing import Any, Final, Generic, Protocol, TypeVar

from ..errors import ConfigError, DecodeError, ShortRead
from .cursor import Reader

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")


class Codec(Protocol[T]):
    """Writes values of one wire type and reads them back."""

    def write(self, out: bytearray, value: T) -> None:
        """Append `value` to `out`; raises ConfigError where the wire type cannot hold it."""

    def read(self, reader: Reader) -> T:
        """Read a value; raises DecodeError."""


class Fixed(Generic[T]):
    """A number of fixed size; `code` is its letter in the `struct` module."""

    __slots__ = ("_struct", "code", "convert", "size")

    def __init__(self, code: str, convert: Callable[[Any], T] | None = None) -> None:
        self.code = code
        self.convert = convert
        self._struct = Struct("<" + code)
        self.size = self._struct.size

    def write(self, out: bytearray, value: T) -> None:
        try:
            out += self._struct.pack(value)
        except struct_error as error:
            raise ConfigError(f"{value!r} does not fit: {error}") from None

    def read(self, reader: Reader) -> T:
        (value,) = reader.unpack(self._struct)
        converted: T = value if self.convert is None else self.convert(value)
        return converted


def named(code: str, cls: type[IntEnum]) -> Fixed[int]:
    """A number whose known values have names; unknown ones survive as plain numbers."""
    known = {int(member): member for member in cls}
    return Fixed(code, lambda number: known.get(number, number))


u8: Final = Fixed[int]("B")
u16: Final = Fixed[int]("H")
u32: Final = Fixed[int]("I")
u64: Final = Fixed[int]("Q")
i16: Final = Fixed[int]("h")
i32: Final = Fixed[int]("i")
i64: Final = Fixed[int]("q")
boolean: Final = Fixed[bool]("B", bool)


class Raw:
    """Exactly `size` bytes, with no length before them."""

    __slots__ = ("size",)

    def __init__(self, size: int) -> None:
        self.size = size

    def write(self, out: bytearray, value: bytes) -> None:
        if len(value) != self.size:
            raise ConfigError(f"{len(value)} bytes where {self.size} belong")
        out += value

    def read(self, reader: Reader) -> bytes:
        return reader.take(self.size)


class _Blob:
    """A u32 length and that many bytes."""

    def write(self, out: bytearray, value: bytes) -> None:
        out += len(value).to_bytes(4, "little")
        out += value

    def read(self, reader: Reader) -> bytes:
        return reader.take(reader.number(4))


class _Text:
    """A u32 length and that many bytes of UTF-8."""

    def write(self, out: bytearray, value: str) -> None:
        try:
            blob.write(out, value.encode())
        except UnicodeEncodeError as error:
            raise ConfigError(f"text that UTF-8 cannot hold: {error.reason} at {error.start}") from None

    def read(self, reader: Reader) -> str:
        try:
            return blob.read(reader).decode()
        except UnicodeDecodeError as error:
            raise DecodeError(f"text that is not UTF-8: {error.reason} at {error.start}", rule="WIRE-2") from None


class _Rest:
    """All bytes that are left, with no length before them."""

    def write(self, out: bytearray, value: bytes) -> None:
        out += value

    def read(self, reader: Reader) -> bytes:
        return reader.rest()


blob: Final = _Blob()
text: Final = _Text()
rest: Final = _Rest()


class Vec(Generic[T]):
    """A u32 count and then the items.

    The count is checked against the bytes that are left before anything is built: an item takes at least one byte.
    """

    __slots__ = ("item",)

    def __init__(self, item: Codec[T]) -> None:
        self.item = item

    def write(self, out: bytearray, value: tuple[T, ...]) -> None:
        out += len(value).to_bytes(4, "little")
        for item in value:
            self.item.write(out, item)

    def read(self, reader: Reader) -> tuple[T, ...]:
        count = reader.number(4)
        if count > reader.left:
            raise ShortRead(needed=count, left=reader.left, rule="WIRE-2")
        return tuple([self.item.read(reader) for _ in range(count)])


class Map(Generic[K, V]):
    """A u32 count and then pairs of a key and a value, in the order of the mapping.

    The count is checked as that of `Vec` is. Of a key that comes twice, the last value counts.
    """

    __slots__ = ("key", "value")

    def __init__(self, key: Codec[K], value: Codec[V]) -> None:
        self.key = key
        self.value = value

    def write(self, out: bytearray, value: Mapping[K, V]) -> None:
        out += len(value).to_bytes(4, "little")
        for key, item in value.items():
            self.key.write(out, key)
            self.value.write(out, item)

    def read(self, reader: Reader) -> dict[K, V]:
        count = reader.number(4)
        if count > reader.left:
            raise ShortRead(needed=count, left=reader.left, rule="WIRE-2")
        return {self.key.read(reader): self.value.read(reader) for _ in range(count)}
