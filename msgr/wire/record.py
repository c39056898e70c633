"""Declared layouts: say the fields once, and both directions follow.

::

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Keepalive(Record):
        seconds: Annotated[int, u32]
        nanoseconds: Annotated[int, u32]

The annotations' codecs, in the order of the fields, are the layout. Runs of fixed-size fields become one `struct`
operation. Bytes after the last field are left unread: newer peers may append (WIRE-3).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from struct import Struct
from struct import error as struct_error
from typing import Any, Final, Self, get_type_hints

from ..errors import ConfigError, ShortRead
from .codec import Codec, Fixed
from .cursor import Octets, Reader


class Record:
    """The base of all declared layouts."""

    __slots__ = ()

    def encode(self) -> bytes:
        """Return the bytes of this record; raises ConfigError where a field does not fit its wire type."""
        out = bytearray()
        self.write(out)
        return bytes(out)

    @classmethod
    def decode(cls, data: Octets) -> Self:
        """Read a record off the front of `data`; raises DecodeError."""
        return cls.read(Reader(data))

    def write(self, out: bytearray) -> None:
        """Append the bytes of this record to `out`."""
        for run in _runs(type(self)):
            run.write(out, self)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read a record where `reader` stands; raises DecodeError."""
        values: dict[str, Any] = {}
        for run in _runs(cls):
            run.read(reader, values)
        return cls(**values)


class Nested:
    """A record in place, as a field of another."""

    __slots__ = ("cls",)

    def __init__(self, cls: type[Record]) -> None:
        self.cls = cls

    def write(self, out: bytearray, value: Record) -> None:
        value.write(out)

    def read(self, reader: Reader) -> Any:
        return self.cls.read(reader)


class _FixedRun:
    """Neighbouring fields of fixed size, packed and unpacked in one go."""

    def __init__(self, names: tuple[str, ...], codecs: tuple[Fixed[Any], ...]) -> None:
        self.names = names
        self.struct = Struct("<" + "".join(codec.code for codec in codecs))
        self.converts = [(name, codec.convert) for name, codec in zip(names, codecs, strict=True) if codec.convert]

    def write(self, out: bytearray, record: Record) -> None:
        try:
            out += self.struct.pack(*[getattr(record, name) for name in self.names])
        except struct_error as error:
            raise ConfigError(f"{type(record).__name__} ({', '.join(self.names)}): {error}") from None

    def read(self, reader: Reader, values: dict[str, Any]) -> None:
        size = self.struct.size
        if size > reader.left:
            raise ShortRead(needed=size, left=reader.left)
        values.update(zip(self.names, self.struct.unpack(reader.view(size)), strict=True))
        for name, convert in self.converts:
            values[name] = convert(values[name])


class _Field:
    """One field of varying size."""

    def __init__(self, name: str, codec: Codec[Any]) -> None:
        self.name = name
        self.codec = codec

    def write(self, out: bytearray, record: Record) -> None:
        self.codec.write(out, getattr(record, self.name))

    def read(self, reader: Reader, values: dict[str, Any]) -> None:
        values[self.name] = self.codec.read(reader)


def layout(cls: type[Record]) -> tuple[tuple[str, Codec[Any]], ...]:
    """Return the declared fields of a record: names and codecs, in wire order."""
    hints = get_type_hints(cls, include_extras=True)
    return tuple((name, hint.__metadata__[0]) for name, hint in hints.items() if hasattr(hint, "__metadata__"))


class Row:
    """The layout of a record whose fields all have a fixed size, for those too many to make objects of."""

    __slots__ = ("_name", "_struct", "size")

    def __init__(self, cls: type[Record]) -> None:
        codecs = [codec for _, codec in layout(cls)]
        self._name = cls.__name__
        self._struct = Struct("<" + "".join(codec.code for codec in codecs if isinstance(codec, Fixed)))
        self.size = self._struct.size

    def pack(self, *values: int) -> bytes:
        """Return the bytes of the fields in their order; raises ConfigError."""
        try:
            return self._struct.pack(*values)
        except struct_error as error:
            raise ConfigError(f"{self._name}: {error}") from None

    def take(self, data: Octets) -> tuple[int, ...]:
        """Return the fields in their order; raises ShortRead where `data` is not of the size of a record."""
        if len(data) != self.size:
            raise ShortRead(needed=self.size, left=len(data))
        return self._struct.unpack(data)


_RUNS: Final[dict[type[Record], tuple[_FixedRun | _Field, ...]]] = {}


def _runs(cls: type[Record]) -> tuple[_FixedRun | _Field, ...]:
    """Return the compiled layout of `cls`, compiling it the first time."""
    runs = _RUNS.get(cls)
    if runs is None:
        runs = _RUNS[cls] = tuple(_compile(layout(cls)))
    return runs


def _compile(fields: tuple[tuple[str, Codec[Any]], ...]) -> Iterator[_FixedRun | _Field]:
    for fixed, group in groupby(fields, key=lambda field: isinstance(field[1], Fixed)):
        if fixed:
            names, codecs = zip(*group, strict=True)
            yield _FixedRun(names, codecs)
        else:
            yield from (_Field(name, codec) for name, codec in group)
