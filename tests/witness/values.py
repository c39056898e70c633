"""Vectors of floor 1: numbers, texts, lists, the checksum, names and addresses."""

from __future__ import annotations

from collections.abc import Iterator
from struct import pack
from typing import Any

from .encoder import address_vector, blob, crc, legacy, modern, sockaddr, vec32
from .topic import Topic, Vector, invalid, topic, valid

V4 = sockaddr("127.0.0.1", 6789)
V6 = sockaddr("2001:db8::7", 3300)


def topics() -> list[Topic]:
    return [
        topic(
            "primitives",
            "Wire types and their values. 64-bit numbers are decimal strings, bytes are hex.",
            primitives(),
        ),
        topic("checksum", "The bare CRC32-C register: from `seed`, over `wire`, to `checksum`.", checksums()),
        topic("entity-name", "Names of entities: u32 type and a text.", names()),
        topic("address", "One address, in the modern form (which is written) and the legacy one.", addresses()),
        topic("address-vector", "Lists of addresses in their three forms.", vectors()),
    ]


def primitives() -> Iterator[Vector]:
    def good(ident: str, kind: str, value: Any, wire: bytes, *flags: str) -> Vector:
        return valid(
            f"{kind}-{ident}", "WIRE-2" if kind in VARIABLE else "WIRE-1", wire, *flags, type=kind, value=value
        )

    def bad(ident: str, kind: str, wire: bytes, error: str = "ShortRead", *flags: str) -> Vector:
        # Only a count is held against the bytes that are left before a first item is looked at.
        rule = "WIRE-2" if error == "DecodeError" or ident == "four-billion" else "WIRE-1"
        return invalid(f"{kind}-{ident}", rule, wire, error, *flags, type=kind)

    yield good("zero", "u8", 0, b"\0")
    yield good("largest", "u8", 255, b"\xff")
    yield good("order", "u16", 0x0102, b"\x02\x01")
    yield good("order", "u32", 0x01020304, b"\x04\x03\x02\x01")
    yield good("order", "u64", str(0x0102030405060708), b"\x08\x07\x06\x05\x04\x03\x02\x01")
    yield good("largest", "u64", str(2**64 - 1), b"\xff" * 8)
    yield good("minus-one", "i16", -1, b"\xff\xff")
    yield good("errno", "i32", -95, b"\xa1\xff\xff\xff")
    yield good("smallest", "i64", str(-(2**63)), bytes(7) + b"\x80")
    yield good("false", "bool", False, b"\0")
    yield good("true", "bool", True, b"\x01")
    yield good("two-is-true", "bool", True, b"\x02", "NotSent")
    yield good("empty", "blob", "", bytes(4))
    yield good("three", "blob", "616263", blob(b"abc"))
    yield good("behind-it", "blob", "61", blob(b"a") + b"!", "NotSent", "Trailing")
    yield good("empty", "text", "", bytes(4))
    yield good("two-bytes-a-letter", "text", "né", blob("né".encode()))
    yield good("empty", "vec-u32", [], vec32())
    yield good("in-order", "vec-u32", [2, 1], vec32(2, 1))
    yield good("epoch", "timestamp", [0, 0], bytes(8))
    yield good("order", "timestamp", [1, 2], pack("<II", 1, 2))
    yield good("nanoseconds-beyond-a-second", "timestamp", [7, 2**32 - 1], pack("<II", 7, 2**32 - 1))
    for kind, size in (
        ("u8", 1),
        ("u16", 2),
        ("u32", 4),
        ("u64", 8),
        ("i32", 4),
        ("i64", 8),
        ("bool", 1),
        ("timestamp", 8),
    ):
        yield bad("cut", kind, bytes(size - 1))
    yield bad("length-cut", "blob", bytes(3))
    yield bad("one-too-many", "blob", pack("<I", 4) + b"abc")
    yield bad("four-gigabytes", "blob", b"\xff" * 4 + b"abc", "ShortRead", "HugeLength")
    yield bad("one-too-many", "text", pack("<I", 4) + b"abc")
    yield bad("not-utf8", "text", blob(b"a\xff"), "DecodeError")
    yield bad("overlong-slash", "text", blob(b"\xc0\xaf"), "DecodeError")
    yield bad("surrogate", "text", blob(b"\xed\xa0\x80"), "DecodeError")
    yield bad("letter-cut", "text", blob(b"n\xc3"), "DecodeError")
    yield bad("last-item-cut", "vec-u32", vec32(2, 1)[:-1])
    yield bad("one-too-many", "vec-u32", pack("<III", 3, 2, 1))
    yield bad("four-billion", "vec-u32", b"\xff" * 4 + bytes(16), "ShortRead", "HugeLength")


