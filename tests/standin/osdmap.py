"""An OSD map: made by Ceph's own osdmaptool, with addresses that this tool cannot set.

Only what stands before the addresses is understood; the rest is carried.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final

from msgr.wire import (
    SEGMENT_SEED,
    EntityAddr,
    Map,
    Nested,
    Raw,
    Record,
    Timestamp,
    Vec,
    address_vector,
    blob,
    checksum,
    i32,
    i64,
    rest,
    text,
    u8,
    u32,
)

_CHECKSUM_SIZE: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Opaque(Record):
    """A versioned structure of which only the length is understood."""

    version: Annotated[int, u8]
    compat: Annotated[int, u8]
    body: Annotated[bytes, blob]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientPart(Record):
    """The beginning of what clients need of an OSD map."""

    fsid: Annotated[bytes, Raw(16)]
    epoch: Annotated[int, u32]
    created: Annotated[Timestamp, Nested(Timestamp)]
    modified: Annotated[Timestamp, Nested(Timestamp)]
    pools: Annotated[Mapping[int, Opaque], Map(i64, Nested(Opaque))]
    names: Annotated[Mapping[int, str], Map(i64, text)]
    last_pool: Annotated[int, i32]
    flags: Annotated[int, u32]
    last_osd: Annotated[int, i32]
    states: Annotated[tuple[int, ...], Vec(u32)]
    weights: Annotated[tuple[int, ...], Vec(u32)]
    addresses: Annotated[tuple[tuple[EntityAddr, ...], ...], Vec(address_vector)]
    tail: Annotated[bytes, rest]


@dataclass(frozen=True, slots=True, kw_only=True)
class OsdMap(Record):
    """An OSD map as the monitors store it: a part for clients, one for OSDs, and a checksum of all before it."""

    version: Annotated[int, u8]
    compat: Annotated[int, u8]
    body: Annotated[bytes, blob]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body(Record):
    clients: Annotated[Opaque, Nested(Opaque)]
    osds: Annotated[Opaque, Nested(Opaque)]
    checksum: Annotated[int, u32]


def make_osd_map(directory: Path, *, fsid: bytes, osd: EntityAddr) -> bytes:
    """Return the first epoch of a map with `osd.0`, which is up and in at that address, and a pool named `rbd`."""
    path = directory / "osdmap"
    made = ["osdmaptool", "--createsimple", "1", "--with-default-pool", "--mark-up-in", "--clobber", str(path)]
    subprocess.run(made, check=True, capture_output=True, timeout=20)
    return readdressed(path.read_bytes(), fsid=fsid, osd=osd)


def readdressed(data: bytes, *, fsid: bytes, osd: EntityAddr) -> bytes:
    """Return an OSD map of another cluster, whose only OSD is at another address."""
    whole = OsdMap.decode(data)
    body = _Body.decode(whole.body)
    if checksum(data[:-_CHECKSUM_SIZE], SEGMENT_SEED) != body.checksum:
        raise ValueError("an OSD map with a wrong checksum, or one of an unknown layout")
    clients = replace(ClientPart.decode(body.clients.body), fsid=fsid, addresses=((osd,),))
    body = replace(body, clients=replace(body.clients, body=clients.encode()))
    unsigned = replace(whole, body=body.encode()).encode()[:-_CHECKSUM_SIZE]
    return unsigned + checksum(unsigned, SEGMENT_SEED).to_bytes(_CHECKSUM_SIZE, "little")
