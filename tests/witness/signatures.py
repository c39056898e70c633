"""Vectors of AUTH_SIGNATURE: the HMAC of all that was received."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from hmac import digest
from typing import Any

from .encoder import crc_frame, flipped, modern, sockaddr
from .payloads import banner
from .topic import Topic, Vector, invalid, topic, valid

KEY = sha256(b"session key").digest()
HELLO = b"\x01" + modern(2, 0, sockaddr("127.0.0.1", 6789))
HEARD = banner(3) + crc_frame("2.1", 1, [HELLO]) + crc_frame("2.1", 4, [b"\x09\0\0\0\x01" + b"challng!"])
SAID = banner(1) + crc_frame("2.1", 1, [HELLO])


def topics() -> list[Topic]:
    about = (
        "AUTH_SIGNATURE (`wire`) over the bytes that its sender received before the peer's signature (`transcript`), "
        "with the secret of the session key, which method none has none of."
    )
    return [topic("signature", about, signatures())]


def signatures() -> Iterator[Vector]:
    for size in (16, 32):
        yield good(f"key-of-{size}", KEY[:size], HEARD)
    yield good("banner-alone", KEY, banner(3))
    yield good("nothing-received", KEY, b"")
    yield good("no-key", b"", HEARD, bytes(32), rule="AUTH-24")
    yield good("no-key-and-nothing", b"", b"", bytes(32), rule="AUTH-24")
    yield bad("another-key", KEY[:16], HEARD, signed(KEY, HEARD), "Forged")
    yield bad("of-what-was-said", KEY, HEARD, signed(KEY, SAID), "Reflected")
    yield bad("without-the-banner", KEY, HEARD, signed(KEY, HEARD[26:]), "Downgrade")
    yield bad("without-the-last-frame", KEY, HEARD, signed(KEY, HEARD[:-49]), "Dropped")
    yield bad("with-the-signature-frame", KEY, HEARD, signed(KEY, HEARD + crc_frame("2.1", 7, [bytes(32)])), "Trailing")
    for bit in (0, 10 * 8, 26 * 8, len(HEARD) * 8 - 1):
        yield bad(f"bit-{bit}-of-it", KEY, HEARD, signed(KEY, flipped(HEARD, bit)), "BitFlip")
    for bit in (0, 255):
        yield bad(f"bit-{bit}-of-the-signature", KEY, HEARD, flipped(signed(KEY, HEARD), bit), "BitFlip")
    yield bad("zeros-with-a-key", KEY, HEARD, bytes(32), "Downgrade")
    yield bad("of-no-key", b"", HEARD, signed(b"", HEARD), "Forged")
    yield bad("ones-of-no-key", b"", HEARD, b"\xff" * 32, "Forged")
    yield bad("hash-without-a-key", KEY, HEARD, sha256(HEARD).digest(), "Forged")
    yield bad("sha-384-cut", KEY, HEARD, digest(KEY, HEARD, "sha384")[:32], "Forged")


def signed(secret: bytes, heard: bytes) -> bytes:
    return digest(secret, heard, "sha256")


def fields(secret: bytes, heard: bytes) -> dict[str, Any]:
    return {"session_key": secret.hex(), "transcript": heard.hex()}


def good(ident: str, secret: bytes, heard: bytes, wire: bytes | None = None, *, rule: str = "AUTH-23") -> Vector:
    wire = signed(secret, heard) if wire is None else wire
    return valid(f"signature-{ident}", rule, wire, **fields(secret, heard))


def bad(ident: str, secret: bytes, heard: bytes, wire: bytes, flag: str) -> Vector:
    return invalid(f"signature-{ident}", "AUTH-25", wire, "SignatureError", flag, **fields(secret, heard))