VARIABLE = {"blob", "text", "vec-u32"}


def checksums() -> Iterator[Vector]:
    # 0x58e3fa20 and 0x1cf96d7c are the check values of the two seeds; the encoder has to meet them as well.
    known = {(b"123456789", 0): 0x58E3FA20, (b"123456789", 0xFFFFFFFF): 0x1CF96D7C, (b"", 0xFFFFFFFF): 0xFFFFFFFF}
    assert all(crc(*asked) == answer for asked, answer in known.items())
    cases = [
        ("check-preamble-seed", "FRAME-3", b"123456789", 0),
        ("check-segment-seed", "FRAME-5", b"123456789", 0xFFFFFFFF),
        ("empty-preamble-seed", "FRAME-3", b"", 0),
        ("empty-segment-seed", "FRAME-5", b"", 0xFFFFFFFF),
        ("zeros-preamble-seed", "FRAME-3", bytes(28), 0),
        ("zeros-segment-seed", "FRAME-5", bytes(41), 0xFFFFFFFF),
        ("chained", "FRAME-5", b"6789", crc(b"12345", 0xFFFFFFFF)),
        ("rfc3720-zeros", "FRAME-5", bytes(32), 0xFFFFFFFF),
        ("rfc3720-ones", "FRAME-5", b"\xff" * 32, 0xFFFFFFFF),
        ("rfc3720-up", "FRAME-5", bytes(range(32)), 0xFFFFFFFF),
        ("rfc3720-down", "FRAME-5", bytes(reversed(range(32))), 0xFFFFFFFF),
    ]
    for ident, rule, data, seed in cases:
        flags = ["Rfc3720"] if ident.startswith("rfc3720") else []
        yield valid(ident, rule, data, *flags, seed=seed, checksum=crc(data, seed))


def names() -> Iterator[Vector]:
    def good(text: str, kind: int, ident: str, *flags: str) -> Vector:
        return valid(f"name-{text}", "WIRE-2", pack("<I", kind) + blob(ident.encode()), *flags, text=text)

    yield good("client.admin", 8, "admin")
    yield good("osd.3", 4, "3")
    yield good("mon.", 1, "")
    yield good("mgr.x", 16, "x")
    yield good("mds.a.b", 2, "a.b")
    yield good("type-77.x", 77, "x", "UnknownNumber")
    yield good("auth.x", 32, "x", "UnknownNumber")
    yield invalid("name-cut", "WIRE-1", pack("<I", 8) + blob(b"admin")[:-1], "ShortRead")
    yield invalid("name-without-id", "WIRE-1", pack("<I", 8), "ShortRead")
    yield invalid("name-not-utf8", "WIRE-2", pack("<I", 8) + blob(b"\xfe"), "DecodeError")


def parts(kind: int, nonce: int = 0, **fields: Any) -> dict[str, Any]:
    blank = {"type": kind, "nonce": nonce, "host": None, "port": 0, "flowinfo": 0, "scope_id": 0, "opaque": ""}
    return blank | fields


LOCAL = parts(2, host="127.0.0.1", port=6789)
WIDE = parts(2, host="2001:db8::7", port=3300)


def addresses() -> Iterator[Vector]:
    def good(ident: str, wire: bytes, address: dict[str, Any], text: str, *flags: str, rule: str = "ADDR-1") -> Vector:
        return valid(ident, rule, wire, *flags, address=address, text=text)

    local = bytes.fromhex("0101011c000000020000000000000010000000" + "02001a857f0000010000000000000000")
    assert local == modern(2, 0, V4)
    yield good("modern-ipv4", local, LOCAL, "v2:127.0.0.1:6789/0")
    yield good("modern-ipv6", modern(2, 0, V6), WIDE, "v2:[2001:db8::7]:3300/0")
    scoped = sockaddr("fe80::1", 6800, flowinfo=0x01020304, scope_id=2)
    link = parts(2, 9, host="fe80::1", port=6800, flowinfo=0x01020304, scope_id=2)
    yield good("modern-ipv6-flow-and-scope", modern(2, 9, scoped), link, "v2:[fe80::1%2]:6800/9", rule="ADDR-2")
    client = parts(3, 0xDEADBEEF, host="10.0.0.1")
    yield good("any-ipv4", modern(3, 0xDEADBEEF, sockaddr("10.0.0.1", 0)), client, "any:10.0.0.1:0/3735928559")
    largest = parts(1, 2**32 - 1, host="255.255.255.255", port=65535)
    v1 = modern(1, 2**32 - 1, sockaddr("255.255.255.255", 65535))
    yield good("v1-ipv4-largest", v1, largest, "v1:255.255.255.255:65535/4294967295")
    yield good("unset", modern(0, 0, bytes(28)), parts(0), "none:-/0", rule="ADDR-2")
    yield good("unset-any", modern(3, 5, bytes(28)), parts(3, 5), "any:-/5", rule="ADDR-2")
    yield good("unset-minimal", modern(0, 0, b""), parts(0), "none:-/0", "NotSent", rule="ADDR-2")
    unknown = bytes.fromhex("0100") + b"/run/x"
    path = parts(2, 0, opaque=unknown.hex())
    yield good(
        "unknown-family", modern(2, 0, unknown), path, f"v2:opaque:{unknown.hex()}/0", "UnknownNumber", rule="ADDR-2"
    )
    whole = bytes.fromhex("ffff") + bytes(range(26))
    full = parts(2, 0, opaque=whole.hex())
    yield good(
        "unknown-family-whole", modern(2, 0, whole), full, f"v2:opaque:{whole.hex()}/0", "UnknownNumber", rule="ADDR-2"
    )
    yield good(
        "unknown-type", modern(77, 1, V4), LOCAL | {"type": 77, "nonce": 1}, "type-77:127.0.0.1:6789/1", "UnknownNumber"
    )
    yield from not_sent_addresses()
    yield from bad_addresses()


