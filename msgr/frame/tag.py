"""The numbers that frames carry and are chosen by: 22 tags of msgr2, four of ours, two connection modes."""

from __future__ import annotations

from enum import IntEnum, unique
from typing import Final


@unique
class Tag(IntEnum):
    """What a frame is; the first byte of its preamble."""

    HELLO = 1
    AUTH_REQUEST = 2
    AUTH_BAD_METHOD = 3
    AUTH_REPLY_MORE = 4
    AUTH_REQUEST_MORE = 5
    AUTH_DONE = 6
    AUTH_SIGNATURE = 7
    CLIENT_IDENT = 8
    SERVER_IDENT = 9
    IDENT_MISSING_FEATURES = 10
    SESSION_RECONNECT = 11
    SESSION_RESET = 12
    SESSION_RETRY = 13
    SESSION_RETRY_GLOBAL = 14
    SESSION_RECONNECT_OK = 15
    WAIT = 16
    MESSAGE = 17
    KEEPALIVE2 = 18
    KEEPALIVE2_ACK = 19
    ACK = 20
    COMPRESSION_REQUEST = 21
    COMPRESSION_DONE = 22


@unique
class NodeTag(IntEnum):
    """Frames of our own: sent only on a connection whose two banners have MSGR_EXT (NODE-1)."""

    NODE_HELLO = 0xC0
    NODE_ACCEPT = 0xC1
    NODE_REJECT = 0xC2
    MESSAGE_PART = 0xC3


_TAGS: Final[dict[int, Tag | NodeTag]] = {int(tag): tag for tag in (*Tag, *NodeTag)}


def parse_tag(number: int) -> Tag | NodeTag | int:
    """Return the tag with this number, or the number itself where it has none: an unknown tag must be reportable."""
    return _TAGS.get(number, number)


def tag_name(tag: int) -> str:
    """Return the name of a tag, or `tag N` for an unknown one."""
    known = _TAGS.get(tag)
    return f"tag {tag}" if known is None else known.name


@unique
class Mode(IntEnum):
    """How frames are protected once authentication is over."""

    CRC = 1
    """Against bit errors only: no secrecy, no authenticity."""
    SECURE = 2
    """AES-128-GCM."""
