"""Floor 1: bytes and plain values; it has never heard of a frame.

`Reader` walks through bytes, codecs name the wire types, `Record` declares layouts from them, and on top of these
stand the values that every other floor uses: addresses, entity names, timestamps, feature words and the checksum.
"""

from __future__ import annotations

from .address import AddressType, Endpoint, EntityAddr, IPAddress, address, address_vector, unmapped
from .checksum import PREAMBLE_SEED, SEGMENT_SEED, checksum
from .codec import (
    Codec,
    Fixed,
    Map,
    Raw,
    Vec,
    blob,
    boolean,
    i16,
    i32,
    i64,
    named,
    rest,
    text,
    u8,
    u16,
    u32,
    u64,
)
from .cursor import Octets, Reader
from .entity import EntityName, EntityType, type_name
from .features import MSG_ADDR2, SUPPORTED, BannerFeature, ConnectionFeatures
from .record import Misfit, Nested, Record, Row, layout
from .time import Timestamp
from .versioned import Versioned

__all__ = [
    "MSG_ADDR2",
    "PREAMBLE_SEED",
    "SEGMENT_SEED",
    "SUPPORTED",
    "AddressType",
    "BannerFeature",
    "Codec",
    "ConnectionFeatures",
    "Endpoint",
    "EntityAddr",
    "EntityName",
    "EntityType",
    "Fixed",
    "IPAddress",
    "Map",
    "Misfit",
    "Nested",
    "Octets",
    "Raw",
    "Reader",
    "Record",
    "Row",
    "Timestamp",
    "Vec",
    "Versioned",
    "address",
    "address_vector",
    "blob",
    "boolean",
    "checksum",
    "i16",
    "i32",
    "i64",
    "layout",
    "named",
    "rest",
    "text",
    "type_name",
    "u8",
    "u16",
    "u32",
    "u64",
    "unmapped",
]
