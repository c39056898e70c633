"""Floor 2: one frame and its bytes, in every mode; it does not know what HELLO means.

`Frame` is what peers mean, a `FrameMode` turns it into bytes and back, `FrameDecoder` cuts frames from a stream.
"""

from __future__ import annotations

from .compression import Algorithm, FrameCompressor, codec_of
from .crc import CrcRev0, CrcRev1
from .decoder import FrameDecoder
from .mode import LARGE, Frame, FrameMode, Head, Revision
from .nonce import NonceSequence
from .preamble import FrameLimits, Preamble
from .secure import SECRET_SIZE, SecureKeys, SecureRev0, SecureRev1
from .tag import Mode, NodeTag, Tag, parse_tag, tag_name


def crc_mode(revision: Revision, *, check_data: bool = True) -> FrameMode:
    """Return CRC mode, in which every connection begins."""
    return CrcRev0(check_data=check_data) if revision is Revision.REV0 else CrcRev1(check_data=check_data)


def secure_mode(revision: Revision, secret: bytes, *, client: bool) -> FrameMode:
    """Return secure mode, keyed by a connection secret; `client` tells whether this end dialled. Raises AuthError."""
    keys = SecureKeys.of_secret(secret)
    return SecureRev0(keys, client=client) if revision is Revision.REV0 else SecureRev1(keys, client=client)


__all__ = [
    "LARGE",
    "SECRET_SIZE",
    "Algorithm",
    "Frame",
    "FrameCompressor",
    "FrameDecoder",
    "FrameLimits",
    "FrameMode",
    "Head",
    "Mode",
    "NodeTag",
    "NonceSequence",
    "Preamble",
    "Revision",
    "SecureKeys",
    "Tag",
    "codec_of",
    "crc_mode",
    "parse_tag",
    "secure_mode",
    "tag_name",
]
