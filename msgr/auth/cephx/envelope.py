"""The envelope in which cephx seals everything: u8 version 1, u64 magic, body; all of it encrypted (CEPHX-4).

It stands on the wire in two spellings. *Raw* is the ciphertext alone, what `seal` returns; *framed* has a u32 length
before it, so it is the `blob` field of a record.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from ...errors import AuthError
from ...wire import Reader, Record, u8, u64
from ..key import CryptoKey
from ..method import Dice
from .crypto import Usage, decrypt, encrypt

MAGIC: Final = 0xFF009CAD8826AA55


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeHead(Record):
    """What begins every plaintext, so that a wrong key is noticed."""

    struct_v: Annotated[int, u8] = 1
    magic: Annotated[int, u64] = MAGIC


_HEAD: Final = EnvelopeHead().encode()


def seal(key: CryptoKey, usage: Usage, body: bytes, dice: Dice) -> bytes:
    """Return `body` in an envelope, raw."""
    return encrypt(key, usage, plaintext(body), dice)


def open_envelope(key: CryptoKey, usage: Usage, ciphertext: bytes) -> bytes:
    """Return the body of a raw envelope.

    Raises AuthError where it was not sealed with this key, or (with type aes256k) for another usage.
    """
    reader = Reader(decrypt(key, usage, ciphertext))
    if reader.take(len(_HEAD)) != _HEAD:
        raise AuthError(f"no magic in the {usage.name} envelope: another key sealed it", rule="CEPHX-4")
    return reader.rest()


def plaintext(body: bytes) -> bytes:
    """Return what an envelope around `body` encrypts."""
    return _HEAD + body
