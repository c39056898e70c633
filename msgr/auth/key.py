"""Secret keys and their two spellings, bytes and base64 (KEY-1 … KEY-4)."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, unique
from types import MappingProxyType
from typing import Annotated, Final, Self

from ..errors import ConfigError, DecodeError, KeyringError
from ..wire import Nested, Reader, Record, Timestamp, named, u16
from .method import Dice

LONGEST_TEXT: Final = 4096
"""More characters than any key has."""


@unique
class KeyType(IntEnum):
    """What a key is for; a greater number is stronger."""

    NONE = 0
    AES = 1
    """AES-128 in CBC mode with a constant IV: no integrity (CVE-2025-30156). For clusters that know nothing better."""
    AES256K = 2
    """AES-256 with HMAC-SHA384, after RFC 8009."""


SECRET_SIZES: Final[Mapping[int, int]] = MappingProxyType({KeyType.AES: 16, KeyType.AES256K: 32})


class _Secret:
    """A u16 length and that many bytes."""

    def write(self, out: bytearray, value: bytes) -> None:
        u16.write(out, len(value))
        out += value

    def read(self, reader: Reader) -> bytes:
        return reader.take(u16.read(reader))


@dataclass(frozen=True, slots=True, kw_only=True)
class CryptoKey(Record):
    """A secret with its type. An empty secret of any type means *no key*, and opens nothing.

    ======  =========  ===================================
    offset  size       field
    ======  =========  ===================================
    0       u16        type
    2       timestamp  created
    10      u16        length of the secret: 0, 16 or 32
    12      …          secret
    ======  =========  ===================================

    Building one raises ConfigError where the secret's length does not fit the type; reading one raises DecodeError.
    """

    type: Annotated[int, named("H", KeyType)]
    created: Annotated[Timestamp, Nested(Timestamp)]
    secret: Annotated[bytes, _Secret()] = field(repr=False)
    derived: dict[int, tuple[bytes, bytes]] = field(init=False, repr=False, compare=False, default_factory=dict)
    """What was derived from the secret so far, by its usage: as secret as that, and gone when this key is (CEPHX-6)."""

    def __post_init__(self) -> None:
        # KEY-2: never cut a long secret or fill up a short one (CVE-2021-3979).
        if self.secret and len(self.secret) != SECRET_SIZES.get(self.type, 0):
            sizes = ", ".join(f"{size} for {KeyType(kind).name.lower()}" for kind, size in SECRET_SIZES.items())
            raise ConfigError(f"a secret of {len(self.secret)} bytes in a key of type {self.type}: {sizes} [KEY-2]")

    @classmethod
    def generate(cls, dice: Dice, now: float, type: KeyType = KeyType.AES256K) -> Self:
        """Return a new key, made at wall-clock time `now` from `dice`."""
        if type not in SECRET_SIZES:
            raise ConfigError(f"keys of type {type!r} hold no secret: AES or AES256K [KEY-2]")
        return cls(type=type, created=Timestamp.of(now), secret=dice(SECRET_SIZES[type]))

    @classmethod
    def none(cls) -> Self:
        """Return the key that is no key."""
        return cls(type=KeyType.NONE, created=Timestamp(), secret=b"")

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read a key where `reader` stands; raises DecodeError."""
        try:
            # Not the bare super(): a dataclass with slots is another class than the one this method was written in.
            return super(CryptoKey, cls).read(reader)
        except ConfigError as error:
            raise DecodeError(str(error).removesuffix(" [KEY-2]"), rule="KEY-2") from None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the key with this base64 text; raises KeyringError, which does not show it.

        Bytes after the key are ignored, as Ceph does (KEY-3).
        """
        if len(text) > LONGEST_TEXT:
            raise KeyringError(f"{len(text)} characters are no key: {LONGEST_TEXT} at most [KEY-3]")
        try:
            return cls.decode(b64decode(text.strip().encode("ascii"), validate=True))
        except (Base64Error, UnicodeEncodeError):
            raise KeyringError("a key that is not base64 text [KEY-3]") from None
        except DecodeError as error:
            raise KeyringError(f"a key that cannot be read: {error}") from None

    def to_text(self) -> str:
        """Return the base64 text of this key. It is the secret itself: keep it out of logs."""
        return b64encode(self.encode()).decode()

    @property
    def is_empty(self) -> bool:
        """Whether there is no secret in it."""
        return not self.secret
