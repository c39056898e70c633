"""Vectors of floor 3: banners, the payload of every control frame, the header of messages."""

from __future__ import annotations

from collections.abc import Iterator
from struct import pack
from typing import Any

from . import nodes
from .encoder import address_vector, blob, legacy, modern, sockaddr, vec32
from .topic import Topic, Vector, invalid, topic, valid
from .values import LOCAL, V4, parts

LARGEST = 2**64 - 1


def topics() -> list[Topic]:
    return [
        topic("banner", "The first bytes of both sides; the two words are decimal strings.", banners()),
        topic(
            "banner-negotiation",
            "What two banners agree on: `ours` and `peer` are pairs of (supported, required); `wire` is the peer's.",
            negotiations(),
        ),
        topic(
            "payload",
            "What each control frame says: segment 0 of tag `tag`. 64-bit numbers are decimal strings, bytes are hex.",
            payloads(),
        ),
        topic("message-header", "Segment 0 of a MESSAGE. 64-bit numbers are decimal strings.", headers()),
    ]


def banner(supported: int, required: int = 0, *, length: int | None = None, more: bytes = b"") -> bytes:
    payload = pack("<QQ", supported, required) + more
    return b"ceph v2\n" + pack("<H", len(payload) if length is None else length) + payload


def banners() -> Iterator[Vector]:
    def good(
        ident: str, supported: int, required: int, *flags: str, rule: str = "BANNER-2", more: bytes = b""
    ) -> Vector:
        words = {"supported": str(supported), "required": str(required)}
        return valid(f"banner-{ident}", rule, banner(supported, required, more=more), *flags, **words)

    def bad(ident: str, wire: bytes, error: str = "BannerError", rule: str = "BANNER-1", *flags: str) -> Vector:
        return invalid(f"banner-{ident}", rule, wire, error, *flags)

    whole = banner(1)
    yield good("rev1", 1, 0)
    yield good("rev1-and-compression", 3, 0)
    yield good("rev0", 0, 0)
    yield good("kernel", 1, 1)
    yield good("all-ones", LARGEST, LARGEST)
    yield good("high-bits", 1 << 63, 1 << 48)
    yield good("long-17", 1, 0, "NotSent", "Trailing", more=b"!")
    yield good("long-24", 3, 0, "NotSent", "Trailing", more=bytes(8))
    yield good("long-1000", 3, 0, "NotSent", "Trailing", more=bytes(1000 - 16))
    yield bad("v1", b"ceph v027" + bytes(272))
    yield bad("v1-begins", b"ceph v0")
    yield bad("http", b"GET / HTTP/1.1\r\n\r\n")
    yield bad("carriage-return", b"ceph v2\r" + whole[8:])
    yield bad("upper-case", b"CEPH V2\n" + whole[8:])
    yield bad("v3", b"ceph v3\n" + whole[8:])
    yield bad("tls", bytes.fromhex("1603010200010001fc0303") + bytes(16))
    for length in (0, 8, 15):
        yield bad(f"short-{length}", banner(1, length=length)[: 10 + length], rule="BANNER-2")
    yield bad("length-big-endian", b"ceph v2\n" + pack(">H", 16) + pack("<QQ", 1, 0), "ShortRead", "WIRE-1")
    yield bad("cut", whole[:-1], "ShortRead", "WIRE-1")
    yield bad("long-cut", banner(1, length=17), "ShortRead", "WIRE-1")
    yield bad("head-cut", whole[:9], "ShortRead", "WIRE-1")


