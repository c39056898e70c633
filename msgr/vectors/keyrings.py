"""Checks of keys and keyrings, as text and as bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..auth import CryptoKey, Keyring
from ..errors import KeyringError
from .cephx import plain
from .files import Vector
from .outcome import Mismatch, check_error, expect, expect_refusal


def _key(vector: Vector) -> None:
    if vector.is_valid:
        found = CryptoKey.parse(vector["text"])
        expect("the key", plain(found), vector["fields"])
        expect("the key in bytes", CryptoKey.decode(vector.wire), found)
        if vector.is_sent:
            expect("what is written", (found.to_text(), found.encode()), (vector["text"], vector.wire))
        return
    if "wire" in vector.fields:
        expect_refusal(vector, lambda: CryptoKey.decode(vector.wire))
    try:
        CryptoKey.parse(vector["text"])
    except KeyringError as error:
        if "wire" not in vector.fields:
            check_error(vector, error)
        return
    raise Mismatch("its text is accepted")


def _keyring(vector: Vector) -> None:
    text = vector.fields.get("text")
    content = vector.octets("binary") if text is None else text.encode()
    if not vector.is_valid:
        expect_refusal(vector, lambda: Keyring.loads(content))
        return
    found = Keyring.loads(content)
    entries = {str(name): found.get(name) for name in found}
    described = {name: {"key": entry.key.to_text(), "caps": dict(entry.caps)} for name, entry in entries.items()}
    expect("the entries", described, vector["entries"])
    if "canonical" in vector.fields:
        expect("what is written", found.dumps(), vector["canonical"])
    expect("the keyring, written and read", Keyring.loads(found.dumps()), found)


def check_keyring(vector: Vector) -> None:
    """Check one key or one keyring."""
    {"key": _key, "keyring": _keyring}[vector["kind"]](vector)


CHECKS: Final[Mapping[str, Any]] = {"keyring": check_keyring}
