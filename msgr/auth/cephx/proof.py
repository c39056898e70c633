"""The client's proof that it holds its key: 8 bytes made of the key and both challenges (CEPHX-2, CEPHX-3)."""

from __future__ import annotations

from hmac import digest

from ...errors import ConfigError
from ...wire import Reader
from ..key import CryptoKey, KeyType
from .crypto import encrypt_aes
from .envelope import plaintext
from .structs import Challenges, Framed


def prove(key: CryptoKey, *, server_challenge: int, client_challenge: int) -> int:
    """Return the proof for these challenges; raises ConfigError where the key is none."""
    if key.is_empty:
        raise ConfigError("an empty key proves nothing [KEY-2]")
    challenges = Challenges(server=server_challenge, client=client_challenge).encode()
    if key.type == KeyType.AES:
        # CEPHX-2: the length before the ciphertext belongs to what is folded, so its last four bytes fall off.
        return _fold(Framed(content=encrypt_aes(key.secret, plaintext(challenges))).encode())
    return _fold(digest(key.secret, challenges, "sha256"))


def _fold(data: bytes) -> int:
    """Return the XOR of the complete 64-bit words of `data`."""
    reader = Reader(data)
    folded = 0
    while reader.left >= 8:
        folded ^= reader.number(8)
    return folded
