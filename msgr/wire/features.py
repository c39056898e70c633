"""Two sets of feature bits that never mix: those of the banner, and those of the identities.

Banner bits (BANNER-3 … BANNER-5) tell what the *framing* can do; connection bits (IDENT-3) tell which encodings of
*messages* a peer understands. Both are 64-bit words, so each has a type of its own.
"""

from __future__ import annotations

from enum import IntFlag
from typing import Final, NewType


class BannerFeature(IntFlag):
    """Bits of the banner's two words."""

    REVISION_1 = 1 << 0
    """The framing of msgr2.1; a connection has it if both ends offer it."""
    COMPRESSION = 1 << 1
    """The compression handshake is understood, even if its answer is always *off*."""
    MSGR_EXT = 1 << 48
    """Ours: the frames of `NodeTag` are understood. Never required, so to Ceph it means nothing (NODE-1)."""


ConnectionFeatures = NewType("ConnectionFeatures", int)
"""A word of the CEPH_FEATURE bits that CLIENT_IDENT and SERVER_IDENT exchange."""

MSG_ADDR2: Final = ConnectionFeatures(1 << 59)
"""Modern addresses: the floor that every msgr2 peer requires."""

SUPPORTED: Final = ConnectionFeatures(0x3F01CFBFFFFDFFFF)
"""What we say that we understand: the word of Ceph 18.2, so that monitors with modern CRUSH maps let us in."""
