"""Fresh cephx keys, and the file that Ceph reads them from."""

from __future__ import annotations

import secrets
import time
from base64 import b64encode
from collections.abc import Mapping
from struct import Struct
from typing import Final

from .settings import KeyType

_HEAD: Final = Struct("<HIIH")  # type, seconds and nanoseconds of creation, length of the secret
_TYPES: Final[Mapping[KeyType, tuple[int, int]]] = {"aes": (1, 16), "aes256k": (2, 32)}


def fresh_key(key_type: KeyType) -> str:
    """Return a new key in the form of keyrings."""
    number, size = _TYPES[key_type]
    return b64encode(_HEAD.pack(number, int(time.time()), 0, size) + secrets.token_bytes(size)).decode()


def keyring(keys: Mapping[str, str], caps: Mapping[str, Mapping[str, str]]) -> str:
    """Return the text of a keyring with each entity's key and its capabilities by service."""
    lines: list[str] = []
    for name, key in keys.items():
        lines += [f"[{name}]", f"\tkey = {key}"]
        lines += [f'\tcaps {service} = "{text}"' for service, text in caps[name].items()]
    return "\n".join(lines) + "\n"
