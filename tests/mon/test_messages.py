"""Front segments and maps against their vectors, and against any bytes at all."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msgr import EntityAddr
from msgr.errors import DecodeError
from msgr.mon import MgrMap, MonInfo, MonMap, maps, messages
from msgr.mon.messages import Front, MessageType, Request
from msgr.vectors import Vector, check
from msgr.wire import Record
from tests.vector_files import each, load
from tests.wire.strategies import FEW, records


def described() -> dict[str, type[Record]]:
    """All records of this floor by name."""
    found = {name: cls for module in (messages, maps) for name, cls in vars(module).items() if isinstance(cls, type)}
    bases = {"Front", "Request", "Paxos", "Record", "Versioned"}
    return {
        name: cls
        for name, cls in found.items()
        if issubclass(cls, Record) and cls.__module__.startswith("msgr.mon") and name not in bases
    }


RECORDS = described()
FRONTS = {name: cls for name, cls in RECORDS.items() if issubclass(cls, Front)}
IN_OTHERS = {"Wish", "EntityInstance", "MonFeature"}
"""Structs that are nothing but a part of others."""

EACH = pytest.mark.parametrize("cls", RECORDS.values(), ids=RECORDS)


@each("mon")
def test_vector(vector: Vector) -> None:
    check(vector)


def test_everything_has_vectors_of_both_results() -> None:
    found = {(vector["what"], vector["result"]) for vector in load("mon")}
    wanted = {(name, result) for name in RECORDS.keys() - IN_OTHERS for result in ("valid", "invalid")}
    assert found == wanted - {("MonGetMap", "invalid")}  # it is empty: there is nothing to get wrong


@EACH
@FEW
@given(data=st.data())
def test_every_value_round_trips(cls: type[Record], data: st.DataObject) -> None:
    record = data.draw(records(cls))
    assert cls.decode(record.encode()) == record


@EACH
@FEW
@given(data=st.binary(max_size=200))
def test_any_bytes_give_a_value_or_a_decode_error(cls: type[Record], data: bytes) -> None:
    try:
        record = cls.decode(data)
    except DecodeError:
        return
    assert cls.decode(record.encode()) == record


WIRES = [(vector["what"], vector.wire) for vector in load("mon") if vector["result"] == "valid"]


@given(st.sampled_from(WIRES), st.data())
def test_spoilt_bytes_give_a_value_or_a_decode_error(known: tuple[str, bytes], data: st.DataObject) -> None:
    """What is nearly right goes deeper than noise does."""
    what, wire = known
    spoilt = bytearray(wire)
    for _ in range(data.draw(st.integers(1, 3)) if wire else 0):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    try:
        RECORDS[what].decode(spoilt)
    except DecodeError:
        return


def test_messages_have_the_number_and_versions_of_their_type() -> None:
    for cls in FRONTS.values():
        assert cls.TYPE in MessageType
        assert cls.COMPAT <= cls.VERSION
    message = messages.MonSubscribe(what={}).message(tid=7, data=b"data")
    assert (message.type, message.version, message.compat_version, message.tid) == (15, 3, 1, 7)
    assert (bytes(message.front), bytes(message.data)) == (bytes(8), b"data")
    requests = {cls.__name__: (cls.TYPE, cls.REPLY) for cls in FRONTS.values() if issubclass(cls, Request)}
    assert requests == {
        "Auth": (17, 18),
        "MonGetVersion": (19, 20),
        "MonCommand": (50, 51),
        "Command": (97, 98),
        "MgrCommand": (0x709, 0x70A),
    }


def test_what_may_be_secret_is_not_shown() -> None:
    secret = b"\x5a\x5a\x5a\x5a"
    for shown in (
        messages.Auth(protocol=2, payload=secret),
        messages.AuthReply(protocol=2, result=0, global_id=1, payload=secret),
        messages.MonMapMessage(monmap=secret),
    ):
        assert "ZZZZ" not in repr(shown)


class TestMaps:
    def test_addresses_in_the_order_of_the_ranks(self) -> None:
        old = EntityAddr.parse("v1:127.0.0.1:6789")
        addresses = {name: EntityAddr.parse(f"v2:127.0.0.1:{port}") for port, name in enumerate("abc", 3300)}
        mons = {name: MonInfo(name=name, addresses=(old, address)) for name, address in addresses.items()}
        mons["old"] = MonInfo(name="old", addresses=(old,))
        monmap = MonMap(fsid_bytes=bytes(16), epoch=1, mons=mons, ranks=("c", "gone", "a"), release=16)
        assert list(monmap.addresses.items()) == [(name, addresses[name]) for name in "cab"]
        assert monmap.fsid == UUID(int=0)

    def test_a_manager_that_is_not_available_has_no_address(self) -> None:
        address = EntityAddr.parse("v2:127.0.0.1:6800/7")
        assert MgrMap(epoch=1, addresses=(address,), available=True).address == address
        assert MgrMap(epoch=1, addresses=(address,)).address is None
        assert MgrMap(epoch=1, available=True).address is None
