"""Frames that are wrong in one place: preambles, checksums and late bytes as they should not be.

Flag bit 0, which calls a frame compressed, is never set where compression was not agreed on: some deployed daemons do
not survive it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..errors import LocalError
from ..frame import Frame, Preamble
from ..frame.preamble import COMPRESSED, SIZE
from ..frame.secure import SecureRev0, SecureRev1
from ..wire import PREAMBLE_SEED, SEGMENT_SEED, checksum

FLAGS: Final = 26
RESERVED: Final = 27
LATE: Final = -16
"""Where the late byte is in the last plaintext of a frame in secure mode."""


def flip(data: bytes, at: int, bits: int = 1) -> bytes:
    """Return `data` with some bits of one byte turned."""
    changed = bytearray(data)
    changed[at] ^= bits
    return bytes(changed)


def put(data: bytes, at: int, value: int) -> bytes:
    """Return `data` with one byte replaced."""
    changed = bytearray(data)
    changed[at] = value
    return bytes(changed)


def preamble(
    tag: int, *lengths: int, count: int | None = None, change: Callable[[bytes], bytes] | None = None
) -> bytes:
    """Return a preamble, with a right checksum: of another number of segments, or changed otherwise."""
    head = Preamble(tag, lengths).encode()[:-4]
    if count is not None:
        head = put(head, 1, count)
    if change is not None:
        head = change(head)
    if head[FLAGS] & COMPRESSED:
        raise LocalError("no peer is sent a frame that is called compressed without that agreement [FRAME-8]")
    return head + checksum(head, PREAMBLE_SEED).to_bytes(4, "little")


def crc(segment: bytes) -> bytes:
    """Return the checksum of a segment as it is written."""
    return checksum(segment, SEGMENT_SEED).to_bytes(4, "little")


def changed_preamble(wire: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Return a frame in crc mode whose preamble is changed, and has a right checksum again."""
    head = change(wire[: SIZE - 4])
    if head[FLAGS] & COMPRESSED:
        raise LocalError("no peer is sent a frame that is called compressed without that agreement [FRAME-8]")
    return head + checksum(head, PREAMBLE_SEED).to_bytes(4, "little") + wire[SIZE:]


Twist = Callable[[int, bytes], bytes]
"""Takes the number of an operation within its frame, from 0, and its plaintext; returns another plaintext."""


class _Twisting:
    """Changes plaintexts before they are sealed, so that only what is in them is wrong."""

    twist: Twist | None = None
    _operation = 0

    def twisted(self, plain: bytes) -> bytes:
        """Return the plaintext that is sealed in place of `plain`."""
        if self.twist is None:
            return plain
        operation, self._operation = self._operation, self._operation + 1
        return self.twist(operation, plain)


class TwistingRev0(_Twisting, SecureRev0):
    """Secure mode of msgr2.0 whose sender can be made to err."""

    def _encrypt(self, plain: bytes) -> bytes:
        return super()._encrypt(self.twisted(plain))


class TwistingRev1(_Twisting, SecureRev1):
    """Secure mode of msgr2.1 whose sender can be made to err."""

    def _encrypt(self, plain: bytes) -> bytes:
        return super()._encrypt(self.twisted(plain))


def twisted(mode: TwistingRev0 | TwistingRev1, frame: Frame, twist: Twist) -> bytes:
    """Return the bytes of a frame whose plaintexts are changed by `twist`, under right tags."""
    mode.twist, mode._operation = twist, 0
    try:
        return b"".join(bytes(piece) for piece in mode.seal(frame))
    finally:
        mode.twist = None


def skip_nonce(mode: TwistingRev0 | TwistingRev1) -> None:
    """Let a nonce go by unused."""
    mode._encrypt(b"")
