"""Floor 3: what frames say, one declared class a tag.

`to_frame` and `of_frame` lead from payloads to frames and back; the layouts are the classes' fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from ..errors import FrameError
from ..frame import Frame, tag_name
from .banner import Banner
from .handshake import (
    SIGNATURE_SIZE,
    AuthBadMethod,
    AuthDone,
    AuthReplyMore,
    AuthRequest,
    AuthRequestMore,
    AuthSignature,
    CompressionDone,
    CompressionRequest,
    Hello,
)
from .node import COOKIE_SIZE, NO_PROGRAM, Encryption, NodeAccept, NodeHello, NodeReject, Program, Purpose, RejectKind
from .session import (
    LOSSY,
    ClientIdent,
    ConnectSeq,
    Cookie,
    GlobalSeq,
    IdentMissingFeatures,
    Seq,
    ServerIdent,
    SessionReconnect,
    SessionReconnectOk,
    SessionReset,
    SessionRetry,
    SessionRetryGlobal,
    Wait,
)
from .traffic import (
    FLAGS,
    HEADER_SIZE,
    Ack,
    Keepalive,
    KeepaliveAck,
    MessageHeader,
    PartHeader,
    pack_header,
    unpack_header,
)

Control: TypeAlias = (
    Hello
    | AuthRequest
    | AuthBadMethod
    | AuthReplyMore
    | AuthRequestMore
    | AuthDone
    | AuthSignature
    | ClientIdent
    | ServerIdent
    | IdentMissingFeatures
    | SessionReconnect
    | SessionReset
    | SessionRetry
    | SessionRetryGlobal
    | SessionReconnectOk
    | Wait
    | Keepalive
    | KeepaliveAck
    | Ack
    | CompressionRequest
    | CompressionDone
)
"""The payload of any frame but MESSAGE."""

CONTROL: Final[Mapping[int, type[Control]]] = {cls.tag: cls for cls in Control.__args__}
"""The payload class of each tag of msgr2 but MESSAGE."""

NodeControl: TypeAlias = NodeHello | NodeAccept | NodeReject
"""The payload of a frame of ours, but of MESSAGE_PART."""

NODE_CONTROL: Final[Mapping[int, type[NodeControl]]] = {cls.tag: cls for cls in NodeControl.__args__}
"""The payload class of each tag of ours but MESSAGE_PART."""


def to_frame(payload: Control | NodeControl) -> Frame:
    """Return the frame that says `payload`."""
    return Frame(payload.tag, (payload.encode(),))


def of_frame(frame: Frame) -> Control | NodeControl:
    """Return what a control frame says; raises FrameError and DecodeError."""
    if len(frame.segments) != 1:
        raise FrameError(f"{tag_name(frame.tag)} with {len(frame.segments)} segments, it has one", rule="FRAME-14")
    payload: type[Control | NodeControl] | None = CONTROL.get(frame.tag) or NODE_CONTROL.get(frame.tag)
    if payload is None:
        raise FrameError(f"{tag_name(frame.tag)} is not the tag of a control frame", rule="FRAME-15")
    return payload.decode(frame.segments[0])


__all__ = [
    "CONTROL",
    "COOKIE_SIZE",
    "FLAGS",
    "HEADER_SIZE",
    "LOSSY",
    "NODE_CONTROL",
    "NO_PROGRAM",
    "SIGNATURE_SIZE",
    "Ack",
    "AuthBadMethod",
    "AuthDone",
    "AuthReplyMore",
    "AuthRequest",
    "AuthRequestMore",
    "AuthSignature",
    "Banner",
    "ClientIdent",
    "CompressionDone",
    "CompressionRequest",
    "ConnectSeq",
    "Control",
    "Cookie",
    "Encryption",
    "GlobalSeq",
    "Hello",
    "IdentMissingFeatures",
    "Keepalive",
    "KeepaliveAck",
    "MessageHeader",
    "NodeAccept",
    "NodeControl",
    "NodeHello",
    "NodeReject",
    "PartHeader",
    "Program",
    "Purpose",
    "RejectKind",
    "Seq",
    "ServerIdent",
    "SessionReconnect",
    "SessionReconnectOk",
    "SessionReset",
    "SessionRetry",
    "SessionRetryGlobal",
    "Wait",
    "of_frame",
    "pack_header",
    "to_frame",
    "unpack_header",
]
