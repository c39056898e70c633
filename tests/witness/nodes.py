"""Vectors of what nodes say to each other behind the banner bit MSGR_EXT."""

from __future__ import annotations

from collections.abc import Iterator
from struct import pack
from typing import Any

from .encoder import address_vector, blob, modern
from .topic import Vector, invalid, valid
from .values import LOCAL, V4

HELLO, ACCEPT, REJECT, PART = 0xC0, 0xC1, 0xC2, 0xC3
NAMES = {HELLO: "node-hello", ACCEPT: "node-accept", REJECT: "node-reject"}
RULES = {HELLO: "NODE-2", ACCEPT: "NODE-11", REJECT: "NODE-8"}
LARGEST = 2**64 - 1

Fields = dict[str, Any]
Case = tuple[int, str, Fields, bytes]

SILENT: Fields = {
    "cluster": "",
    "accepted_clusters": [],
    "version": "",
    "accepted_versions": [],
    "node": "0",
    "host": "",
    "target_node": "0",
    "target_host": "",
    "scope": "",
    "program": {"pid": "0", "started": [0, 0], "serial": "0"},
    "encryption": 1,
    "purpose": 0,
    "cookie": "00" * 16,
    "listening": [],
    "part_limit": "0",
    "padding_wanted": 0,
    "padding": "",
}
FULL: Fields = SILENT | {
    "cluster": "prod-2",
    "accepted_clusters": ["prod-2", "prod-1"],
    "version": "stable-24-3",
    "accepted_versions": ["stable-24-3", "stable-24-2"],
    "node": "7",
    "host": "seven.example",
    "target_node": "9",
    "target_host": "neun.example",
    "scope": "mieter/ß",
    "program": {"pid": "4711", "started": [1_700_000_000, 500_000_000], "serial": "3"},
    "encryption": 2,
    "purpose": 1,
    "cookie": bytes(range(16)).hex(),
    "listening": [LOCAL],
    "part_limit": str(64 << 20),
    "padding_wanted": 1400,
    "padding": "00" * 7,
}


def text(value: str) -> bytes:
    return blob(value.encode())


def texts(values: list[str]) -> bytes:
    return pack("<I", len(values)) + b"".join(map(text, values))


def versioned(body: bytes, version: int = 1, compat: int = 1, *, length: int | None = None) -> bytes:
    return pack("<BBI", version, compat, len(body) if length is None else length) + body


def hello_body(told: Fields, listening: bytes | None = None) -> bytes:
    """The fields of a NODE_HELLO, in their order; the listening address can only be LOCAL."""
    program = told["program"]
    addresses = address_vector(*[modern(2, 0, V4) for _ in told["listening"]]) if listening is None else listening
    return (
        text(told["cluster"])
        + texts(told["accepted_clusters"])
        + text(told["version"])
        + texts(told["accepted_versions"])
        + pack("<Q", int(told["node"]))
        + text(told["host"])
        + pack("<Q", int(told["target_node"]))
        + text(told["target_host"])
        + text(told["scope"])
        + pack("<QIIQ", int(program["pid"]), *program["started"], int(program["serial"]))
        + pack("<BB", told["encryption"], told["purpose"])
        + bytes.fromhex(told["cookie"])
        + addresses
        + pack("<QI", int(told["part_limit"]), told["padding_wanted"])
        + blob(bytes.fromhex(told["padding"]))
    )


def hello(told: Fields) -> bytes:
    return versioned(hello_body(told))


def accept(checked: bool, padding: bytes = b"") -> bytes:
    return versioned(bytes([checked]) + blob(padding))


def reject(kind: int, rule: str, reason: str) -> bytes:
    return versioned(bytes([kind]) + text(rule) + text(reason))


