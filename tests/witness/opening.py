"""Opens what cephx sealed, from nothing but AES and HMAC: the other half of `sealing`."""

from __future__ import annotations

from hmac import digest
from struct import unpack_from

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB

from .sealing import HEAD, Key


class Wrong(Exception):
    """What was said cannot be right."""


class Bytes:
    """Takes fields from the front."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.stamp: list[int] = []
        """When the key was made that was taken last."""

    def take(self, size: int) -> bytes:
        if size > len(self.data):
            raise Wrong(f"{size} bytes wanted, {len(self.data)} there")
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def blob(self) -> bytes:
        return self.take(self.number(4))

    def key(self) -> Key:
        kind, *self.stamp, size = unpack_from("<HIIH", self.take(12))
        return Key(kind, self.take(size), *self.stamp)

    def end(self) -> None:
        if self.data:
            raise Wrong(f"{len(self.data)} bytes too many")


def cbc_open(key: bytes, iv: bytes, blocks: bytes) -> bytes:
    decryptor = Cipher(AES(key), CBC(iv)).decryptor()
    return decryptor.update(blocks) + decryptor.finalize()


def decrypt(key: Key, usage: int, sealed: bytes) -> bytes:
    if key.kind == 1:
        if not sealed or len(sealed) % 16:
            raise Wrong("not whole blocks")
        plain = cbc_open(key.secret, b"cephsageyudagreg", sealed)
        return plain[: -min(plain[-1], 16)]
    body, tag = sealed[:-24], sealed[-24:]
    if len(body) < 16 or digest(key.derive(usage, 0x55, 24), bytes(16) + body, "sha384")[:24] != tag:
        raise Wrong("the checksum of a ciphertext")
    return unstolen(key.derive(usage, 0xAA, 32), body)[16:]


def unstolen(key: bytes, body: bytes) -> bytes:
    """CBC with ciphertext stealing, undone: the last block was written before the one cut short."""
    if len(body) == 16:
        return cbc_open(key, bytes(16), body)
    start = (len(body) - 1) // 16 * 16 - 16
    last, short = body[start : start + 16], body[start + 16 :]
    decryptor = Cipher(AES(key), ECB()).decryptor()
    middle = decryptor.update(last) + decryptor.finalize()
    whole = short + middle[len(short) :]
    return cbc_open(key, bytes(16), body[:start] + whole + last)[: len(body)]


def unseal(key: Key, usage: int, sealed: bytes) -> Bytes:
    """What is in an envelope."""
    plain = decrypt(key, usage, sealed)
    if plain[1:9] != HEAD[1:]:
        raise Wrong("an envelope of another key")
    return Bytes(plain[9:])
