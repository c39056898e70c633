"""Vectors of floor 7: the front segments of messages to monitors, managers and OSDs, and the maps in them."""

from __future__ import annotations

from collections.abc import Iterator
from struct import pack
from typing import Any

from .encoder import address_vector, blob, modern, sockaddr
from .overheard import LOG_16, LOG_18, MGR_MAP_16, MGR_MAP_18, MON_MAP_16
from .topic import Topic, Vector, invalid, topic, valid
from .values import parts

FSID = bytes(range(16))
BLANK = {"version": "0", "mon": -1, "mon_tid": "0"}
HEAD = pack("<QhQ", 0, -1, 0)
ADDRESS = address_vector(modern(2, 0, sockaddr("127.0.0.1", 3300)))
PARTS = [parts(2, host="127.0.0.1", port=3300)]

Case = tuple[str, str, dict[str, Any], bytes]


def topics() -> list[Topic]:
    about = (
        "What the messages of monitors, managers and OSDs say in their front segments, and structs in them, by name in "
        "`what`. Maps are lists of pairs, 64-bit numbers decimal strings, bytes hex, timestamps [seconds, nanoseconds]."
    )
    return [topic("mon", about, vectors())]


def vectors() -> Iterator[Vector]:
    shortest: dict[str, bytes] = {}
    for what, ident, fields, wire in (*fronts(), *structs()):
        if wire:
            shortest.setdefault(what, wire)
        yield valid(f"{name(what)}-{ident}", rule(what), wire, what=what, fields=fields)
    yield from heard()
    yield from not_sent()
    for what, wire in shortest.items():
        # What follows the last field of the OSD maps is kept as it is, however long.
        cut = wire[:-5] if what == "OsdMaps" else wire[:-1]
        yield invalid(f"{name(what)}-cut", "WIRE-1", cut, "ShortRead", "Cut", what=what)
        yield invalid(f"{name(what)}-nothing", "WIRE-1", b"", "ShortRead", "Cut", what=what)
    yield from lies()


def name(what: str) -> str:
    return "".join("-" + each.lower() if each.isupper() else each for each in what).lstrip("-")


def rule(what: str) -> str:
    return "MON-8" if what in ("MonMap", "MonInfo", "MgrMap", "LogEntry") else "MON-7"


def text(written: str) -> bytes:
    return blob(written.encode())


def texts(*written: str) -> bytes:
    return pack("<I", len(written)) + b"".join(map(text, written))


def struct(version: int, compat: int, body: bytes, *, length: int | None = None) -> bytes:
    return pack("<BBI", version, compat, len(body) if length is None else length) + body


