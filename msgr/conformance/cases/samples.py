"""A frame of every tag, right in all but its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ...frame import Frame, Mode, Tag
from ...payload import (
    Ack,
    AuthBadMethod,
    AuthDone,
    AuthReplyMore,
    AuthRequest,
    AuthRequestMore,
    AuthSignature,
    ClientIdent,
    CompressionDone,
    CompressionRequest,
    Control,
    Hello,
    IdentMissingFeatures,
    Keepalive,
    KeepaliveAck,
    ServerIdent,
    SessionReconnect,
    SessionReconnectOk,
    SessionReset,
    SessionRetry,
    SessionRetryGlobal,
    Wait,
    to_frame,
)
from ...session import Message
from ...wire import MSG_ADDR2, SUPPORTED, EntityAddr, EntityType, Timestamp

_ANY: Final = (EntityAddr.parse("any:127.0.0.1:0/4711"),)
_STAMP: Final = Timestamp(seconds=1, nanoseconds=2)

UNKNOWN: Final[Mapping[str, int]] = {"tag-0": 0, "tag-23": 23, "tag-99": 99, "tag-255": 255}
"""Tags that nobody defined."""


def sample(tag: int, target: EntityAddr) -> Frame:
    """Return a frame with this tag, for the end at `target` or from it."""
    if tag == Tag.MESSAGE:
        return Message(type=2).to_frame(seq=1, ack_seq=0)
    payload = _payload(tag, target)
    return Frame(tag, (b"?",)) if payload is None else to_frame(payload)


def _payload(tag: int, target: EntityAddr) -> Control | None:
    return _idents(tag, target) or _PLAIN.get(tag)


def _idents(tag: int, target: EntityAddr) -> Control | None:
    if tag == Tag.HELLO:
        return Hello(entity_type=EntityType.CLIENT, peer_address=target)
    if tag == Tag.CLIENT_IDENT:
        return ClientIdent(
            addresses=_ANY,
            target=target,
            gid=1,
            global_seq=1,
            supported=SUPPORTED,
            required=MSG_ADDR2,
            flags=1,
            cookie=0,
        )
    if tag == Tag.SERVER_IDENT:
        return ServerIdent(
            addresses=(target,), gid=0, global_seq=1, supported=SUPPORTED, required=MSG_ADDR2, flags=1, cookie=0
        )
    return None


_PLAIN: Final[Mapping[int, Control]] = {
    Tag.AUTH_REQUEST: AuthRequest(method=1, modes=(Mode.CRC,), payload=b"\x0a\x08\0\0\0\1\0\0\0x" + bytes(8)),
    Tag.AUTH_BAD_METHOD: AuthBadMethod(method=1, result=-13, allowed_methods=(1,), allowed_modes=(1,)),
    Tag.AUTH_REPLY_MORE: AuthReplyMore(payload=b"\x01" + bytes(8)),
    Tag.AUTH_REQUEST_MORE: AuthRequestMore(payload=b""),
    Tag.AUTH_DONE: AuthDone(global_id=4711, mode=Mode.CRC, payload=b""),
    Tag.AUTH_SIGNATURE: AuthSignature(signature=bytes(32)),
    Tag.IDENT_MISSING_FEATURES: IdentMissingFeatures(features=1 << 63),
    Tag.SESSION_RECONNECT: SessionReconnect(
        addresses=_ANY, client_cookie=1, server_cookie=2, global_seq=3, connect_seq=1, msg_seq=0
    ),
    Tag.SESSION_RESET: SessionReset(full=True),
    Tag.SESSION_RETRY: SessionRetry(connect_seq=1),
    Tag.SESSION_RETRY_GLOBAL: SessionRetryGlobal(global_seq=1),
    Tag.SESSION_RECONNECT_OK: SessionReconnectOk(msg_seq=0),
    Tag.WAIT: Wait(),
    Tag.KEEPALIVE2: Keepalive(stamp=_STAMP),
    Tag.KEEPALIVE2_ACK: KeepaliveAck(stamp=_STAMP),
    Tag.ACK: Ack(seq=0),
    Tag.COMPRESSION_REQUEST: CompressionRequest(wanted=False, algorithms=()),
    Tag.COMPRESSION_DONE: CompressionDone(on=False, algorithm=0),
}
