"""For every case about clients, the lie that it has to see through; as `lies` has them for servers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from msgr.auth.cephx.structs import Authenticate
from msgr.conformance import Case
from msgr.frame import Frame, Tag
from msgr.payload import (
    AuthRequest,
    AuthRequestMore,
    AuthSignature,
    ClientIdent,
    Hello,
    KeepaliveAck,
    SessionReconnect,
    to_frame,
)
from msgr.wire import EntityAddr

from .liar import Lie, Past
from .lies import NUMBERED_OTHERWISE, OTHER_STAMP, REFUSES_ABORTED, STUCK_ON_DUPLICATES
from .node_lies import CLIENT_LIES
from .twists import (
    alters,
    canonical,
    heard_before,
    no_pieces,
    refuse,
    refuses_bytes,
    refuses_message,
    same_nonces,
    sets,
    swallows,
)

FORGIVEN: Final[Mapping[str, frozenset[str]]] = {
    "CEPHX-12/": frozenset({"CEPHX-6"}),
    "CEPHX-15/": frozenset({"WIRE-1"}),
    "AUTH-6/": frozenset({"AUTH-5"}),
    "PAYLOAD-": frozenset({"WIRE-1"}),
    "FRAME-11/": frozenset({"FRAME-10"}),
    "FRAME-15/": frozenset({"STATE-1"}),
    "STATE-1/": frozenset({"STATE-1", "FRAME-9", "SIMOPEN-3"}),
}
"""Where what is wrong breaks another rule first, or one more."""


def _old_proof(payload: AuthRequestMore) -> AuthRequestMore:
    proof = Authenticate.decode(payload.payload)
    return replace(payload, payload=replace(proof, other_keys=1).encode())


def _signs_late(frame: Frame, past: Past) -> Iterable[Frame]:
    return () if frame.tag == Tag.AUTH_SIGNATURE and not heard_before(Tag.AUTH_SIGNATURE, past) else (frame,)


def _forgetful(frame: Frame, past: Past) -> Iterable[Frame]:
    """Begin anew where a session should go on."""
    if frame.tag != Tag.SESSION_RECONNECT:
        return (frame,)
    asked = SessionReconnect.decode(frame.segments[0])
    ident = ClientIdent(
        addresses=asked.addresses,
        target=EntityAddr.parse("v2:127.0.0.1:1"),
        gid=1,
        global_seq=asked.global_seq,
        supported=1 << 59,
        required=0,
        flags=0,
        cookie=9,
    )
    return (to_frame(ident),)


def _speechless_after_reset(frame: Frame, past: Past) -> Iterable[Frame]:
    return () if heard_before(Tag.SESSION_RESET, past) else (frame,)


def _no_second(frame: Frame, past: Past) -> Frame:
    """Take no answer to SESSION_RECONNECT."""
    refuse(frame.tag == Tag.SESSION_RECONNECT_OK)
    return frame


_NOWHERE: Final = (EntityAddr.parse("none:192.0.2.1:7"),)
_DAEMON: Final = (EntityAddr.parse("any:192.0.2.1:7/7"),)

LIES: Final[Mapping[str, Lie]] = {
    **CLIENT_LIES,
    "BANNER-6/comes-first": Lie(banner=lambda data: b""),
    "BANNER-2/longer": Lie(hears_banner=lambda banner, size: refuse(size > 26)),
    "BANNER-2/byte-by-byte": Lie(reads=no_pieces(1)),
    "BANNER-5/supports-all": Lie(hears_banner=lambda banner, size: refuse(banner.supported & ~3)),
    "PAYLOAD-1/hello-type": sets(Hello, entity_type=77),
    "PAYLOAD-1/hello-address": sets(Hello, peer_address=EntityAddr.parse("v2:192.0.2.1:1")),
    "WIRE-3/hello-with-more": refuses_bytes(Tag.HELLO, lambda data: len(data) > 36),
    "FRAME-2/not-looked-at": Lie(head=canonical),
    "AUTH-2/": sets(AuthRequest, modes=(1, 7)),
    "AUTH-8/signs-at-once": Lie(says=_signs_late),
    "AUTH-23/": alters(AuthSignature, lambda it: replace(it, signature=it.signature[::-1])),
    "CEPHX-9/proof": alters(AuthRequestMore, _old_proof),
    "COMPRESSION-1/compression": swallows(Tag.COMPRESSION_REQUEST),
    "COMPRESSION-1/no-compression": Lie(hears_banner=lambda banner, size: refuse(banner.supported & 2 == 0)),
    "PAYLOAD-8/target": sets(ClientIdent, target=EntityAddr.parse("v2:127.0.0.1:1")),
    "IDENT-3/features": sets(ClientIdent, supported=1),
    "IDENT-1/addresses": sets(ClientIdent, addresses=_NOWHERE),
    "IDENT-5/own-address": sets(ClientIdent, addresses=_DAEMON),
    "SESSION-GLOBAL-1/global-seq": sets(ClientIdent, global_seq=1 << 40),
    "SESSION-CLIENT-1/asks-to-go-on": Lie(says=_forgetful),
    "SESSION-TABLE-1/same-addresses": sets(SessionReconnect, addresses=_DAEMON),
    "SESSION-REPLAY-2/goes-on": Lie(hears=_no_second),
    "SESSION-RETRY-1/retry": sets(SessionReconnect, connect_seq=7),
    "SESSION-RETRY-1/retry-global": sets(SessionReconnect, global_seq=7),
    "SESSION-RESET-1/reset": Lie(says=_speechless_after_reset),
    "MESSAGE-3/numbered": NUMBERED_OTHERWISE,
    "KEEPALIVE-2/": sets(KeepaliveAck, stamp=OTHER_STAMP),
    "MESSAGE-2/duplicate": STUCK_ON_DUPLICATES,
    "MESSAGE-3/gap": refuses_message(lambda header, frame: header.seq == 5),
    "STATE-1/unasked-ack": refuses_bytes(Tag.KEEPALIVE2_ACK, lambda data: True),
    "FRAME-7/aborted": REFUSES_ABORTED,
    "FRAME-13/works": Lie(mode=same_nonces),
    "STATE-2/": Lie(deaf=True),
}


def lie_for(case: Case) -> Lie:
    """Return the lie that a case has to see through."""
    found = [start for start in LIES if case.id.startswith(start)]
    if found:
        return LIES[max(found, key=len)]
    others = [start for start in FORGIVEN if case.id.startswith(start)]
    return Lie(forgives=FORGIVEN[max(others, key=len)] if others else frozenset({case.rule}))