def negotiations() -> Iterator[Vector]:
    def good(ident: str, rule: str, ours: tuple[int, int], peer: tuple[int, int], revision: str) -> Vector:
        return valid(ident, rule, banner(*peer), ours=words(ours), peer=words(peer), revision=revision)

    def bad(ident: str, rule: str, ours: tuple[int, int], peer: tuple[int, int]) -> Vector:
        return invalid(ident, rule, banner(*peer), "BannerError", ours=words(ours), peer=words(peer))

    def words(pair: tuple[int, int]) -> list[str]:
        return [str(word) for word in pair]

    yield good("both-rev1", "BANNER-5", (1, 0), (1, 0), "2.1")
    yield good("peer-rev0", "BANNER-5", (1, 0), (0, 0), "2.0")
    yield good("we-rev0", "BANNER-5", (0, 0), (1, 0), "2.0")
    yield good("compression-without-rev1", "BANNER-5", (3, 0), (2, 0), "2.0")
    yield good("kernel", "BANNER-4", (1, 0), (1, 1), "2.1")
    yield good("both-require-rev1", "BANNER-4", (1, 1), (3, 1), "2.1")
    yield good("unknown-bits-supported", "BANNER-3", (1, 0), (LARGEST, 0), "2.1")
    yield bad("peer-requires-unknown", "BANNER-3", (3, 0), (LARGEST, 1 << 63))
    yield bad("peer-requires-more", "BANNER-3", (1, 0), (3, 3))
    yield bad("peer-requires-all", "BANNER-3", (3, 0), (LARGEST, LARGEST))
    yield bad("peer-requires-rev1-of-rev0", "BANNER-3", (0, 0), (1, 1))
    yield bad("peer-lacks-rev1", "BANNER-4", (1, 1), (0, 0))
    yield bad("peer-lacks-all", "BANNER-4", (LARGEST, LARGEST), (1, 1))


NAMES = {
    1: "hello", 2: "auth-request", 3: "auth-bad-method", 4: "auth-reply-more", 5: "auth-request-more", 6: "auth-done",
    7: "auth-signature", 8: "client-ident", 9: "server-ident", 10: "ident-missing-features", 11: "session-reconnect",
    12: "session-reset", 13: "session-retry", 14: "session-retry-global", 15: "session-reconnect-ok", 16: "wait",
    18: "keepalive2", 19: "keepalive2-ack", 20: "ack", 21: "compression-request", 22: "compression-done",
}  # fmt: skip

Case = tuple[int, str, dict[str, Any], bytes]


def handshake() -> Iterator[Case]:
    seen = parts(2, host="127.0.0.1", port=49132)
    hello = bytes.fromhex("01" + "0101011c0000000200000000000000100000000200bfec7f0000010000000000000000")
    yield 1, "from-mon", {"entity_type": 1, "peer_address": seen}, hello
    yield 1, "unknown-type", {"entity_type": 99, "peer_address": LOCAL}, b"\x63" + modern(2, 0, V4)
    asked = {"method": 2, "modes": [2, 1], "payload": "0a08"}
    yield 2, "cephx", asked, pack("<I", 2) + vec32(2, 1) + blob(bytes([10, 8]))
    yield 2, "no-modes", {"method": 1, "modes": [], "payload": ""}, pack("<III", 1, 0, 0)
    refusal = {"method": 77, "result": -95, "allowed_methods": [2], "allowed_modes": [2, 1]}
    yield 3, "from-18", refusal, bytes.fromhex("4d000000a1ffffff0100000002000000020000000200000001000000")
    denied = {"method": 2, "result": -13, "allowed_methods": [], "allowed_modes": []}
    yield 3, "nothing-allowed", denied, pack("<IiII", 2, -13, 0, 0)
    positive = {"method": 0, "result": 2**31 - 1, "allowed_methods": [1, 2, 4], "allowed_modes": [1]}
    yield 3, "positive-result", positive, pack("<Ii", 0, 2**31 - 1) + vec32(1, 2, 4) + vec32(1)
    yield 4, "three-bytes", {"payload": "010203"}, blob(b"\x01\x02\x03")
    yield 4, "empty", {"payload": ""}, blob(b"")
    yield 5, "three-bytes", {"payload": "010203"}, blob(b"\x01\x02\x03")
    yield 6, "secure", {"global_id": "4123", "mode": 2, "payload": "ab"}, pack("<QI", 4123, 2) + blob(b"\xab")
    yield 6, "largest", {"global_id": str(LARGEST), "mode": 99, "payload": ""}, pack("<QII", LARGEST, 99, 0)
    yield 7, "zeros", {"signature": "00" * 32}, bytes(32)
    yield 7, "counting", {"signature": bytes(range(32)).hex()}, bytes(range(32))
    yield 21, "off", {"wanted": False, "algorithms": []}, bytes(5)
    yield 21, "zstd-then-snappy", {"wanted": True, "algorithms": [3, 1]}, b"\x01" + vec32(3, 1)
    yield 22, "off", {"on": False, "algorithm": 0}, bytes(5)
    yield 22, "zstd", {"on": True, "algorithm": 3}, b"\x01" + pack("<I", 3)