def fronts() -> Iterator[Case]:
    yield "MonGetMap", "empty", {}, b""
    yield "MonMapMessage", "three-bytes", {"monmap": "010203"}, blob(b"\1\2\3")
    wish = [["config", {"start": "0", "flags": 0}], ["osdmap", {"start": "7", "flags": 1}]]
    wire = pack("<I", 2) + text("config") + pack("<QB", 0, 0) + text("osdmap") + pack("<QB", 7, 1)
    yield "MonSubscribe", "two", {"what": wish, "hostname": "here"}, wire + text("here")
    asked = {**BLANK, "protocol": 2, "payload": "0002", "monmap_epoch": 0}
    yield "Auth", "renewal", asked, HEAD + pack("<I", 2) + blob(b"\0\2") + bytes(4)
    granted = {"protocol": 2, "result": 0, "global_id": "4123", "payload": "ab", "text": ""}
    yield "AuthReply", "granted", granted, pack("<IiQ", 2, 0, 4123) + blob(b"\xab") + text("")
    refused = {"protocol": 2, "result": -13, "global_id": "4123", "payload": "", "text": "no"}
    yield "AuthReply", "refused", refused, pack("<IiQ", 2, -13, 4123) + blob(b"") + text("no")
    yield "MonGetVersion", "osdmap", {"handle": "9", "what": "osdmap"}, pack("<Q", 9) + text("osdmap")
    told = {"handle": "9", "newest": "12", "oldest": "3"}
    yield "MonGetVersionReply", "newest-first", told, pack("<QQQ", 9, 12, 3)
    maps = {"fsid": FSID.hex(), "incremental": [[8, "aa"]], "full": [[7, "bb"]], "oldest": 1, "newest": 8}
    maps["removed_snaps"] = "00000000"
    wire = FSID + pack("<II", 1, 8) + blob(b"\xaa") + pack("<II", 1, 7) + blob(b"\xbb") + pack("<III", 1, 8, 0)
    yield "OsdMaps", "both-kinds", maps, wire
    command = '{"prefix": "status"}'
    asked = {"fsid": FSID.hex(), "command": [command]}
    yield "MonCommand", "status", {**BLANK, **asked}, HEAD + FSID + texts(command)
    done = {"code": -22, "status": "unknown", "command": [command]}
    ack = pack("<i", -22) + text("unknown") + texts(command)
    yield "MonCommandAck", "unknown", {**BLANK, **done}, HEAD + ack
    from_quorum = {"version": "7", "mon": 2, "mon_tid": "5"}
    yield "MonCommandAck", "with-a-head", {**from_quorum, **done}, pack("<QhQ", 7, 2, 5) + ack
    for what in ("Command", "MgrCommand"):
        yield what, "version", asked, FSID + texts(command)
        yield f"{what}Reply", "fine", {"code": 0, "status": "é"}, pack("<i", 0) + text("é")
    yield (
        "Config",
        "two",
        {"settings": [["a", "1"], ["b", ""]]},
        pack("<I", 2) + b"".join(map(text, ("a", "1", "b", ""))),
    )
    yield (
        "Log",
        "empty",
        {**BLANK, "version": "9", "fsid": FSID.hex(), "entries": []},
        pack("<QhQ", 9, -1, 0) + FSID + bytes(4),
    )


def info(version: int = 5, more: bytes = b"", *, length: int | None = None) -> bytes:
    place = pack("<I", 1) + text("rack") + text("r1")
    return struct(version, 1, text("a") + ADDRESS + pack("<HH", 3, 10) + place + more, length=length)


INFO: dict[str, Any] = {
    "name": "a", "addresses": PARTS, "priority": 3, "weight": 10, "crush_location": [["rack", "r1"]],
}  # fmt: skip
FEATURES = struct(1, 1, pack("<Q", 255))


def monmap(version: int = 9, compat: int = 6, *, mon: bytes | None = None, more: bytes = b"") -> bytes:
    mons = pack("<I", 1) + text("a") + (info() if mon is None else mon)
    tail = bytes([16]) + pack("<III", 2, 4, 7) + b"\3" + texts("b") + b"\1" + text("c") + texts("d", "e")
    times = pack("<IIII", 7, 8, 5, 6)
    return struct(version, compat, FSID + pack("<I", 4) + times + FEATURES * 2 + mons + texts("a") + tail + more)


MONMAP: dict[str, Any] = {
    "fsid_bytes": FSID.hex(), "epoch": 4, "last_changed": [7, 8], "created": [5, 6], "persistent": {"bits": "255"},
    "optional": {"bits": "255"}, "mons": [["a", INFO]], "ranks": ["a"], "release": 16, "removed_ranks": [4, 7],
    "strategy": 3, "disallowed_leaders": ["b"], "stretch_mode": True, "tiebreaker": "c", "stretch_down": ["d", "e"],
}  # fmt: skip
MGRMAP: dict[str, Any] = {
    "epoch": 6, "addresses": PARTS, "gid": "4100", "available": True, "name": "x", "tail": "ffff",
}  # fmt: skip
MGR_BODY = pack("<I", 6) + ADDRESS + pack("<QB", 4100, 1) + text("x")
ENTRY: dict[str, Any] = {
    "name": "client.admin", "instance": {"type": 8, "number": "4123"}, "addresses": PARTS, "stamp": [9, 1], "seq": "2",
    "level": 3, "text": "hello", "channel": "cluster",
}  # fmt: skip


