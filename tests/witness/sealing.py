"""How cephx seals things, and the layouts that the vectors about tickets need, from nothing but AES and HMAC."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from hashlib import sha256
from hmac import digest
from operator import xor
from struct import iter_unpack, pack

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from .encoder import blob

HEAD = bytes.fromhex("0155aa2688ad9c00ff")
CONFOUNDER = bytes(range(0xA0, 0xB0))
"""What stands in for 16 random bytes, every time."""


@dataclass(frozen=True)
class Key:
    """A key of type 1 (aes) or 2 (aes256k)."""

    kind: int
    secret: bytes
    created: int = 0
    nanoseconds: int = 0

    @property
    def wire(self) -> bytes:
        return pack("<HIIH", self.kind, self.created, self.nanoseconds, len(self.secret)) + self.secret

    @property
    def confounder(self) -> bytes:
        """The dice that sealing once takes."""
        return CONFOUNDER if self.kind == 2 else b""

    def seal(self, usage: int, body: bytes) -> bytes:
        """A raw envelope."""
        return self.encrypt(usage, HEAD + body)

    def encrypt(self, usage: int, plain: bytes, *, confounder: bytes = CONFOUNDER) -> bytes:
        if self.kind == 1:
            fill = 16 - len(plain) % 16
            return cbc(self.secret, b"cephsageyudagreg", plain + bytes([fill]) * fill)
        cipher = stolen(self.derive(usage, 0xAA, 32), confounder + plain)
        return cipher + digest(self.derive(usage, 0x55, 24), bytes(16) + cipher, "sha384")[:24]

    def framed(self, usage: int, body: bytes) -> bytes:
        return blob(self.seal(usage, body))

    def derive(self, usage: int, kind: int, size: int) -> bytes:
        label = pack(">IIBBI", 1, usage, kind, 0, 8 * size)
        return digest(self.secret, label, "sha384")[:size]

    def prove(self, server: int, client: int) -> int:
        both = pack("<QQ", server, client)
        if self.kind == 2:
            return fold(digest(self.secret, both, "sha256"))
        return fold(self.framed(0, both))


def fold(data: bytes) -> int:
    whole = data[: len(data) // 8 * 8]
    return reduce(xor, (word for (word,) in iter_unpack("<Q", whole)), 0)


def cbc(key: bytes, iv: bytes, blocks: bytes) -> bytes:
    encryptor = Cipher(AES(key), CBC(iv)).encryptor()
    return encryptor.update(blocks) + encryptor.finalize()


def stolen(key: bytes, plain: bytes) -> bytes:
    """CBC with ciphertext stealing, the last two blocks swapped."""
    chain, blocks = bytes(16), []
    for start in range(0, len(plain), 16):
        chain = cbc(key, chain, plain[start : start + 16].ljust(16, b"\0"))
        blocks.append(chain)
    if len(blocks) == 1:
        return blocks[0]
    short = len(plain) - 16 * (len(blocks) - 1)
    return b"".join(blocks[:-2]) + blocks[-1] + blocks[-2][:short]


def key(kind: int, seed: str, created: int = 0) -> Key:
    return Key(kind, sha256(seed.encode()).digest()[: 16 * kind], created)


# Tickets


def ticket_blob(secret_id: int, sealed: bytes) -> bytes:
    return pack("<BQ", 1, secret_id) + blob(sealed)


def ticket_inside(
    session_key: Key,
    global_id: int,
    *,
    name: tuple[int, str] = (8, "admin"),
    caps: str | None = "allow *",
    created: int = 1_700_000_000,
    lifetime: int = 3600,
    auid: int = 2**64 - 1,
    allow_all: int = 0,
    flags: int = 0,
    caps_blob: bytes | None = None,
) -> bytes:
    """What only services read."""
    if caps_blob is None:
        caps_blob = b"" if caps is None else blob(caps.encode())
    return (
        pack("<BBI", 1, 2, name[0])
        + blob(name[1].encode())
        + pack("<QQIIII", global_id, auid, created, 0, created + lifetime, 0)
        + pack("<BB", 1, allow_all)
        + blob(caps_blob)
        + pack("<I", flags)
        + session_key.wire
    )


def grant(service: int, principal: Key, session_key: Key, ticket: bytes, *, validity: int, old: Key | None) -> bytes:
    """A ticket on its way to the holder of `principal`."""
    told = b"\1" + session_key.wire + pack("<II", validity, 0)
    wire = pack("<IB", service, 1) + principal.framed(0x04, told) + bytes([old is not None])
    return wire + (blob(ticket) if old is None else old.framed(0x05, blob(ticket)))


def ticket_reply(*grants: bytes) -> bytes:
    return pack("<BI", 1, len(grants)) + b"".join(grants)


# Authorizers


def authorize(nonce: int, plus_one: int | None, *, have: int | None = None) -> bytes:
    have = int(plus_one is not None) if have is None else have
    return pack("<BQBQ", 2, nonce, have, plus_one or 0)


def authorizer(
    session_key: Key, global_id: int, service: int, ticket: bytes, sealed: bytes, *, version: int = 1
) -> bytes:
    return pack("<BQI", version, global_id, service) + ticket + session_key.framed(0x10, sealed)
