"""How cephx encrypts: one function pair for both key types (CEPHX-5 … CEPHX-7).

=======  ===================================================================================================
type     ciphertext
=======  ===================================================================================================
aes      AES-128-CBC with a constant IV and PKCS#7 padding; 16 * (1 + size // 16) bytes. Deterministic, and
         without integrity: who changes it is not found out
aes256k  RFC 8009 aes256-cts-hmac-sha384-192: CBC with ciphertext stealing over a random confounder of 16 bytes
         and the plaintext, then 24 bytes of HMAC; size + 40 bytes. The keys depend on the usage
=======  ===================================================================================================
"""

from __future__ import annotations

from enum import IntEnum, unique
from hmac import compare_digest, digest
from struct import Struct
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from ...errors import AuthError, ConfigError
from ..key import CryptoKey, KeyType
from ..method import Dice

BLOCK: Final = 16
CONSTANT_IV: Final = b"cephsageyudagreg"
TAG: Final = 24
OVERHEAD: Final = BLOCK + TAG
"""How much longer an aes256k ciphertext is than its plaintext."""
assert OVERHEAD == 40  # CEPHX-6

_ZERO_IV: Final = bytes(BLOCK)
_DERIVE: Final = Struct(">IIBBI")  # counter 1, usage, kind, 0, bits


@unique
class Usage(IntEnum):
    """What a ciphertext is for; with aes256k, one that is sealed for a usage opens for no other (CEPHX-7)."""

    CONNECTION_SECRET = 0x03
    TICKET_SESSION_KEY = 0x04
    TICKET_BLOB = 0x05
    AUTHORIZE = 0x10
    AUTHORIZE_CHALLENGE = 0x11
    AUTHORIZE_REPLY = 0x12
    ROTATING_SECRET = 0x20
    TICKET_INFO = 0x30


def encrypt(key: CryptoKey, usage: int, plaintext: bytes, dice: Dice) -> bytes:
    """Return the ciphertext of `plaintext`; `dice` makes the confounder, which type aes has none of.

    Raises ConfigError where the key is none.
    """
    secret = _secret(key)
    if key.type == KeyType.AES:
        return encrypt_aes(secret, plaintext)
    return _encrypt_aes256k(_derived(key, usage), plaintext, confounder=dice(BLOCK))


def decrypt(key: CryptoKey, usage: int, ciphertext: bytes) -> bytes:
    """Return the plaintext of `ciphertext`.

    Raises AuthError where it was not made with this key, as far as the key's type can tell, and ConfigError where the
    key is none.
    """
    secret = _secret(key)
    if key.type == KeyType.AES:
        return _decrypt_aes(secret, ciphertext)
    return _decrypt_aes256k(_derived(key, usage), ciphertext)


def _secret(key: CryptoKey) -> bytes:
    if key.is_empty:
        raise ConfigError("an empty key encrypts nothing [KEY-2]")
    return key.secret


def encrypt_aes(secret: bytes, plaintext: bytes) -> bytes:
    """Encrypt as keys of type aes do."""
    padder = PKCS7(8 * BLOCK).padder()
    return _cbc(secret, CONSTANT_IV, padder.update(plaintext) + padder.finalize())


def _decrypt_aes(secret: bytes, ciphertext: bytes) -> bytes:
    if not ciphertext or len(ciphertext) % BLOCK:
        raise AuthError(f"{len(ciphertext)} bytes of ciphertext, where whole blocks of 16 belong", rule="CEPHX-5")
    padded = _cbc_open(secret, CONSTANT_IV, ciphertext)
    # The padding is not judged: to say what is wrong with it would help whoever alters the blocks (CEPHX-5).
    return padded[: len(padded) - min(padded[-1], BLOCK)]


def derive(secret: bytes, usage: int, kind: int, size: int) -> bytes:
    """Return `size` bytes of the key for `usage`; kind 0xAA encrypts, 0x55 authenticates."""
    return digest(secret, _DERIVE.pack(1, usage, kind, 0, 8 * size), "sha384")[:size]


def _derived(key: CryptoKey, usage: int) -> tuple[bytes, bytes]:
    """Return what encrypts for `usage`, and what authenticates: made once for a key, which keeps it."""
    keys = key.derived.get(usage)
    if keys is None:
        secret = key.secret
        keys = key.derived[usage] = derive(secret, usage, 0xAA, 32), derive(secret, usage, 0x55, TAG)
    return keys


def _encrypt_aes256k(keys: tuple[bytes, bytes], plaintext: bytes, *, confounder: bytes) -> bytes:
    """Encrypt as keys of type aes256k do. The confounder must be 16 bytes that nobody can foretell."""
    encrypting, authenticating = keys
    body = confounder + plaintext
    blocks = _cbc(encrypting, _ZERO_IV, body + bytes(-len(body) % BLOCK))
    # The last two blocks change places, and the one that is now last gives up what padding had added.
    swapped = blocks[: -2 * BLOCK] + blocks[-BLOCK:] + blocks[-2 * BLOCK : -BLOCK]
    stolen = swapped[: len(body)]
    return stolen + _tag(authenticating, stolen)


def _decrypt_aes256k(keys: tuple[bytes, bytes], ciphertext: bytes) -> bytes:
    encrypting, authenticating = keys
    if len(ciphertext) < OVERHEAD:
        raise AuthError(f"{len(ciphertext)} bytes of ciphertext, where {OVERHEAD} are the least", rule="CEPHX-6")
    body, tag = ciphertext[:-TAG], ciphertext[-TAG:]
    # CEPHX-6: nothing is decrypted before it is known to be genuine.
    if not compare_digest(_tag(authenticating, body), tag):
        raise AuthError("a ciphertext of another key or usage, or changed on the way", rule="CEPHX-6")
    if len(body) == BLOCK:
        return b""  # nothing but the confounder
    head = (len(body) - 1) // BLOCK * BLOCK - BLOCK  # where the two swapped blocks begin
    last, shortened = body[head : head + BLOCK], body[head + BLOCK :]
    decryptor = Cipher(AES(encrypting), CBC(_ZERO_IV)).decryptor()
    # What the second to last block gave up is what its neighbour, over zero padding, decrypts to.
    given_up = decryptor.update(last)[len(shortened) :]
    # It goes on from there, so the first block comes out wrong: that is the confounder, which nobody wants.
    return decryptor.update(body[:head] + shortened + given_up + last)[BLOCK : len(body)]


def _tag(authenticating: bytes, body: bytes) -> bytes:
    return digest(authenticating, _ZERO_IV + body, "sha384")[:TAG]


def _cbc(key: bytes, iv: bytes, blocks: bytes) -> bytes:
    encryptor = Cipher(AES(key), CBC(iv)).encryptor()
    return encryptor.update(blocks) + encryptor.finalize()


def _cbc_open(key: bytes, iv: bytes, blocks: bytes) -> bytes:
    decryptor = Cipher(AES(key), CBC(iv)).decryptor()
    return decryptor.update(blocks) + decryptor.finalize()
