"""For every case about servers, the lie that it has to see through.

A case that wants something refused is lied to by a peer that forgives exactly that: it keeps the connection open. All
others have a lie of their own here, by the beginning of their id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from msgr.conformance import Case
from msgr.frame import Frame, Mode, Revision, Tag
from msgr.payload import (
    Ack,
    AuthBadMethod,
    AuthDone,
    AuthReplyMore,
    AuthRequest,
    AuthRequestMore,
    AuthSignature,
    Banner,
    ClientIdent,
    CompressionDone,
    Hello,
    IdentMissingFeatures,
    KeepaliveAck,
    ServerIdent,
    SessionReconnect,
    SessionReconnectOk,
    SessionReset,
    SessionRetry,
    SessionRetryGlobal,
    to_frame,
)
from msgr.session import Message
from msgr.wire import EntityAddr, Timestamp

from .liar import Lie, Past
from .node_lies import SERVER_LIES
from .twists import (
    alters,
    canonical,
    frames_in,
    heard_before,
    mishears,
    no_pieces,
    picky,
    refuse,
    refuses,
    refuses_bytes,
    refuses_message,
    same_nonces,
    sets,
    swallows,
)

FORGIVEN: Final[Mapping[str, frozenset[str]]] = {
    "FRAME-16/": frozenset({"FRAME-7", "FRAME-16"}),
    "FRAME-11/": frozenset({"FRAME-10", "FRAME-3"}),
    "FRAME-15/": frozenset({"STATE-1"}),
    "AUTH-8/signature-in-the-open": frozenset({"FRAME-10", "FRAME-3"}),
    "AUTH-24/signature-is-compared": frozenset({"AUTH-25"}),
    "AUTH-6/": frozenset({"STATE-1"}),
    "PAYLOAD-": frozenset({"WIRE-1"}),
    "WIRE-2/": frozenset({"WIRE-1", "WIRE-2"}),
    "COMPRESSION-1/": frozenset({"STATE-1"}),
    "STATE-1/": frozenset({"STATE-1", "FRAME-9"}),
}
"""Where what is wrong breaks another rule first, or one more."""


def _dies_of_duplicates(frame: Frame, past: Past) -> Iterable[Frame]:
    seqs = [bytes(each.segments[0][:8]) for each in past if each.tag == Tag.MESSAGE]
    return () if len(seqs) > 1 and seqs[-1] <= max(seqs[:-1]) else (frame,)


def _once(tag: Tag) -> Lie:
    """Take a frame of this kind once, and no second one."""

    def hears(frame: Frame, past: Past) -> Frame:
        refuse(frame.tag == tag and heard_before(tag, past))
        return frame

    return Lie(hears=hears)


def _never_after(first: Tag, second: Tag) -> Lie:
    def hears(frame: Frame, past: Past) -> Frame:
        refuse(frame.tag == second and heard_before(first, past))
        return frame

    return Lie(hears=hears)


def _acks_lossy(frame: Frame, past: Past) -> Iterable[Frame]:
    return (to_frame(Ack(seq=1)), frame) if frame.tag == Tag.MESSAGE else (frame,)


def _signs_late(frame: Frame, past: Past) -> Iterable[Frame]:
    return () if frame.tag == Tag.AUTH_SIGNATURE and not heard_before(Tag.AUTH_SIGNATURE, past) else (frame,)


def _no_acks(frame: Frame, past: Past) -> Iterable[Frame]:
    if frame.tag == Tag.ACK:
        return ()
    return (_message(frame, slice(28, 36), bytes(8)),)


def _message(frame: Frame, where: slice, value: bytes) -> Frame:
    """Return a message with some bytes of its header replaced."""
    if frame.tag != Tag.MESSAGE:
        return frame
    header = bytearray(frame.segments[0])
    header[where] = value
    return Frame(frame.tag, (bytes(header), *frame.segments[1:]))


def _numbers_from(frame: Frame, past: Past) -> Iterable[Frame]:
    seq = int.from_bytes(frame.segments[0][:8], "little") + 7 if frame.tag == Tag.MESSAGE else 0
    return (_message(frame, slice(0, 8), seq.to_bytes(8, "little")),)


def _refuses_aborted(frame: Frame, past: Past) -> Frame:
    refuse(frame.aborted)
    return frame


def _refuses_fronts(frame: Frame, past: Past) -> Frame:
    refuse(len(frame.segments) == 2)
    return frame


def _epilogue(frame: Frame, data: bytes) -> bytes:
    """Get the end of a frame of one segment wrong, in either revision."""
    return data + bytes(13) if frame.tag == Tag.KEEPALIVE2_ACK else data


def _grants(frame: Frame, past: Past) -> Iterable[Frame]:
    """Let everybody in who was refused after a proof."""
    refused = frame.tag == Tag.AUTH_BAD_METHOD and heard_before(Tag.AUTH_REQUEST_MORE, past)
    return (to_frame(AuthDone(global_id=4242, mode=Mode.CRC, payload=b"")),) if refused else (frame,)


def _replays_all(frame: Frame, past: Past) -> Iterable[Frame]:
    again = frame.tag == Tag.SESSION_RECONNECT_OK
    return (frame, Message(type=2).to_frame(seq=1, ack_seq=0)) if again else (frame,)


def _more_proof(payload: AuthRequestMore) -> bool:
    return payload.payload.endswith(b"\xa5" * 5)


_OTHER: Final = EntityAddr.parse("v2:127.0.0.1:1")
OTHER_STAMP: Final = Timestamp(seconds=8, nanoseconds=8)

STUCK_ON_DUPLICATES: Final = Lie(says=_dies_of_duplicates)
NUMBERED_OTHERWISE: Final = Lie(says=_numbers_from)
REFUSES_ABORTED: Final = Lie(hears=_refuses_aborted)

LIES: Final[Mapping[str, Lie]] = {
    **SERVER_LIES,
    "BANNER-6/comes-first": Lie(banner=lambda data: b""),
    "BANNER-2/words": Lie(banner=lambda data: Banner(supported=3, required=1 << 9).to_wire()),
    "BANNER-2/longer": Lie(hears_banner=lambda banner, size: refuse(size > 26)),
    "BANNER-2/byte-by-byte": Lie(reads=no_pieces(1)),
    "BANNER-2/with-hello": Lie(reads=lambda data: refuse(data.startswith(b"ceph") and len(data) > 26)),
    "BANNER-3/requires-known": Lie(hears_banner=lambda banner, size: refuse(banner.required)),
    "BANNER-5/supports-all": Lie(hears_banner=lambda banner, size: refuse(banner.supported & ~3)),
    "BANNER-5/revision-1": Lie(mode=frames_in(Revision.REV0)),
    "BANNER-5/revision-0": Lie(mode=frames_in(Revision.REV1)),
    "BANNER-5/waits-for-the-banner": Lie(
        banner=lambda data: data + bytes.fromhex("0101230000000800") + bytes(20) + bytes(4)
    ),
    "PAYLOAD-1/hello-type": sets(Hello, entity_type=77),
    "PAYLOAD-1/hello-address": sets(Hello, peer_address=EntityAddr.parse("v2:192.0.2.1:1")),
    "ADDR-1/address-form": refuses_bytes(Tag.HELLO, lambda data: len(data) != 36 and data[1:3] != b"\1\2"),
    "ADDR-2/socket-address/": refuses_bytes(
        Tag.HELLO, lambda data: len(data) != 36 or data[20:22] == b"\x63\0" or len(data) == 28
    ),
    "WIRE-3/appended": refuses_bytes(Tag.HELLO, lambda data: len(data) > 36),
    "FRAME-2/not-looked-at": Lie(head=canonical),
    "FRAME-2/byte-by-byte": Lie(reads=no_pieces(1)),
    "FRAME-6/late-status-high-half": Lie(hears=_refuses_fronts),
    "FRAME-7/": REFUSES_ABORTED,
    "FRAME-12/epilogue": Lie(seals=_epilogue),
    "FRAME-13/works": Lie(mode=same_nonces),
    "FRAME-10/sizes": refuses_message(lambda header, frame: len(frame.segments) == 2 and len(frame.segments[1]) == 17),
    "FRAME-10/padding": Lie(mode=picky),
    "FRAME-10/cut-short": Lie(reads=lambda data: refuse(len(data) in (95, 79))),
    "AUTH-4/names-the-method": sets(AuthBadMethod, method=7),
    "AUTH-4/tells-what-is-allowed": sets(AuthBadMethod, allowed_modes=()),
    "AUTH-4/may-ask-again": _once(Tag.AUTH_REQUEST),
    "AUTH-3/no-common-mode": mishears(AuthRequest, lambda asked: replace(asked, modes=(Mode.CRC,))),
    "AUTH-3/unknown-modes": refuses(AuthRequest, lambda asked: 99 in asked.modes),
    "AUTH-3/order-of-modes": mishears(AuthRequest, lambda asked: replace(asked, modes=asked.modes[::-1])),
    "AUTH-8/signs-at-once": Lie(says=_signs_late),
    "AUTH-23/signature-of-all": alters(AuthSignature, lambda it: replace(it, signature=it.signature[::-1])),
    "AUTH-24/signature-of-zeros": sets(AuthSignature, signature=b"\1" * 32),
    "WIRE-3/request-with-more": refuses_bytes(Tag.AUTH_REQUEST, lambda data: data.endswith(b"\xa5")),
    "AUTH-20/": sets(AuthBadMethod, result=-1),
    "AUTH-20/request-of-none-cut-short": swallows(Tag.AUTH_BAD_METHOD),
    "AUTH-21/first-answer": sets(AuthDone, payload=b"x"),
    "AUTH-21/not-secure": mishears(AuthRequest, lambda asked: replace(asked, modes=(Mode.CRC,))),
    "AUTH-22/": sets(AuthDone, global_id=7),
    "CEPHX-1/challenge": Lie(dice=lambda size: b"\7" * size),
    "CEPHX-1/challenge-for-strangers": alters(
        AuthReplyMore, lambda _: AuthBadMethod(method=2, result=-13, allowed_methods=(2,), allowed_modes=(1,))
    ),
    "CEPHX-8/": sets(AuthBadMethod, result=-22),
    "CEPHX-11/right-proof": sets(AuthDone, payload=b"\0\1\0\0\0\0"),
    "CEPHX-18/": Lie(says=_grants),
    "CEPHX-2/replayed-proof": Lie(dice=lambda size: b"\7" * size),
    "CEPHX-19/": sets(AuthBadMethod, result=-5),
    "CEPHX-19/proof-with-more": refuses(AuthRequestMore, _more_proof),
    "GLOBALID-1/new-global-id": sets(AuthDone, global_id=7),
    "GLOBALID-3/claim-without": Lie(says=_grants),
    "GLOBALID-3/claim-with-a": Lie(says=_grants),
    "GLOBALID-3/claim-with-its": swallows(Tag.AUTH_DONE),
    "GLOBALID-2/": Lie(says=_grants),
    "COMPRESSION-1/no-compression": refuses(ClientIdent),
    "COMPRESSION-1/compression-in-2-0": swallows(Tag.COMPRESSION_DONE),
    "COMPRESSION-3/": sets(CompressionDone, on=True, algorithm=1),
    "PAYLOAD-9/begins": swallows(Tag.SERVER_IDENT),
    "IDENT-4/own-address": sets(ServerIdent, addresses=(_OTHER,)),
    "IDENT-3/own-features": sets(ServerIdent, supported=0),
    "SESSION-COOKIE-1/cookie": sets(ServerIdent, cookie=0),
    "SESSION-GLOBAL-1/global-seq": sets(ServerIdent, global_seq=5),
    "IDENT-3/features-missing": sets(IdentMissingFeatures, features=0),
    "IDENT-3/features-found": _once(Tag.CLIENT_IDENT),
    "ADDR-3/bare-address": refuses_bytes(Tag.CLIENT_IDENT, lambda data: data[0] == 1),
    "WIRE-3/ident-with-more": refuses_bytes(Tag.CLIENT_IDENT, lambda data: data.endswith(b"\xa5" * 8)),
    "SESSION-RECONNECT-1/unknown": sets(SessionReset, full=False),
    "SESSION-RECONNECT-1/begins-after-reset": _never_after(Tag.SESSION_RECONNECT, Tag.CLIENT_IDENT),
    "SESSION-RECONNECT-9/goes-on": alters(SessionReconnectOk, lambda _: SessionReset(full=True)),
    "SESSION-RECONNECT-9/old-connection-ends": Lie(clings=True),
    "SESSION-RECONNECT-9/server-cookie": refuses(SessionReconnect),
    "SESSION-RECONNECT-9/tells-what-it-has": sets(SessionReconnectOk, msg_seq=0),
    "SESSION-RECONNECT-4/other-cookie": alters(SessionReset, lambda _: SessionReconnectOk(msg_seq=0)),
    "SESSION-RECONNECT-6/low-global-seq": sets(SessionRetryGlobal, global_seq=2),
    "SESSION-RECONNECT-6/same-global-seq": refuses(SessionReconnect, lambda asked: asked.global_seq < 2),
    "SESSION-RECONNECT-7/low-connect-seq": sets(SessionRetry, connect_seq=1),
    "SESSION-TABLE-1/other-addresses": alters(SessionReset, lambda _: SessionReconnectOk(msg_seq=0)),
    "SESSION-IDENT-10/new-client": sets(ServerIdent, cookie=5),
    "SESSION-IDENT-11/missed-ident": refuses(ClientIdent, lambda ident: ident.global_seq > 1),
    "SESSION-REPLAY-1/replayed": Lie(
        says=lambda frame, past: () if frame.tag == Tag.MESSAGE and not heard_before(Tag.MESSAGE, past) else (frame,)
    ),
    "SESSION-REPLAY-2/not-replayed": Lie(says=_replays_all),
    "ACK-1/acknowledged": Lie(says=_no_acks),
    "ACK-1/no-ack": Lie(says=_acks_lossy),
    "MESSAGE-2/": STUCK_ON_DUPLICATES,
    "ACK-2/acknowledged-twice": _once(Tag.ACK),
    "ACK-2/ack-of-nothing": refuses(Ack),
    "KEEPALIVE-": sets(KeepaliveAck, stamp=OTHER_STAMP),
    "STATE-1/unasked-ack": refuses(KeepaliveAck),
    "WIRE-3/keepalive-with-more": refuses_bytes(Tag.KEEPALIVE2, lambda data: len(data) > 8),
    "MESSAGE-1/header-fields": refuses_message(lambda header, frame: header.flags != 3 or header.data_offset),
    "MESSAGE-1/segments": refuses_message(lambda header, frame: len(frame.segments) == 4),
    "MESSAGE-3/numbered": NUMBERED_OTHERWISE,
    "MESSAGE-3/gap": refuses_message(lambda header, frame: header.seq == 5),
    "LIMIT-2/megabyte": refuses_message(lambda header, frame: frame.size > 1 << 19),
    "STATE-2/": Lie(deaf=True),
}


def lie_for(case: Case) -> Lie:
    """Return the lie that a case has to see through."""
    found = [start for start in LIES if case.id.startswith(start)]
    if found:
        return LIES[max(found, key=len)]
    others = [start for start in FORGIVEN if case.id.startswith(start)]
    return Lie(forgives=FORGIVEN[max(others, key=len)] if others else frozenset({case.rule}))
