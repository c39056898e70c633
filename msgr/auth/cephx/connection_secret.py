"""The connection secret: what a server gives so that AES-GCM can be keyed, in secure mode only."""

from __future__ import annotations

from typing import Final

from ...errors import AuthError
from ...frame import Mode
from ..method import Dice

BOTH_MODES: Final = frozenset({Mode.CRC, Mode.SECURE})
"""The modes that cephx can key."""
SIZE: Final = 64
"""Bytes of connection secret that a server gives."""
LEAST: Final = 40
"""A key and two nonces: what secure mode takes from a connection secret (CEPHX-13)."""


def make_secret(mode: Mode, dice: Dice) -> bytes:
    """Return a new connection secret; in crc mode it is empty."""
    return dice(SIZE) if mode is Mode.SECURE else b""


def check_secret(secret: bytes, mode: Mode, *, rule: str) -> bytes:
    """Return the secret that a server gave; raises AuthError where it is not what `mode` needs."""
    if mode is Mode.SECURE and len(secret) < LEAST:
        raise AuthError(f"a connection secret of {len(secret)} bytes, where {LEAST} are the least", rule=rule)
    if mode is Mode.CRC and secret:
        raise AuthError("a connection secret for crc mode, which has none", rule=rule)
    return secret
