"""Declared layouts: say the fields once, and both directions follow.

::

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Keepalive(Record):
        seconds: Annotated[int, u32]
        nanoseconds: Annotated[int, u32]

The annotations' codecs, in the order of the fields, are the layout. Runs of fixed-size fields become one `struct`
operation. Bytes after the last field are left unread: newer peers may append (WIRE-3).

What reads and writes a record is written out as Python when its class is first used, as `dataclasses` does with
`__init__`: a handshake has some seventy records, and walking through their layouts took a tenth of its time.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from struct import Struct
from struct import error as struct_error
from typing import Any, Final, NamedTuple, Self, get_type_hints

from ..errors import ConfigError
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
        _COMPILED[type(self)].write(self, out)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read a record where `reader` stands; raises DecodeError."""
        record: Self = _COMPILED[cls].read(cls, reader)
        return record


class Nested:
    """A record in place, as a field of another."""

    __slots__ = ("cls", "read")

    def __init__(self, cls: type[Record]) -> None:
        self.cls = cls
        self.read: Callable[[Reader], Any] = cls.read

    def write(self, out: bytearray, value: Record) -> None:
        value.write(out)


def layout(cls: type[Record]) -> tuple[tuple[str, Codec[Any]], ...]:
    """Return the declared fields of a record: names and codecs, in wire order."""
    hints = get_type_hints(cls, include_extras=True)
    return tuple((name, hint.__metadata__[0]) for name, hint in hints.items() if hasattr(hint, "__metadata__"))


Misfit: Final = struct_error
"""What `Row.pack` raises for a number that its field cannot hold."""


class Row:
    """The layout of a record whose fields all have a fixed size, for those too many to make objects of."""

    __slots__ = ("pack", "size", "take")

    def __init__(self, cls: type[Record]) -> None:
        codecs = [codec for _, codec in layout(cls)]
        struct = Struct("<" + "".join(codec.code for codec in codecs if isinstance(codec, Fixed)))
        self.size = struct.size
        self.pack = struct.pack
        """Return the bytes of the fields in their order; raises Misfit."""
        self.take = struct.unpack
        """Return the fields in their order, from `size` bytes: that they are as many, the caller makes sure of."""


class _Code(NamedTuple):
    """The two functions of a record class."""

    read: Callable[[type[Any], Reader], Any]
    write: Callable[[Any, bytearray], None]


class _Compiled(dict[type[Record], _Code]):
    """The functions of the record classes met so far; each class is compiled when it is first asked for."""

    def __missing__(self, cls: type[Record]) -> _Code:
        code = self[cls] = _compile(cls)
        return code


_COMPILED: Final = _Compiled()


def _compile(cls: type[Record]) -> _Code:
    """Return what reads and what writes the layout of `cls`.

    For Timestamp it is::

        def read(_cls, _reader):
            (seconds, nanoseconds,) = _reader.unpack(_run0)
            return _cls(seconds=seconds, nanoseconds=nanoseconds)

        def write(_self, _out):
            try:
                _out += _run0.pack(_self.seconds, _self.nanoseconds)
            except _error as error:
                raise _misfit(_self, 'seconds, nanoseconds', error) from None

    All of it is made from the fields of our own classes: nothing that a peer sends gets there.
    """
    given: dict[str, Any] = {"_error": struct_error, "_misfit": _misfit}
    reading, writing, fields = ["def read(_cls, _reader):"], ["def write(_self, _out):", "    pass"], layout(cls)
    for place, (fixed, run) in enumerate(groupby(fields, key=lambda field: isinstance(field[1], Fixed))):
        names, codecs = zip(*run, strict=True)
        if fixed:
            given[f"_run{place}"] = Struct("<" + "".join(codec.code for codec in codecs))
            reading += [f"    ({', '.join(names)},) = _reader.unpack(_run{place})"]
            writing += [
                "    try:",
                f"        _out += _run{place}.pack({', '.join(f'_self.{name}' for name in names)})",
                "    except _error as error:",
                f"        raise _misfit(_self, {', '.join(names)!r}, error) from None",
            ]
            converts = {name: codec.convert for name, codec in zip(names, codecs, strict=True) if codec.convert}
            given |= {f"_convert_{name}": convert for name, convert in converts.items()}
            reading += [f"    {name} = _convert_{name}({name})" for name in converts]
        else:
            for name, codec in zip(names, codecs, strict=True):
                given |= {f"_read_{name}": codec.read, f"_write_{name}": codec.write}
                reading += [f"    {name} = _read_{name}(_reader)"]
                writing += [f"    _write_{name}(_out, _self.{name})"]
    reading += [f"    return _cls({', '.join(f'{name}={name}' for name, _ in fields)})"]
    exec("\n".join(reading + writing), given)
    return _Code(given["read"], given["write"])


def _misfit(record: Record, names: str, error: Exception) -> ConfigError:
    return ConfigError(f"{type(record).__name__} ({names}): {error}")
