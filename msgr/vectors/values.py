"""Values and records as vectors write them down: 64-bit numbers as decimal strings, bytes in hex."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, Final, TypeVar

from ..wire import (
    Codec,
    EntityAddr,
    EntityName,
    Fixed,
    Map,
    Nested,
    Raw,
    Record,
    Timestamp,
    Vec,
    address,
    address_vector,
    blob,
    boolean,
    i16,
    i32,
    i64,
    layout,
    rest,
    text,
    u8,
    u16,
    u32,
    u64,
)
from .outcome import expect

R = TypeVar("R", bound=Record)

TYPES: Final[Mapping[str, Codec[Any]]] = {
    "u8": u8,
    "u16": u16,
    "u32": u32,
    "u64": u64,
    "i16": i16,
    "i32": i32,
    "i64": i64,
    "bool": boolean,
    "blob": blob,
    "text": text,
    "vec-u32": Vec(u32),
    "map-u32-text": Map(u32, text),
    "map-text-blob": Map(text, blob),
    "timestamp": Nested(Timestamp),
}


def address_of(parts: Mapping[str, Any]) -> EntityAddr:
    """Return the address that a vector describes."""
    host = None if parts["host"] is None else ip_address(parts["host"])
    rest = {key: parts[key] for key in ("type", "nonce", "port", "flowinfo", "scope_id")}
    return EntityAddr(host=host, opaque=bytes.fromhex(parts["opaque"]), **rest)


def value_of(codec: Codec[Any], written: Any) -> Any:
    """Return the value of a wire type that a vector writes as `written`."""
    match codec:
        case Fixed(size=8):
            return int(written)
        case Raw():
            return bytes.fromhex(written)
        case Vec(item=item):
            return tuple(value_of(item, one) for one in written)
        case Map(key=key, value=value):
            return {value_of(key, one): value_of(value, other) for one, other in written}
        case Nested(cls=cls) if cls is Timestamp:
            return Timestamp(seconds=written[0], nanoseconds=written[1])
        case Nested(cls=cls) if cls is EntityName:
            return EntityName.parse(written)
        case Nested(cls=cls):
            return record_of(cls, written)
    if codec in (blob, rest):
        return bytes.fromhex(written)
    if codec is address:
        return address_of(written)
    if codec is address_vector:
        return tuple(map(address_of, written))
    return written


def record_of(cls: type[R], written: Mapping[str, Any]) -> R:
    """Return the record that a vector describes field by field; raises Mismatch where it has other fields."""
    codecs = dict(layout(cls))
    expect(f"the fields of {cls.__name__}", set(written), set(codecs))
    return cls(**{name: value_of(codec, written[name]) for name, codec in codecs.items()})