def not_sent_addresses() -> Iterator[Vector]:
    def good(ident: str, wire: bytes, address: dict[str, Any], rule: str) -> Vector:
        return valid(ident, rule, wire, "NotSent", address=address)

    yield good("newer-version", modern(2, 0, V4, version=9), LOCAL, "WIRE-3")
    yield good("newer-version-appends", modern(2, 0, V4, version=2, more=b"more"), LOCAL, "WIRE-3")
    yield good("version-zero", modern(2, 0, V4, version=0, compat=0), LOCAL, "WIRE-3")
    yield good("ipv4-short-8", modern(2, 0, V4[:8]), LOCAL, "ADDR-2")
    yield good("ipv4-short-2", modern(2, 0, V4[:2]), LOCAL | {"host": "0.0.0.0", "port": 0}, "ADDR-2")
    yield good("ipv4-short-7", modern(2, 0, V4[:7]), LOCAL | {"host": "127.0.0.0"}, "ADDR-2")
    yield good("ipv6-short-24", modern(2, 0, V6[:24]), WIDE, "ADDR-2")
    yield good("ipv6-short-9", modern(2, 0, V6[:9]), WIDE | {"host": "2000::"}, "ADDR-2")
    yield good("ipv4-filler", modern(2, 0, V4[:8] + b"\xff" * 8), LOCAL, "ADDR-2")
    yield good("unset-16", modern(3, 0, bytes(16)), parts(3), "ADDR-2")
    yield good("address-behind-it", modern(2, 0, V4) + b"!", LOCAL, "WIRE-3")
    old = parts(1, 7, host="127.0.0.1", port=6789)
    yield good("legacy-ipv4", legacy(7, sockaddr("127.0.0.1", 6789, order=">")), old, "ADDR-1")
    wide = parts(1, 7, host="fe80::1", port=6800, flowinfo=4, scope_id=2)
    sock = sockaddr("fe80::1", 6800, flowinfo=4, scope_id=2, order=">")
    yield good("legacy-ipv6", legacy(7, sock), wide, "ADDR-1")
    yield good("legacy-unset", legacy(7, b""), parts(1, 7), "ADDR-1")
    yield good("legacy-marker-filler", b"\0\xff\xff\xff" + legacy(7, sock)[4:], wide, "ADDR-1")
    yield good("legacy-ipv4-filler", legacy(7, sockaddr("127.0.0.1", 6789, order=">") + b"\xff" * 112), old, "ADDR-1")
    # Family 512 as big-endian bytes looks like IPv4 in the little-endian of the modern form: the bytes change places.
    swapped = parts(1, 7, opaque="00020001" + "00" * 24)
    yield good("legacy-unknown-family", legacy(7, bytes.fromhex("02000001")), swapped, "ADDR-1")