def entry(version: int = 5, compat: int = 5, more: bytes = b"") -> bytes:
    who = pack("<I", 8) + text("admin") + pack("<Bq", 8, 4123) + ADDRESS
    return struct(version, compat, who + pack("<IIQH", 9, 1, 2, 3) + text("hello") + text("cluster") + more)


def structs() -> Iterator[Case]:
    yield "MonInfo", "one", INFO, info()
    yield "MonMap", "every-field", MONMAP, monmap()
    yield "MgrMap", "with-a-tail", MGRMAP, struct(11, 6, MGR_BODY + b"\xff\xff")
    nobody = {"epoch": 1, "addresses": [], "gid": "0", "available": False, "name": "", "tail": ""}
    yield "MgrMap", "nobody", nobody, struct(11, 6, pack("<I", 1) + address_vector() + bytes(9) + text(""))
    yield "LogEntry", "one", ENTRY, entry()
    log = {**BLANK, "version": "9", "fsid": FSID.hex(), "entries": [ENTRY, ENTRY]}
    yield "Log", "two", log, pack("<QhQ", 9, -1, 0) + FSID + pack("<I", 2) + entry() * 2


def heard() -> Iterator[Vector]:
    """What real daemons said."""
    yield valid(
        "mon-map-message-of-16.2.15", "MON-7", MON_MAP_16, what="MonMapMessage", fields={"monmap": MON_MAP_16[4:].hex()}
    )
    own = parts(2, host="127.0.0.1", port=43187)
    mon = INFO | {"addresses": [own], "priority": 0, "weight": 0, "crush_location": []}
    found = {
        "fsid_bytes": "7dd4917cd7764862acc1c566f04933b8", "epoch": 1, "last_changed": [1795278202, 969977271],
        "created": [1795278202, 969977271], "optional": {"bits": "0"}, "mons": [["a", mon]], "removed_ranks": [],
        "strategy": 1, "disallowed_leaders": [], "stretch_mode": False, "tiebreaker": "", "stretch_down": [],
    }  # fmt: skip
    yield valid("mon-map-of-16.2.15", "MON-8", MON_MAP_16[4:], what="MonMap", fields=MONMAP | found)
    for release, wire, nonce in (("16.2.15", MGR_MAP_16, 9014), ("18.2.7", MGR_MAP_18, 2248803297)):
        at = parts(2, nonce, host="127.0.0.1", port=6805)
        tail = wire[wire.index(b"\1\0\0\0x") + 5 :]
        fields = MGRMAP | {"epoch": 3, "addresses": [at], "gid": "4100", "tail": tail.hex()}
        yield valid(f"mgr-map-of-{release}", "MON-8", wire, "NotSent", what="MgrMap", fields=fields)
    yield from logs()


def logs() -> Iterator[Vector]:
    said = ("1795278203", "650404893", "650553887", 66691597, 43187, "4105", "25")
    yield log("16.2.15", LOG_16, "8", "7dd4917cd7764862acc1c566f04933b8", *said)
    said = ("1795278204", "855084316", "855160170", 3100941972, 33867, "4107", "22")
    yield log("18.2.7", LOG_18, "7", "e6ff5a792e9249d2a714aab1458cd621", *said)


