"""Vectors of keys and keyrings: what `ceph-authtool` writes, and what else it reads."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from struct import pack
from typing import Any, Final

from .encoder import blob
from .topic import Topic, Vector, topic

AES: Final = bytes.fromhex("0100db77016b0c9f77281000bf3a14859b4e7e5c26eca5e28b7701cb")
AES256K: Final = bytes.fromhex(
    "02009679016bfd7c89222000061f8af6b4c52a5290ab7b85afc92dfe5a065ef7d6fdae2f60158b988bcd319c"
)
NONE: Final = bytes(12)
KEYS: Final = {"aes": AES, "aes256k": AES256K, "none": NONE}

Entries = dict[str, tuple[str, dict[str, str]]]
"""Whose key is of which of `KEYS`, and what it may do."""

WRITTEN: Final[tuple[tuple[str, str, Entries], ...]] = (
    (
        "admin",
        '[client.admin]\n\tkey = <aes>\n\tcaps mon = "allow *"\n\tcaps osd = "allow rwx pool=foo"\n',
        {"client.admin": ("aes", {"mon": "allow *", "osd": "allow rwx pool=foo"})},
    ),
    (
        "three-in-order",
        "[mon.]\n\tkey = <aes256k>\n[osd.0]\n\tkey = <aes>\n[client.z]\n\tkey = <aes>\n",
        {"mon.": ("aes256k", {}), "osd.0": ("aes", {}), "client.z": ("aes", {})},
    ),
    ("empty", "", {}),
    (
        "quotes-escaped",
        '[client.a]\n\tkey = <aes>\n\tcaps mon = "allow \\"x\\" r"\n',
        {"client.a": ("aes", {"mon": 'allow "x" r'})},
    ),
)
"""Texts that are written so."""

UNDERSTOOD: Final[tuple[tuple[str, str, Entries], ...]] = (
    (
        "comments",
        "; one\n  # two\n\n[client.a]\n # three\nkey = <aes> # four\ncaps mon = allow rw ; five\n",
        {"client.a": ("aes", {"mon": "allow rw"})},
    ),
    ("section-comment", "[client.a];x\nkey = <aes>\n", {"client.a": ("aes", {})}),
    ("section-blank-behind", "[client.a]  \nkey = <aes>\n", {"client.a": ("aes", {})}),
    ("quoted", "[client.a]\nkey = \"<aes>\"\ncaps mon = 'allow rw'\n", {"client.a": ("aes", {"mon": "allow rw"})}),
    ("no-blanks", "[client.a]\n  key=<aes>\n caps   mon=x\n", {"client.a": ("aes", {"mon": "x"})}),
    ("underscore", "[client.a]\nkey = <aes>\ncaps_mon = allow\n", {"client.a": ("aes", {"mon": "allow"})}),
    ("global", "[global]\nfoo = bar\n[client.a]\nkey = <aes>\n", {"client.a": ("aes", {})}),
    ("auid", "[client.a]\nkey = <aes>\nauid = 12\n", {"client.a": ("aes", {})}),
    ("auid-not-a-number", "[client.a]\nkey = <aes>\nauid = zz\n", {"client.a": ("aes", {})}),
    ("no-key", "[client.a]\ncaps mon = x\n", {"client.a": ("none", {"mon": "x"})}),
    ("empty-key", "[client.a]\nkey = <none>\n", {"client.a": ("none", {})}),
    ("twice", "[client.a]\nkey = <aes>\n[client.a]\ncaps mon = x\n", {"client.a": ("aes", {"mon": "x"})}),
    ("key-twice", "[client.a]\nkey = <aes256k>\nkey = <aes>\n", {"client.a": ("aes", {})}),
    ("continued", "[client.a]\nkey = <aes>\ncaps mon = allow \\\n  rw\n", {"client.a": ("aes", {"mon": "allow   rw"})}),
    ("continued-nothing", "[client.a]\nkey = <aes>\ncaps mon = x \\\n\n", {"client.a": ("aes", {"mon": "x"})}),
    ("quote-inside", '[client.a]\nkey = <aes>\ncaps mon = a"b c"d\n', {"client.a": ("aes", {"mon": 'a"b c"d'})}),
    ("empty-caps", '[client.a]\nkey = <aes>\ncaps mon = ""\n', {"client.a": ("aes", {"mon": ""})}),
    ("absent-caps", "[client.a]\nkey = <aes>\ncaps mon =\n", {"client.a": ("aes", {"mon": ""})}),
    ("two-word-service", "[client.a]\nkey = <aes>\ncaps  mon  mgr = x\n", {"client.a": ("aes", {"mon mgr": "x"})}),
    ("caps-key", "[client.a]\nkey = <aes>\ncaps key = x\n", {"client.a": ("aes", {"key": "x"})}),
    ("crlf", "[client.a]\r\nkey = <aes>\r\n", {"client.a": ("aes", {})}),
    ("comment-after-quotes", '[client.a]\nkey = <aes>\ncaps mon = "x" # hi\n', {"client.a": ("aes", {"mon": "x"})}),
    ("escapes", '[client.a]\nkey = <aes>\ncaps mon = "a\\nb\\\\c"\n', {"client.a": ("aes", {"mon": "anb\\c"})}),
    ("escaped-hash", '[client.a]\nkey = <aes>\ncaps mon = "a \\# \\; b"\n', {"client.a": ("aes", {"mon": "a # ; b"})}),
    ("escaped-hash-bare", "[client.a]\nkey = <aes>\ncaps mon = a\\#b\n", {"client.a": ("aes", {"mon": "a#b"})}),
    ("escaped-single-quote", "[client.a]\nkey = <aes>\ncaps mon = 'a\\'b'\n", {"client.a": ("aes", {"mon": "a'b"})}),
    ("double-in-single", "[client.a]\nkey = <aes>\ncaps mon = 'a\"b'\n", {"client.a": ("aes", {"mon": 'a"b'})}),
    ("equals-in-value", "[client.a]\nkey = <aes>\ncaps mon = x=y, z\n", {"client.a": ("aes", {"mon": "x=y, z"})}),
    ("section-alone", "[client.a]\n", {}),
    ("blank-in-id", "[client.a b]\nkey = <aes>\n", {"client.a b": ("aes", {})}),
    ("hash-in-id", "[client.a b\\#c]\nkey = <aes>\n", {"client.a b#c": ("aes", {})}),
    ("no-id", "[client.]\nkey = <aes>\n", {"client.": ("aes", {})}),
)
"""Texts that are read."""

REFUSED: Final = (
    ("upper-case", "KEY-6", "[client.a]\nKEY = <aes>\n"),
    ("unknown-word", "KEY-6", "[client.a]\nkey = <aes>\nfoo = allow\n"),
    ("pending-key", "KEY-6", "[client.a]\nkey = <aes>\npending key = <aes>\n"),
    ("split-key-word", "KEY-6", "[client.a]\nke_y = <aes>\n"),
    ("caps-minus", "KEY-6", "[client.a]\nkey = <aes>\ncaps-mon = allow\n"),
    ("caps-alone", "KEY-6", "[client.a]\nkey = <aes>\ncaps = x\n"),
    ("bad-name", "KEY-5", "[bogus]\nkey = <aes>\n"),
    ("no-dot", "KEY-5", "[client]\nkey = <aes>\n"),
    ("no-name", "KEY-5", "[]\nkey = <aes>\n"),
    ("blanks-in-brackets", "KEY-5", "[ client.a ]\nkey = <aes>\n"),
    ("before-section", "KEY-5", "foo = bar\n[client.a]\nkey = <aes>\n"),
    ("indented-section", "KEY-5", "  [client.a]\nkey = <aes>\n"),
    ("pair-after-section", "KEY-5", "[client.a] key = <aes>\n"),
    ("word-alone", "KEY-5", "[client.a]\nkey\n"),
    ("key-not-base64", "KEY-3", "[client.a]\nkey = zzzz\n"),
    ("key-empty", "KEY-3", "[client.a]\nkey =\n"),
    ("key-unpadded", "KEY-3", "[client.a]\nkey = AQDbdwFrDJ93KBAAvzoUhZtOflwm7KXii3cByw\n"),
    ("key-blank-inside", "KEY-3", "[client.a]\nkey = AQDb dwFrDJ93KBAAvzoUhZtOflwm7KXii3cByw==\n"),
    ("unclosed", "KEY-5", '[client.a]\nkey = <aes>\ncaps mon = "open\n'),
    ("after-quotes", "KEY-5", '[client.a]\nkey = <aes>\ncaps mon = "x" hi\n'),
    ("hash-in-quotes", "KEY-5", '[client.a]\nkey = <aes>\ncaps mon = "a # b"\n'),
)
"""Texts that are no keyrings, and the rules that they break."""


def topics() -> list[Topic]:
    about = (
        "Keys (text is base64, wire is hex) and keyrings in text and binary form. Most texts were tried with the "
        "ceph-authtool of 16.2.15; StockDiffers marks where it judges otherwise."
    )
    return [topic("keyring", about, [*keys(), *no_keys(), *keyrings(), *binaries()])]


def text(wire: bytes) -> str:
    return b64encode(wire).decode()


def one(ident: str, rule: str, kind: str, error: str | None = None, *flags: str, **fields: Any) -> Vector:
    outcome = {"result": "valid"} if error is None else {"result": "invalid", "error": error}
    return {"id": ident, "rule": rule, "flags": list(flags), **outcome, "kind": kind, **fields}


def blank(kind: int, size: int, left: int | None = None) -> bytes:
    """A key of zeros that says it has `size` of them."""
    return pack("<HIIH", kind, 0, 0, size) + bytes(size if left is None else left)


def keys() -> Iterator[Vector]:
    def good(ident: str, rule: str, wire: bytes, *flags: str) -> Vector:
        kind, seconds, nanoseconds = (int.from_bytes(wire[at:to], "little") for at, to in ((0, 2), (2, 6), (6, 10)))
        secret = wire[12 : 12 + wire[10]].hex()
        fields = {"type": kind, "created": [seconds, nanoseconds], "secret": secret}
        return one(f"key-{ident}", rule, "key", None, *flags, text=text(wire), wire=wire.hex(), fields=fields)

    yield good("aes", "KEY-1", AES)
    yield good("aes256k", "KEY-1", AES256K)
    for kind in (0, 1, 2, 77):
        yield good(f"empty-type-{kind}", "KEY-2", blank(kind, 0))
    yield good("bytes-behind", "KEY-3", AES256K + b"\0", "NotSent")


def no_keys() -> Iterator[Vector]:
    def bad(ident: str, rule: str, error: str, wire: bytes) -> Vector:
        return one(f"key-{ident}", rule, "key", error, wire=wire.hex(), text=text(wire))

    sizes = ((0, 16), *((1, size) for size in (1, 15, 17, 24, 32, 33)), *((2, size) for size in (16, 31, 33, 64)))
    for kind, size in (*sizes, (3, 16), (3, 32), (65535, 32)):
        yield bad(f"type-{kind}-size-{size}", "KEY-2", "DecodeError", blank(kind, size))
    yield bad("cut", "WIRE-1", "ShortRead", AES[:-1])
    yield bad("head-cut", "WIRE-1", "ShortRead", AES[:10])
    whole = text(AES)
    for ident, told in {
        "not-base64": "zz!!",
        "unpadded": whole.rstrip("="),
        "blank-inside": f"{whole[:4]} {whole[4:]}",
        "empty": "",
        "not-ascii": "ключ",
        "huge": "A" * 5000,
    }.items():
        yield one(f"key-text-{ident}", "KEY-3", "key", "KeyringError", text=told)


def filled(template: str) -> str:
    """A template with the keys that it names."""
    for name, wire in KEYS.items():
        template = template.replace(f"<{name}>", text(wire))
    return template


def described(entries: Entries) -> dict[str, Any]:
    return {name: {"key": text(KEYS[key]), "caps": caps} for name, (key, caps) in entries.items()}


def keyrings() -> Iterator[Vector]:
    for ident, template, entries in WRITTEN:
        told = filled(template)
        canonical = {"canonical": told} if entries else {}
        yield one(ident, "KEY-5", "keyring", text=told, entries=described(entries), **canonical)
    for ident, template, entries in UNDERSTOOD:
        yield one(ident, "KEY-5", "keyring", None, "NotSent", text=filled(template), entries=described(entries))
    for ident, rule, template in REFUSED:
        yield one(ident, rule, "keyring", "KeyringError", text=filled(template))
    short = text(AES[:10] + pack("<H", 24) + AES[12:] + AES[12:13] + bytes(range(7)))
    told = f"[client.a]\nkey = {short}\n"
    yield one("aes-key-24-bytes", "KEY-2", "keyring", "KeyringError", "StockDiffers", text=told)


def entry(name: tuple[int, bytes], key: bytes, caps: Sequence[bytes] = (), *, pending: bytes | None = None) -> bytes:
    """One of a binary keyring; a capability stands twice behind a length."""
    version = 2 if pending is None else 3
    head = pack("<I", name[0]) + blob(name[1]) + pack("<BQ", version, 2**64 - 1) + key
    return head + pack("<I", len(caps)) + b"".join(blob(b"mon") + cap for cap in caps) + (pending or b"")


def binary(*entries: bytes, count: int | None = None) -> bytes:
    return pack("<BI", 1, len(entries) if count is None else count) + b"".join(entries)


def binaries() -> Iterator[Vector]:
    def bad(ident: str, wire: bytes, *flags: str, rule: str = "KEY-7") -> Vector:
        return one(ident, rule, "keyring", "KeyringError", *flags, binary=wire.hex())

    admin = (8, b"admin")
    allowed = blob(blob(b"allow *"))
    whole = binary(entry(admin, AES, [allowed]))
    told = described({"client.admin": ("aes", {"mon": "allow *"})})
    yield one("binary", "KEY-7", "keyring", binary=whole.hex(), entries=told)
    yield one("binary-empty", "KEY-7", "keyring", binary=binary().hex(), entries={})
    newer = binary(entry(admin, AES256K, pending=NONE), entry((1, b""), AES))
    told = described({"client.admin": ("aes256k", {}), "mon.": ("aes", {})})
    yield one("binary-v3-pending", "KEY-7", "keyring", None, "StockDiffers", binary=newer.hex(), entries=told)
    yield bad("binary-cut", whole[:-1])
    yield bad("binary-count", binary(entry(admin, AES, [allowed]), count=2**32 - 1))
    yield bad("binary-head", b"\1")
    yield bad("binary-key-size", binary(entry(admin, AES[:10] + pack("<H", 15) + AES[12:], [allowed])))
    yield bad("binary-caps-not-text", binary(entry(admin, AES, [blob(b"allow *")])))
    broken = blob(blob(b"allow\n*"))
    yield bad("binary-caps-newline", binary(entry(admin, AES, [broken])), "StockDiffers", rule="KEY-5")
    named = binary(entry((8, b"adm\nn"), AES, [allowed]))
    yield bad("binary-name-newline", named, "StockDiffers", rule="KEY-5")
    yield bad("binary-type-32", binary(entry((32, b"admin"), AES, [allowed])), "StockDiffers", rule="KEY-5")
    yield bad("neither", b"\xff\0", rule="KEY-5")
