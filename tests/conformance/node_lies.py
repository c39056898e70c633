"""For every case about the extension behind banner bit 48, the lie that it has to see through, at either end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from msgr.frame import Frame, NodeTag, Tag
from msgr.payload import ClientIdent, NodeAccept, NodeHello, NodeReject, to_frame
from msgr.wire import EntityAddr

from .liar import Lie, Past
from .twists import mishears, refuse, refuses_bytes, sets, swallows

_STRANGER: Final = to_frame(NodeHello())
_IDENT: Final = ClientIdent(
    addresses=(EntityAddr.parse("any:127.0.0.1:0/5"),),
    target=EntityAddr.parse("v2:127.0.0.1:1"),
    gid=1,
    global_seq=1,
    supported=1 << 59,
    required=0,
    flags=1,
    cookie=0,
)


def _tells_everybody(after: Tag, before: bool = False) -> Lie:
    """Say NODE_HELLO around a frame, whoever listens."""

    def says(frame: Frame, past: Past) -> Iterable[Frame]:
        if frame.tag != after:
            return (frame,)
        return (_STRANGER, frame) if before else (frame, _STRANGER)

    return Lie(says=says)


def _hurries(frame: Frame, past: Past) -> Iterable[Frame]:
    """Say who wants a session without waiting to be let in."""
    return (frame, to_frame(_IDENT)) if frame.tag == NodeTag.NODE_HELLO else (frame,)


def _overlooks(frame: Frame, past: Past) -> Frame | None:
    """Take no notice of a NODE_REJECT."""
    return None if frame.tag == NodeTag.NODE_REJECT else frame


def _refuses_parts(frame: Frame, past: Past) -> Frame:
    refuse(frame.tag == NodeTag.MESSAGE_PART)
    return frame


_SPEECHLESS: Final = swallows(NodeTag.NODE_REJECT)
_BY_THE_BIT: Final = Lie(forgives=frozenset({"STATE-1"}))
_LETS_IN_ALL: Final = mishears(NodeHello, lambda hello: replace(hello, cluster="prod"))

SERVER_LIES: Final[Mapping[str, Lie]] = {
    "NODE-1/plain-client": _tells_everybody(Tag.COMPRESSION_DONE),
    "NODE-1/without-the-bit": _BY_THE_BIT,
    "NODE-2/introduces-itself": swallows(NodeTag.NODE_HELLO),
    "NODE-2/lets-in": swallows(NodeTag.NODE_ACCEPT),
    "NODE-2/identity-too-early": _SPEECHLESS,
    "WIRE-3/later-hello": refuses_bytes(NodeTag.NODE_HELLO, lambda data: data[0] > 1),
    "NODE-11/padding/none": sets(NodeAccept, padding=b"more"),
    "NODE-11/padding/some": sets(NodeAccept, padding=b""),
    "NODE-3/foreign-cluster": _LETS_IN_ALL,
    "NODE-5/another-was-meant": mishears(NodeHello, lambda hello: replace(hello, target_node=0, target_host="")),
    "NODE-8/says-why": _SPEECHLESS,
    "NODE-8/says-why-of-idents": sets(NodeReject, reason=""),
    "NODE-9/rejection-is-final": Lie(hears=_overlooks),
    "CHANNEL-4/parts": Lie(hears=_refuses_parts),
    "NODE-10/strange-cookie": mishears(NodeHello, lambda hello: replace(hello, purpose=0)),
}
CLIENT_LIES: Final[Mapping[str, Lie]] = {
    "NODE-1/plain-server": _tells_everybody(Tag.CLIENT_IDENT, before=True),
    "NODE-1/without-the-bit": _BY_THE_BIT,
    "NODE-2/introduces-itself": swallows(NodeTag.NODE_HELLO),
    "NODE-2/waits-to-be-let-in": Lie(says=_hurries),
    "NODE-2/goes-on": swallows(Tag.CLIENT_IDENT),
    "NODE-2/accepted-too-early": _SPEECHLESS,
    "NODE-3/foreign-cluster": _LETS_IN_ALL,
    "NODE-8/says-why": _SPEECHLESS,
    "NODE-8/says-why-of-idents": sets(NodeReject, reason=""),
    "NODE-9/rejection-is-final": Lie(hears=_overlooks),
}