def cases() -> Iterator[Case]:
    yield HELLO, "silent", SILENT, hello(SILENT)
    yield HELLO, "full", FULL, hello(FULL)
    numbers = {"node": str(LARGEST), "target_node": str(LARGEST), "part_limit": str(LARGEST)}
    largest = SILENT | numbers | {"padding_wanted": 2**32 - 1, "encryption": 255, "purpose": 255}
    yield HELLO, "largest-and-unknown-numbers", largest, hello(largest)
    yield ACCEPT, "come-in", {"reverse_checked": False, "padding": ""}, accept(False)
    yield ACCEPT, "checked-and-padded", {"reverse_checked": True, "padding": "00" * 20}, accept(True, bytes(20))
    for kind, name in ((1, "permanent"), (2, "transient"), (3, "session-mismatch"), (77, "unknown-kind")):
        said = {"kind": kind, "rule": "NODE-3", "reason": f"«{name}»"}
        yield REJECT, name, said, reject(kind, "NODE-3", f"«{name}»")
    yield REJECT, "no-words", {"kind": 1, "rule": "", "reason": ""}, reject(1, "", "")
    ugly = "\x1b[2J\n\u202e"
    yield REJECT, "ugly-words", {"kind": 2, "rule": "", "reason": ugly}, reject(2, "", ugly)


def vectors() -> Iterator[Vector]:
    whole: dict[int, tuple[Fields, bytes]] = {}
    for tag, ident, fields, wire in cases():
        whole[tag] = fields, wire
        yield valid(f"{NAMES[tag]}-{ident}", RULES[tag], wire, "Extended", tag=tag, fields=fields)
    for tag, (fields, wire) in whole.items():
        name, body = NAMES[tag], wire[6:]
        later = versioned(body + b"more", 2, 1)
        yield valid(f"{name}-later", "WIRE-3", later, "NotSent", "Trailing", "Extended", tag=tag, fields=fields)
        yield invalid(f"{name}-not-for-us", "WIRE-3", versioned(body, 2, 2), "DecodeError", "Extended", tag=tag)
        yield invalid(f"{name}-version-0", "WIRE-3", versioned(body, 0, 0), "DecodeError", "Extended", tag=tag)
        yield invalid(f"{name}-cut", "WIRE-1", wire[:-1], "ShortRead", "Cut", "Extended", tag=tag)
        yield invalid(f"{name}-nothing", "WIRE-1", b"", "ShortRead", "Cut", "Extended", tag=tag)
        short = versioned(body, length=len(body) - 1)
        yield invalid(f"{name}-says-it-is-shorter", "WIRE-1", short, "ShortRead", "InnerLength", "Extended", tag=tag)
        long = versioned(body, length=2**32 - 1)
        yield invalid(f"{name}-four-gigabytes", "WIRE-1", long, "ShortRead", "InnerLength", "Extended", tag=tag)
    yield from parts()
    many = versioned(text("") + pack("<I", 2**32 - 1) + bytes(100))
    yield invalid("node-hello-clusters-four-billion", "WIRE-2", many, "ShortRead", "InnerLength", "Extended", tag=HELLO)
    latin = versioned(blob(b"caf\xe9") + hello_body(SILENT)[4:])
    yield invalid("node-hello-cluster-in-latin-1", "WIRE-2", latin, "DecodeError", "Extended", tag=HELLO)
    marker = versioned(hello_body(SILENT, listening=b"\x03" + bytes(40)))
    yield invalid("node-hello-address-marker-3", "ADDR-3", marker, "DecodeError", "Extended", tag=HELLO)
    surrogate = versioned(b"\x01" + text("NODE-3") + blob(b"\xed\xa0\x80"))
    yield invalid("node-reject-surrogate", "WIRE-2", surrogate, "DecodeError", "Extended", tag=REJECT)


def parts() -> Iterator[Vector]:
    """The first segment of a MESSAGE_PART; it is no control frame, and its other segments are the message's."""
    for ident, channel, offset in (
        ("begins", 0, 0),
        ("goes-on", 7, 65536),
        ("largest", 2**16 - 1, LARGEST),
        ("each-byte-its-own", 0x0201, 0x0A09080706050403),
    ):
        fields = {"channel": channel, "offset": str(offset)}
        wire = pack("<HQ", channel, offset)
        yield valid(f"message-part-{ident}", "CHANNEL-4", wire, "Extended", tag=PART, fields=fields)
    for size in (0, 2, 9):
        yield invalid(f"message-part-{size}-bytes", "WIRE-1", bytes(size), "ShortRead", "Cut", "Extended", tag=PART)
