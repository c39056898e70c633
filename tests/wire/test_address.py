"""Addresses and names: bytes both ways, and the forms that people write."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msgr.errors import ConfigError, DecodeError, ShortRead
from msgr.wire import (
    AddressType,
    Endpoint,
    EntityAddr,
    EntityName,
    EntityType,
    Reader,
    Timestamp,
    address_vector,
    type_name,
    unmapped,
)
from tests.wire.strategies import addresses, records
from tests.witness import encoder


@pytest.mark.parametrize(
    ("host", "itself"),
    [("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("::ffff:0.0.0.0", "0.0.0.0"), ("::1", "::1")],
)
def test_an_ipv4_address_dressed_up_as_ipv6(host: str, itself: str) -> None:
    assert unmapped(ip_address(host)) == ip_address(itself)


@given(addresses)
def test_addresses_round_trip(addr: EntityAddr) -> None:
    assert EntityAddr.decode(addr.encode()) == addr


@given(addresses, st.integers(1, 19))
def test_a_cut_address_is_refused(addr: EntityAddr, missing: int) -> None:
    with pytest.raises(ShortRead):
        EntityAddr.decode(addr.encode()[:-missing])


def nearly(wire: bytes) -> st.SearchStrategy[bytes]:
    """`wire` with some of its bytes changed: arbitrary bytes seldom get beyond a first marker."""
    changes = st.lists(st.tuples(st.integers(0, len(wire) - 1), st.integers(0, 255)), max_size=4)

    def changed(places: list[tuple[int, int]]) -> bytes:
        spoilt = bytearray(wire)
        for place, byte in places:
            spoilt[place] = byte
        return bytes(spoilt)

    return changes.map(changed)


FORMS = [
    encoder.modern(2, 0, encoder.sockaddr("127.0.0.1", 6789)),
    encoder.modern(2, 0, encoder.sockaddr("fe80::1", 6789, scope_id=2)),
    encoder.modern(0, 0, bytes(28)),
    encoder.legacy(7, encoder.sockaddr("127.0.0.1", 6789, order=">")),
    encoder.legacy(7, encoder.sockaddr("fe80::1", 6789, order=">")),
]


@given(st.binary(max_size=160) | st.one_of(*map(nearly, FORMS)))
def test_any_bytes_give_an_address_or_a_decode_error(data: bytes) -> None:
    try:
        addr = EntityAddr.decode(data)
    except DecodeError:
        return
    assert EntityAddr.decode(addr.encode()) == addr
    assert str(addr)
    assert len(addr.sort_key()) == 36


@given(st.binary(max_size=160) | st.one_of(*map(nearly, [*FORMS, encoder.address_vector(*FORMS)])))
def test_any_bytes_give_a_vector_or_a_decode_error(data: bytes) -> None:
    try:
        found = address_vector.read(Reader(data))
    except DecodeError:
        return
    out = bytearray()
    address_vector.write(out, found)
    assert address_vector.read(Reader(out)) == found


def test_a_huge_count_is_refused_before_anything_is_built() -> None:
    reader = Reader(b"\x02" + b"\xff" * 4 + FORMS[0] * 10)
    tracemalloc.start()
    with pytest.raises(ShortRead, match="ADDR-3"):
        address_vector.read(reader)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000


@given(addresses.filter(lambda addr: addr.host is not None), st.sampled_from(AddressType))
def test_what_is_printed_can_be_parsed(addr: EntityAddr, kind: AddressType) -> None:
    written = replace(addr, type=kind, flowinfo=0)
    assert EntityAddr.parse(str(written)) == written


def test_parse_reads_every_part() -> None:
    assert EntityAddr.parse("v2:127.0.0.1:6789") == EntityAddr(AddressType.MSGR2, 0, ip_address("127.0.0.1"), 6789)
    assert EntityAddr.parse("v1:[::1]:0/7") == EntityAddr(AddressType.LEGACY, 7, ip_address("::1"))
    scoped = EntityAddr(AddressType.ANY, 0, ip_address("fe80::1"), 1, scope_id=4294967295)
    assert EntityAddr.parse("any:[fe80::1%4294967295]:1") == scoped
    assert Endpoint.parse("v2:mon-a.example:3300/12") == Endpoint(AddressType.MSGR2, "mon-a.example", 3300, 12)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "v2",
        "v2:",
        "v2:127.0.0.1",
        "v2::6789",
        "v2:[]:6789",
        "v3:127.0.0.1:6789",
        "127.0.0.1:6789",
        "v2:::1:6789",
        "v2:127.0.0.1:",
        "v2:127.0.0.1:65536",
        "v2:127.0.0.1:-1",
        "v2:127.0.0.1:\uff11",
        "v2:127.0.0.1:99999999999",
        "v2:127.0.0.1:1/",
        "v2:127.0.0.1:1/x",
        "v2:127.0.0.1:1/4294967296",
        "v2:mon-a:6789",
        "v2:127.0.0.256:6789",
        "v2:127.0.0.1%1:6789",
        "v2:[fe80::1%eth0]:6789",
        "v2:[fe80::1%4294967296]:6789",
    ],
)
def test_parse_refuses(written: str) -> None:
    with pytest.raises(ConfigError):
        EntityAddr.parse(written)


@given(st.text(max_size=30) | st.from_regex(r"(v[123]|any|none):[0-9a-f:.%\[\]]{0,20}:[0-9]{0,6}(/[0-9]{0,11})?"))
def test_parse_has_one_way_to_fail(written: str) -> None:
    try:
        addr = EntityAddr.parse(written)
    except ConfigError:
        return
    assert EntityAddr.parse(str(addr)) == addr
    assert EntityAddr.decode(addr.encode()) == addr


@pytest.mark.parametrize(
    "addr",
    [
        EntityAddr(-1),
        EntityAddr(1 << 32),
        EntityAddr(2, nonce=1 << 32),
        EntityAddr(2, host=ip_address("127.0.0.1"), port=1 << 16),
        EntityAddr(2, host=ip_address("::1"), flowinfo=1 << 32),
        EntityAddr(2, host=ip_address("::1"), scope_id=1 << 32),
        EntityAddr(2, host=ip_address("::1"), scope_id=-1),
    ],
)
def test_what_does_not_fit_is_the_callers_mistake(addr: EntityAddr) -> None:
    with pytest.raises(ConfigError):
        addr.encode()


def test_addresses_sort_by_type_nonce_and_socket_address() -> None:
    one = EntityAddr.parse("v2:127.0.0.1:6789/1")
    assert one.sort_key() == bytes.fromhex("0200000001000000" + "02001a857f000001") + bytes(20)
    assert EntityAddr(2, 1).sort_key() < one.sort_key() < EntityAddr.parse("v2:127.0.0.1:6789/2").sort_key()


@given(records(EntityName))
def test_names_round_trip(name: EntityName) -> None:
    assert EntityName.decode(name.encode()) == name
    if name.type in (1, 2, 4, 8, 16):
        assert EntityName.parse(str(name)) == name


@pytest.mark.parametrize("name", ["", "admin", "clients.admin", "CLIENT.admin", "auth.x", "any.x", "type-8.x", ".x"])
def test_name_refuses(name: str) -> None:
    with pytest.raises(ConfigError):
        EntityName.parse(name)


def test_every_entity_type_has_a_name() -> None:
    assert [type_name(member) for member in EntityType] == ["mon", "mds", "osd", "client", "mgr", "auth", "any"]
    assert type_name(3) == "type-3"


def test_timestamps_have_an_order() -> None:
    assert Timestamp(seconds=1, nanoseconds=9) < Timestamp(seconds=2)
