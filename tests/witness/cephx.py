"""Vectors of cephx between a client and its monitor: proofs, ciphers, envelopes, layouts, whole conversations."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterator
from struct import pack
from typing import Any

from . import heard_cephx as heard
from .encoder import blob
from .opening import Bytes, decrypt, unseal
from .sealing import CONFOUNDER, HEAD, Key
from .topic import Topic, Vector, topic

SERVER_CHALLENGE = 0x1122334455667788
CLIENT_CHALLENGE = 0x99AABBCCDDEEFF00
AES, AES256K = Key(1, bytes(range(16))), Key(2, bytes(range(32)))
BOTH = {"aes": AES, "aes256k": AES256K}
RULES = {"aes": "CEPHX-5", "aes256k": "CEPHX-6"}
SIZES = (0, 1, 15, 16, 17, 31, 32, 33, 48, 100)
RFC8009 = Key(2, bytes.fromhex("6d404d37faf79f9df0d33568d320669800eb4836472ea8a026d16b7182460c52"))
RFC8009_SAMPLES = {  # plaintexts of so many bytes, counted up; confounder; ciphertext and checksum
    6: ("b80d3251c1f6471494256ffe712d0b9a", heard.RFC8009_6),
    0: ("f764e9fa15c276478b2c7d0c4e5f58e4", heard.RFC8009_0),
    16: ("53bf8a0d105265d4e276428624ce5e63", heard.RFC8009_16),
    21: ("763e65367e864f02f55153c7e3b58af1", heard.RFC8009_21),
}


def topics() -> list[Topic]:
    about = (
        "Proofs, ciphers, envelopes, layouts and whole client conversations of cephx. Bytes are hex, 64-bit numbers "
        "decimal strings."
    )
    every = (proofs(), ciphers(), no_ciphers(), derived(), envelopes(), no_envelopes(), layouts(), clients())
    return [topic("cephx", about, [vector for each in every for vector in each])]


def good(kind: str, ident: str, rule: str, *flags: str, **fields: Any) -> Vector:
    return {"id": ident, "rule": rule, "flags": list(flags), "result": "valid", "kind": kind, **fields}


def bad(kind: str, ident: str, rule: str, error: str, **fields: Any) -> Vector:
    return {"id": ident, "rule": rule, "flags": [], "result": "invalid", "error": error, "kind": kind, **fields}


def proofs() -> Iterator[Vector]:
    def one(ident: str, rule: str, key: Key, server: int, client: int, *flags: str) -> Vector:
        challenges = {"server_challenge": str(server), "client_challenge": str(client)}
        proof = str(key.prove(server, client))
        return good("proof", f"proof-{ident}", rule, *flags, key=key.wire.hex(), **challenges, proof=proof)

    yield one("aes", "CEPHX-2", AES, SERVER_CHALLENGE, CLIENT_CHALLENGE)
    yield one("aes256k", "CEPHX-3", AES256K, SERVER_CHALLENGE, CLIENT_CHALLENGE)
    for release, rule, said in (("16", "CEPHX-2", heard.PROOF_16), ("20", "CEPHX-3", heard.PROOF_20)):
        key = Bytes(bytes.fromhex(said["key"])).key()
        vector = one(f"captured-{release}", rule, key, said["server"], said["client"], "Captured")
        assert vector["proof"] == str(said["proof"])
        yield vector


def ciphers() -> Iterator[Vector]:
    def one(ident: str, kind: str, key: Key, usage: int, plain: bytes, dice: bytes, *flags: str) -> Vector:
        sealed = key.encrypt(usage, plain, confounder=dice)
        opened = {"key": key.wire.hex(), "usage": usage, "plaintext": plain.hex()}
        found = {"confounder": dice.hex() if kind == "aes256k" else "", "ciphertext": sealed.hex()}
        return good("cipher", f"cipher-{ident}", RULES[kind], *flags, **opened, **found)

    challenges = HEAD + pack("<QQ", SERVER_CHALLENGE, CLIENT_CHALLENGE)
    yield one("aes-challenges", "aes", AES, 0, challenges, b"")
    for size, (dice, expected) in RFC8009_SAMPLES.items():
        vector = one(f"rfc8009-a-{size}", "aes256k", RFC8009, 2, bytes(range(size)), bytes.fromhex(dice), "Rfc8009")
        assert vector["ciphertext"] == expected
        yield vector
    for size in SIZES:
        plain = bytes(size + 7 * index & 0xFF for index in range(size))
        for kind, key in BOTH.items():
            yield one(f"{kind}-{size}", kind, key, 4, plain, CONFOUNDER)


def no_ciphers() -> Iterator[Vector]:
    def one(ident: str, key: Key, sealed: bytes, *, usage: int = 4, rule: str | None = None) -> Vector:
        rule = rule or RULES[ident.partition("-")[0]]
        opened = {"key": key.wire.hex(), "usage": usage, "ciphertext": sealed.hex()}
        return bad("cipher", f"cipher-{ident}", rule, "AuthError", **opened)

    for size in (0, 15, 17, 31, 33):
        yield one(f"aes-size-{size}", AES, bytes(size))
    whole = AES256K.encrypt(4, b"hello")
    for size in (0, 1, 39):
        yield one(f"aes256k-size-{size}", AES256K, whole[:size])
    yield one("aes256k-cut", AES256K, whole[:-1])
    yield one("aes256k-longer", AES256K, whole + b"\0")
    yield one("aes256k-other-usage", AES256K, whole, usage=3, rule="CEPHX-7")
    yield one("aes256k-other-key", RFC8009, whole)
    yield one("aes256k-zeros", AES256K, bytes(64))


def derived() -> Iterator[Vector]:
    for name, purpose, size in (("ke", 0xAA, 32), ("ki", 0x55, 24)):
        found = AES256K.derive(0x10, purpose, size).hex()
        told = {"secret": AES256K.secret.hex(), "usage": 0x10, "purpose": purpose, "derived": found}
        yield good("derive", f"derive-{name}-0x10", "CEPHX-7", **told)


BODY = pack("<BQBQ", 2, SERVER_CHALLENGE, 0, 0)


def envelopes() -> Iterator[Vector]:
    def one(ident: str, key: Key, usage: int, body: bytes, *flags: str) -> Vector:
        dice, sealed = key.confounder.hex(), key.seal(usage, body).hex()
        told = {"key": key.wire.hex(), "usage": usage, "body": body.hex(), "confounder": dice, "ciphertext": sealed}
        return good("envelope", ident, "CEPHX-4", *flags, **told)

    for kind, key in BOTH.items():
        yield one(f"authorize-{kind}", key, 0x10, BODY)
    for ident, usage, body, sealed in heard.OSD:
        vector = one(f"osd-{ident}", heard.OSD_KEY, usage, bytes.fromhex(body), "Captured")
        assert vector["ciphertext"] == sealed
        yield vector


def no_envelopes() -> Iterator[Vector]:
    def one(
        ident: str, key: Key, sealed: bytes, *, usage: int = 0x10, rule: str = "CEPHX-4", error: str = "AuthError"
    ) -> Vector:
        told = {"key": key.wire.hex(), "usage": usage, "ciphertext": sealed.hex()}
        return bad("envelope", f"envelope-{ident}", rule, error, **told)

    yield one("aes-other-key", heard.OSD_KEY, AES.seal(0x10, BODY))
    yield one("aes256k-other-usage", AES256K, AES256K.seal(0x10, BODY), usage=0x11, rule="CEPHX-7")
    for version in (0, 2):
        for kind, key in BOTH.items():
            yield one(f"{kind}-version-{version}", key, key.encrypt(0x10, bytes([version]) + HEAD[1:] + b"x"))
    for kind, key in BOTH.items():
        yield one(f"{kind}-magic", key, key.encrypt(0x10, HEAD[:1] + HEAD[:0:-1] + b"x"))
    for size in (0, 1, 8):
        yield one(f"aes-short-{size}", AES, AES.encrypt(0x10, HEAD[:size]), error="ShortRead")


def layouts() -> Iterator[Vector]:
    def one(ident: str, rule: str, layout: str, wire: str, fields: dict[str, Any], *flags: str) -> Vector:
        return good("layout", ident, rule, *flags, layout=layout, fields=fields, wire=wire)

    told = (
        ("challenge", "-16", "CEPHX-1", "ServerChallenge", heard.CHALLENGE),
        ("authenticate", "-16", "CEPHX-9", "Authenticate", heard.AUTHENTICATE),
        ("osd-ticket", "", "CEPHX-20", "TicketInfo", heard.OSD_TICKET),
    )
    for ident, tail, rule, layout, (wire, fields) in told:
        yield one(ident + tail, rule, layout, wire, fields, "Captured")
    for ident, _, _, layout, (wire, _) in told:
        for cut, content in (("cut", wire[:-2]), ("empty", "")):
            yield bad("layout", f"{ident}-{cut}", "WIRE-1", "ShortRead", layout=layout, wire=content)
    for ident, rule, kind, name, number in (
        ("mon", "CEPHX-8", 10, "client.admin", 4175),
        ("none-service", "AUTH-20", 1, "osd.0", 0),
    ):
        fields = {"kind": kind, "name": name, "global_id": str(number)}
        yield one(f"request-{ident}", rule, "Request", request(kind, name, number).hex(), fields)
    cut_off = request(10, "client.admin", 0)[:-1].hex()
    yield bad("layout", "request-cut", "WIRE-1", "ShortRead", layout="Request", wire=cut_off)


def request(kind: int, name: str, global_id: int) -> bytes:
    entity, _, ident = name.partition(".")
    return pack("<BI", kind, {"client": 8, "osd": 4}[entity]) + blob(ident.encode()) + pack("<Q", global_id)


def clients() -> Iterator[Vector]:
    yield heard_client("16", heard.CLIENT_16, created=True)
    yield heard_client("20", heard.CLIENT_20, created=False)
    spoilt = [("challenge-zero", "CEPHX-1", "AuthError", b"\1" + bytes(8))]
    challenge = bytes.fromhex(heard.CLIENT_16["server_challenge"])
    spoilt += [("challenge-cut", "WIRE-1", "ShortRead", challenge[:3])]
    spoilt += [("challenge-longer", "CEPHX-15", "DecodeError", challenge + b"\0")]
    for ident, rule, error, said in spoilt:
        yield refused(ident, rule, error, server_challenge=said.hex())
    whole = bytes.fromhex(heard.CLIENT_16["done"])
    for ident, rule, error, change in SPOILT_DONE:
        yield refused(f"done-{ident}", rule, error, done=change(whole).hex())
    yield refused("done-crc-with-secret", "CEPHX-13", "AuthError", mode=1)
    yield refused("done-global-id-0", "GLOBALID-5", "AuthError", global_id=0)
    yield refused("done-other-key", "CEPHX-4", "AuthError", key=heard.ANOTHER_KEY, authenticate=None)
    without = whole[: len(whole) - 4 - 4 - 84] + bytes(8)
    yield refused("done-secret-absent", "WIRE-1", "ShortRead", done=without.hex())


def status(code: int) -> Callable[[bytes], bytes]:
    return lambda done: done[:2] + pack("<i", code) + done[6:]


def at(place: int, content: bytes) -> Callable[[bytes], bytes]:
    return lambda done: done[:place] + content + done[place + len(content) :]


SPOILT_DONE: tuple[tuple[str, str, str, Callable[[bytes], bytes]], ...] = (
    ("empty", "WIRE-1", "ShortRead", lambda done: b""),
    ("operation", "CEPHX-11", "AuthError", at(0, pack("<H", 0x0200))),
    ("status-1", "CEPHX-11", "AuthError", status(1)),
    ("status-max", "CEPHX-11", "AuthError", status(2**31 - 1)),
    ("status-eacces", "CEPHX-11", "AuthError", status(-13)),
    ("status-min", "CEPHX-11", "AuthError", status(-(2**31))),
    ("no-ticket", "CEPHX-12", "AuthError", lambda done: done[:7] + bytes(12)),
    ("service-mon", "CEPHX-12", "AuthError", at(11, pack("<I", 1))),
    ("count-huge", "WIRE-2", "ShortRead", at(7, b"\xff" * 4)),
    ("trailing", "CEPHX-15", "DecodeError", lambda done: done + b"\0"),
    ("cut", "WIRE-1", "ShortRead", lambda done: done[:-1]),
    ("inner-length", "WIRE-1", "ShortRead", at(16, b"\xff" * 4)),
    ("encrypted-unasked", "CEPHX-23", "AuthError", at(20 + 48, b"\1")),
)


def heard_client(release: str, said: dict[str, Any], *, created: bool) -> Vector:
    """A conversation with a monitor of that release; what comes out of it is found here, with the client's key."""
    key = Bytes(b64decode(said["key"])).key()
    done = Bytes(bytes.fromhex(said["done"]))
    done.take(2 + 4 + 5 + 5)
    told = Bytes(decrypt(key, 4, done.blob())[len(HEAD) + 1 :])
    session_key, stamp, validity = told.key(), told.stamp, told.number(4)
    done.take(1)
    ticket = Bytes(done.blob()[1:])
    secret = unseal(session_key, 3, Bytes(done.blob()).blob()).blob()
    found: dict[str, Any] = {"session_key": session_key.secret.hex()}
    found |= {"session_key_created": stamp} if created else {}
    found |= {"connection_secret": secret.hex(), "secret_id": ticket.number(8), "validity": validity}
    return good("client", f"client-{release}", "CEPHX-11", "Captured", **said, **found)


def refused(ident: str, rule: str, error: str, **changes: Any) -> Vector:
    return bad("client", f"client-{ident}", rule, error, **(heard.CLIENT_16 | changes))