def bad_addresses() -> Iterator[Vector]:
    def bad(ident: str, wire: bytes, error: str, rule: str, *flags: str) -> Vector:
        return invalid(f"address-{ident}", rule, wire, error, *flags)

    whole = modern(2, 0, V4)
    yield bad("empty", b"", "ShortRead", "WIRE-1")
    yield bad("marker-2", b"\x02" + whole[1:], "DecodeError", "ADDR-1")
    yield bad("marker-255", b"\xff" + whole[1:], "DecodeError", "ADDR-1")
    yield bad("marker-alone", b"\x01", "ShortRead", "WIRE-1")
    yield bad("compat-2", modern(2, 0, V4, version=2, compat=2), "DecodeError", "WIRE-3")
    yield bad("compat-255", modern(2, 0, V4, version=255, compat=255), "DecodeError", "WIRE-3")
    yield bad("cut", whole[:-1], "ShortRead", "WIRE-1")
    yield bad("size-too-small", b"\x01\x01\x01" + pack("<I", 11) + whole[7:], "ShortRead", "WIRE-1")
    yield bad("size-zero", b"\x01\x01\x01" + pack("<I", 0) + whole[7:], "ShortRead", "WIRE-1")
    yield bad("size-four-gigabytes", b"\x01\x01\x01" + b"\xff" * 4 + whole[7:], "ShortRead", "WIRE-1", "HugeLength")
    yield bad("sockaddr-1", modern(2, 0, b"\x02"), "ShortRead", "ADDR-2")
    yield bad("ipv4-17", modern(2, 0, V4 + bytes(1)), "DecodeError", "ADDR-2")
    yield bad("ipv4-20", modern(2, 0, V4 + bytes(4)), "DecodeError", "ADDR-2")
    yield bad("ipv6-29", modern(2, 0, V6 + bytes(1)), "DecodeError", "ADDR-2")
    yield bad("unset-29", modern(0, 0, bytes(29)), "DecodeError", "ADDR-2")
    yield bad("unknown-family-29", modern(2, 0, b"\x01\0" + bytes(27)), "DecodeError", "ADDR-2")
    yield bad("sockaddr-beyond-struct", modern(2, 0, V4, length=17), "ShortRead", "WIRE-1")
    # The bytes are there, but behind the end of the struct.
    yield bad("sockaddr-leaves-struct", modern(2, 0, V4, length=20) + bytes(16), "ShortRead", "WIRE-1")
    yield bad("sockaddr-four-gigabytes", modern(2, 0, V4, length=2**32 - 1), "ShortRead", "WIRE-1", "HugeLength")
    yield bad("legacy-cut", legacy(7, b"")[:-1], "ShortRead", "WIRE-1")
    yield bad("legacy-marker-alone", b"\0", "ShortRead", "WIRE-1")


def vectors() -> Iterator[Vector]:
    def good(ident: str, wire: bytes, found: list[dict[str, Any]], *flags: str) -> Vector:
        return valid(f"addrvec-{ident}", "ADDR-3", wire, *flags, addresses=found)

    def bad(ident: str, wire: bytes, error: str, rule: str, *flags: str) -> Vector:
        return invalid(f"addrvec-{ident}", rule, wire, error, *flags)

    v2, v1 = modern(2, 0, V4), modern(1, 0, sockaddr("127.0.0.1", 6790))
    old = parts(1, 0, host="127.0.0.1", port=6790)
    yield good("empty", address_vector(), [])
    yield good("one", address_vector(v2), [LOCAL])
    yield good("v2-and-v1", address_vector(v2, v1), [LOCAL, old])
    yield good("mixed-sizes", address_vector(modern(2, 0, V6), v2, modern(0, 0, bytes(28))), [WIDE, LOCAL, parts(0)])
    yield good("of-minimal", address_vector(modern(0, 0, b"")), [parts(0)], "NotSent")
    yield good("bare-modern", v2, [LOCAL], "NotSent")
    yield good("bare-legacy", legacy(0, sockaddr("127.0.0.1", 6790, order=">")), [old], "NotSent")
    yield good(
        "holds-legacy", address_vector(v2, legacy(0, sockaddr("127.0.0.1", 6790, order=">"))), [LOCAL, old], "NotSent"
    )
    yield bad("nothing", b"", "ShortRead", "WIRE-1")
    yield bad("marker-3", b"\x03" + address_vector(v2)[1:], "DecodeError", "ADDR-3")
    yield bad("marker-255", b"\xff", "DecodeError", "ADDR-3")
    yield bad("count-cut", b"\x02\x01\0\0", "ShortRead", "WIRE-1")
    yield bad("one-too-many", b"\x02" + pack("<I", 2) + v2, "ShortRead", "ADDR-3")
    yield bad("four-billion", b"\x02" + b"\xff" * 4 + v2, "ShortRead", "ADDR-3", "HugeLength")
    yield bad("inner-marker-2", address_vector(b"\x02" + v2[1:]), "DecodeError", "ADDR-1")
    yield bad("last-cut", address_vector(v2, v1)[:-1], "ShortRead", "WIRE-1")
    yield bad("bare-modern-cut", v2[:-1], "ShortRead", "WIRE-1")
    yield bad("bare-legacy-cut", legacy(0, b"")[:-1], "ShortRead", "WIRE-1")