def session() -> Iterator[Case]:
    mine = parts(3, 0x1234, host="127.0.0.1")
    mine_wire = modern(3, 0x1234, sockaddr("127.0.0.1", 0))
    numbers = {"gid": "4123", "global_seq": "1", "supported": "9", "required": "8", "flags": "1", "cookie": "0"}
    packed = pack("<qQQQQQ", 4123, 1, 9, 8, 1, 0)
    yield (
        8,
        "lossy",
        {"addresses": [mine], "target": LOCAL, **numbers},
        address_vector(mine_wire) + modern(2, 0, V4) + packed,
    )
    old = parts(1, host="127.0.0.1", port=6790)
    both = address_vector(modern(2, 0, V4), modern(1, 0, sockaddr("127.0.0.1", 6790)))
    stateful = {"gid": "-1", "global_seq": str(2**32 - 1), "required": "0", "flags": "0"}
    stateful |= {"supported": str(LARGEST), "cookie": str(LARGEST)}
    packed_stateful = pack("<qQQQQQ", -1, 2**32 - 1, LARGEST, 0, 0, LARGEST)
    yield 8, "stateful", {"addresses": [], "target": old, **stateful}, address_vector() + both[40:] + packed_stateful
    yield 9, "two-addresses", {"addresses": [LOCAL, old], **numbers}, both + packed
    yield 9, "stateful", {"addresses": [LOCAL], **stateful}, address_vector(modern(2, 0, V4)) + packed_stateful
    yield 10, "msg-addr2", {"features": str(1 << 59)}, pack("<Q", 1 << 59)
    cookies = {"client_cookie": "1", "server_cookie": "2", "global_seq": "3", "connect_seq": "4", "msg_seq": "5"}
    yield 11, "in-order", {"addresses": [mine], **cookies}, address_vector(mine_wire) + pack("<QQQQQ", 1, 2, 3, 4, 5)
    yield 12, "full", {"full": True}, b"\x01"
    yield 12, "not-full", {"full": False}, b"\0"
    yield 13, "one", {"connect_seq": "1"}, pack("<Q", 1)
    yield 14, "beyond-32-bits", {"global_seq": str(2**32)}, pack("<Q", 2**32)
    yield 15, "largest", {"msg_seq": str(LARGEST)}, pack("<Q", LARGEST)
    yield 16, "empty", {}, b""
    yield 18, "stamp", {"stamp": [7, 9]}, pack("<II", 7, 9)
    yield 19, "stamp", {"stamp": [2**32 - 1, 999_999_999]}, pack("<II", 2**32 - 1, 999_999_999)
    yield 20, "five", {"seq": "5"}, pack("<Q", 5)


def payloads() -> Iterator[Vector]:
    shortest: dict[int, bytes] = {}
    for tag, ident, fields, wire in (*handshake(), *session()):
        shortest.setdefault(tag, wire)
        yield valid(f"{NAMES[tag]}-{ident}", f"PAYLOAD-{tag}", wire, tag=tag, fields=fields)
    yield from not_sent()
    for tag, wire in shortest.items():
        if wire:
            yield invalid(f"{NAMES[tag]}-cut", "WIRE-1", wire[:-1], "ShortRead", "Cut", tag=tag)
            yield invalid(f"{NAMES[tag]}-nothing", "WIRE-1", b"", "ShortRead", "Cut", tag=tag)
    yield from lies()
    yield from nodes.vectors()


def not_sent() -> Iterator[Vector]:
    def good(tag: int, ident: str, rule: str, fields: dict[str, Any], wire: bytes, *flags: str) -> Vector:
        return valid(f"{NAMES[tag]}-{ident}", rule, wire, "NotSent", *flags, tag=tag, fields=fields)

    yield good(20, "trailing", "WIRE-3", {"seq": "5"}, pack("<Q", 5) + b"more", "Trailing")
    yield good(16, "trailing", "WIRE-3", {}, b"more", "Trailing")
    yield good(12, "two-is-true", "WIRE-1", {"full": True}, b"\x02")
    yield good(22, "two-is-true", "WIRE-1", {"on": True, "algorithm": 1}, b"\x02" + pack("<I", 1))
    unset = {"entity_type": 8, "peer_address": parts(0)}
    yield good(1, "minimal-address", "ADDR-2", unset, b"\x08" + modern(0, 0, b""))
    old = {"entity_type": 8, "peer_address": parts(1, 7, host="127.0.0.1", port=6789)}
    yield good(1, "legacy-address", "ADDR-1", old, b"\x08" + legacy(7, sockaddr("127.0.0.1", 6789, order=">")))
    cookies = {"client_cookie": "1", "server_cookie": "2", "global_seq": "3", "connect_seq": "4", "msg_seq": "5"}
    bare = modern(2, 0, V4) + pack("<QQQQQ", 1, 2, 3, 4, 5)
    yield good(11, "bare-address", "ADDR-3", {"addresses": [LOCAL], **cookies}, bare)


