"""The byte that comes last: whether the sender stands by the frame or withdrew it on its way.

msgr2.0 has one flag bit, covered by no checksum (FRAME-7). msgr2.1 has two code words of four bits, far enough apart
that no three flipped bits turn one into the other; every other word is damage, not an abort (FRAME-6).
"""

from __future__ import annotations

from typing import Final

from ..errors import FrameError

_ABORTED_FLAG: Final = 0x01
_COMPLETE_WORD: Final = 0x0E
_ABORTED_WORD: Final = 0x01


def late_flags(aborted: bool) -> int:
    """Return the byte of msgr2.0."""
    return _ABORTED_FLAG if aborted else 0


def is_aborted_by_flags(byte: int) -> bool:
    """Tell whether the byte of msgr2.0 withdraws the frame; bits without a meaning are ignored."""
    return bool(byte & _ABORTED_FLAG)


def late_status(aborted: bool) -> int:
    """Return the byte of msgr2.1."""
    return _ABORTED_WORD if aborted else _COMPLETE_WORD


def is_aborted_by_status(byte: int) -> bool:
    """Tell whether the byte of msgr2.1 withdraws the frame; raises FrameError for a word that is neither."""
    word = byte & 0x0F  # the high nibble is reserved: sent as 0, ignored on receipt
    if word not in (_COMPLETE_WORD, _ABORTED_WORD):
        raise FrameError(f"late status {byte:#04x}; its low half is 0xe (complete) or 0x1 (aborted)", rule="FRAME-6")
    return word == _ABORTED_WORD