def log(
    release: str,
    wire: bytes,
    version: str,
    fsid: str,
    second: str,
    first: str,
    then: str,
    nonce: int,
    port: int,
    number: str,
    seq: str,
) -> Vector:
    """Two lines: what client.admin wrote, and that it was let to."""
    line: dict[str, Any] = ENTRY | {
        "instance": {"type": 8, "number": number}, "addresses": [parts(3, nonce, host="127.0.0.1")],
        "stamp": [int(second), int(first)], "seq": "0", "level": 1, "text": "hi there",
    }  # fmt: skip
    who = f"from='client.{number} 127.0.0.1:0/{nonce}' entity='client.admin'"
    audit: dict[str, Any] = {
        "name": "mon.a", "instance": {"type": 1, "number": "0"},
        "addresses": [parts(2, host="127.0.0.1", port=port)], "stamp": [int(second), int(then)], "seq": seq, "level": 1,
        "text": f'{who} cmd=[{{"prefix":"log","logtext":["hi there"]}}]: dispatch', "channel": "audit",
    }  # fmt: skip
    fields = {**BLANK, "version": version, "fsid": fsid, "entries": [line, audit]}
    return valid(f"log-of-{release}", "MON-7", wire, what="Log", fields=fields)


def not_sent() -> Iterator[Vector]:
    def good(what: str, ident: str, fields: dict[str, Any], wire: bytes) -> Vector:
        return valid(f"{name(what)}-{ident}", "WIRE-3", wire, "NotSent", "Trailing", what=what, fields=fields)

    yield good("MonInfo", "of-version-6", INFO, info(6, pack("<II", 1, 2)))
    yield good("MonMap", "of-version-10", MONMAP, monmap(10, mon=info(6, bytes(8)), more=bytes(12)))
    yield good("MonMap", "with-more-behind-it", MONMAP, monmap() + b"!")
    for version in (6, 14, 255):
        yield good("MgrMap", f"of-version-{version}", MGRMAP | {"tail": ""}, struct(version, 6, MGR_BODY))
    yield good("LogEntry", "of-version-6", ENTRY, entry(6, 5, b"more"))
    yield good(
        "MonCommandAck", "with-more", BLANK | {"code": 0, "status": "", "command": []}, HEAD + bytes(12) + b"more"
    )
    yield good("CommandReply", "with-more", {"code": 0, "status": ""}, bytes(8) + b"more")


def lies() -> Iterator[Vector]:
    def bad(what: str, ident: str, wire: bytes, rule: str = "WIRE-3", error: str = "DecodeError") -> Vector:
        return invalid(f"{name(what)}-{ident}", rule, wire, error, what=what)

    yield bad("MonMap", "of-version-5", monmap(5, 3))
    yield bad("MonMap", "for-readers-of-10", monmap(10, 10))
    yield bad("MonInfo", "of-version-1", info(1))
    yield bad("MonInfo", "length-too-small", info(length=4), "WIRE-1", "ShortRead")
    yield bad("MgrMap", "for-readers-of-12", struct(12, 12, MGR_BODY))
    yield bad("MgrMap", "of-version-5", struct(5, 5, MGR_BODY))
    yield bad("LogEntry", "of-version-4", entry(4, 2))
    yield bad("LogEntry", "for-readers-of-6", entry(6, 6))
    huge = b"\xff" * 4
    yield bad("MonMapMessage", "four-gigabytes", huge + bytes(9), "WIRE-1", "ShortRead")
    yield bad("MonSubscribe", "four-billion", huge + bytes(9), "WIRE-2", "ShortRead")
    yield bad("Config", "four-billion", huge + bytes(9), "WIRE-2", "ShortRead")
    yield bad("Config", "not-utf-8", pack("<II", 1, 1) + b"\xff" + bytes(4), "WIRE-2")
    yield bad("Log", "four-billion-entries", HEAD + FSID + huge + bytes(9), "WIRE-2", "ShortRead")
    yield bad("OsdMaps", "four-billion-maps", FSID + huge + bytes(9), "WIRE-2", "ShortRead")
    yield bad("MonCommandAck", "status-not-utf-8", HEAD + bytes(4) + blob(b"\xff") + bytes(4), "WIRE-2")
    yield bad("CommandReply", "status-not-utf-8", bytes(4) + blob(b"\xc3"), "WIRE-2")
    yield bad("MonMap", "a-monitor-leaves-its-struct", monmap(mon=info(length=0)), "WIRE-1", "ShortRead")