def lies() -> Iterator[Vector]:
    """Inner lengths and counts that promise more than the segment holds."""

    def bad(tag: int, ident: str, wire: bytes, rule: str = "WIRE-2", error: str = "ShortRead") -> Vector:
        return invalid(f"{NAMES[tag]}-{ident}", rule, wire, error, "InnerLength", tag=tag)

    for tag, before in ((2, pack("<II", 2, 0)), (4, b""), (5, b""), (6, pack("<QI", 1, 2))):
        for ident, length in (("one-too-many", 4), ("sign-bit", 2**31), ("four-gigabytes", 2**32 - 1)):
            yield bad(tag, f"payload-{ident}", before + pack("<I", length) + b"abc", rule="WIRE-1")
    yield bad(2, "modes-four-billion", pack("<II", 2, 2**32 - 1) + bytes(16))
    yield bad(3, "methods-four-billion", pack("<IiI", 2, -13, 2**32 - 1) + bytes(16))
    yield bad(3, "modes-one-too-many", pack("<IiI", 2, -13, 0) + pack("<II", 2, 1), rule="WIRE-1")
    yield bad(21, "algorithms-four-billion", b"\x01" + b"\xff" * 4 + bytes(16))
    yield bad(8, "addresses-four-billion", b"\x02" + b"\xff" * 4 + bytes(100), rule="ADDR-3")
    yield bad(9, "address-vector-marker-3", b"\x03" + bytes(100), "ADDR-3", "DecodeError")
    yield bad(1, "address-marker-2", b"\x08\x02" + bytes(35), "ADDR-1", "DecodeError")
    yield bad(1, "address-compat-2", b"\x08" + modern(2, 0, V4, version=2, compat=2), "WIRE-3", "DecodeError")


def headers() -> Iterator[Vector]:
    fields = {
        "seq": 1, "tid": 7, "type": 2, "priority": 127, "version": 1, "data_padding": 0, "data_offset": 0, "ack_seq": 0,
        "flags": 3, "compat_version": 1, "reserved": 0,
    }  # fmt: skip
    wide = ("seq", "tid", "ack_seq")

    def header(ident: str, **changes: int) -> Vector:
        values = fields | changes
        wire = pack("<QQHHHIHQBHH", *values.values())
        assert len(wire) == 41
        return valid(ident, "MESSAGE-1", wire, fields={k: str(v) if k in wide else v for k, v in values.items()})

    first = header("header-first")
    whole = bytes.fromhex("0100000000000000070000000000000002007f00010000000000000000000000000000000301000000")
    assert first["wire"] == whole.hex()
    yield first
    yield header("header-ack", seq=2**32, ack_seq=5, priority=196, flags=0)
    limits = {"Q": LARGEST, "H": 2**16 - 1, "I": 2**32 - 1, "B": 255}
    yield header("header-all-ones", **{k: limits[c] for k, c in zip(fields, "QQHHHIHQBHH", strict=True)})
    yield header("header-zeros", **dict.fromkeys(fields, 0))
    distinct = dict(
        zip(fields, (0x0807060504030201, 0x100F0E0D0C0B0A09, 0x1211, 0x1413, 0x1615, 0x1A191817), strict=False)
    )
    yield header("header-each-byte-its-own", **distinct, data_offset=0x1C1B, ack_seq=0x24232221201F1E1D, flags=0x25)
    for size in (0, 1, 8, 22, 40):
        yield invalid(f"header-{size}-bytes", "WIRE-1", whole[:size], "ShortRead", "Cut")
