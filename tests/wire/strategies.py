"""Hypothesis strategies, derived from the declared layouts: a new field is tested from its first day."""

from __future__ import annotations

from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st

from msgr.wire import (
    Codec,
    EntityAddr,
    Fixed,
    Map,
    Nested,
    Raw,
    Record,
    Vec,
    address,
    address_vector,
    blob,
    boolean,
    layout,
    rest,
    text,
)

R = TypeVar("R", bound=Record)

FEW = settings(max_examples=40)
"""For a property that is tried for each of many types in turn."""

U16 = st.integers(0, 2**16 - 1)
U32 = st.integers(0, 2**32 - 1)
TYPES = st.integers(0, 4) | U32  # with a name, just beyond, anything


def _is_unknown(sockaddr: bytes) -> bool:
    return any(sockaddr) and int.from_bytes(sockaddr[:2], "little") not in (2, 10)


addresses: st.SearchStrategy[EntityAddr] = st.one_of(
    st.builds(EntityAddr, type=TYPES, nonce=U32),
    st.builds(EntityAddr, type=TYPES, nonce=U32, host=st.ip_addresses(v=4), port=U16),
    st.builds(
        EntityAddr, type=TYPES, nonce=U32, host=st.ip_addresses(v=6), port=U16, flowinfo=U32, scope_id=st.just(0) | U32
    ),
    st.builds(EntityAddr, type=TYPES, nonce=U32, opaque=st.binary(min_size=2, max_size=28).filter(_is_unknown)),
)


def values(codec: Codec[Any]) -> st.SearchStrategy[Any]:
    """Everything that a wire type can hold."""
    match codec:
        case Fixed():
            if codec is boolean:
                return st.booleans()
            bits = 8 * codec.size
            return (
                st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
                if codec.code.islower()
                else st.integers(0, 2**bits - 1)
            )
        case Raw(size=size):
            return st.binary(min_size=size, max_size=size)
        case Vec(item=item):
            return st.lists(values(item), max_size=5).map(tuple)
        case Map(key=key, value=value):
            return st.dictionaries(values(key), values(value), max_size=4)
        case Nested(cls=cls):
            return records(cls)
    simple = {
        blob: st.binary(max_size=70),
        rest: st.binary(max_size=70),
        text: st.text(max_size=20),
        address: addresses,
        address_vector: st.lists(addresses, max_size=3).map(tuple),
    }
    return simple[codec]


def records(cls: type[R]) -> st.SearchStrategy[R]:
    """Every value of a declared record."""
    return st.builds(cls, **{name: values(codec) for name, codec in layout(cls)})
