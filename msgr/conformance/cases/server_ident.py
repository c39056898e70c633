"""Servers: compression, and the identities with which a session begins."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any, Final

from ...frame import Frame, Mode, Revision, Tag
from ...payload import (
    CompressionDone,
    CompressionRequest,
    IdentMissingFeatures,
    ServerIdent,
    SessionReconnect,
    SessionReset,
)
from ...wire import MSG_ADDR2, SUPPORTED, AddressType, EntityAddr
from ..case import registrar
from ..dialling import Dialling, Stage
from ..peer import Form, require
from ..verdict import Role

case = registrar(Role.SERVER, "ident")

_RECONNECT: Final = {"client_cookie": 77, "server_cookie": 78, "connect_seq": 1, "msg_seq": 0}


@case("COMPRESSION-1", says="COMPRESSION_REQUEST is answered, once, where both banners have the bit.")
async def compression_is_answered(peer: Dialling) -> None:
    require(peer.candidate.facts.compression, "the peer's banner has no COMPRESSION")
    await peer.to(Stage.AGREED)
    await peer.send(CompressionRequest(wanted=False, algorithms=()))
    await peer.refuses()


@case("COMPRESSION-1", says="Compression is not talked about where the client's banner lacks the bit.")
async def no_compression(peer: Dialling) -> None:
    peer.compression = False
    await peer.to(Stage.READY)
    await peer.lives()


@case("COMPRESSION-1", says="COMPRESSION_REQUEST is refused where the client's banner lacks the bit.")
async def compression_without_the_bit(peer: Dialling) -> None:
    peer.compression = False
    await peer.to(Stage.SIGNED)
    await peer.send(CompressionRequest(wanted=False, algorithms=()))
    await peer.refuses()


@case("COMPRESSION-1", says="Compression is talked about in msgr2.0 as well.")
async def compression_in_2_0(peer: Dialling) -> None:
    require(peer.candidate.facts.compression, "the peer's banner has no COMPRESSION")
    peer.form = Form(Revision.REV0, Mode.CRC)
    await peer.to(Stage.READY)


@case(
    "COMPRESSION-3",
    says="Compression is off where it is not wanted, or no algorithm is known.",
    each={"not-wanted": (False, (1, 2, 3, 4)), "unknown": (True, (99, 0)), "none": (True, ())},
)
async def compression_is_off(peer: Dialling, how: tuple[bool, tuple[int, ...]]) -> None:
    require(peer.candidate.facts.compression, "the peer's banner has no COMPRESSION")
    await peer.to(Stage.SIGNED)
    await peer.send(CompressionRequest(wanted=how[0], algorithms=how[1]))
    found = await peer.expect(CompressionDone)
    peer.check(not found.on, "compression is off", found)
    peer.stage = Stage.AGREED
    await peer.to(Stage.READY)


@case("PAYLOAD-9", says="SERVER_IDENT answers a right CLIENT_IDENT.")
async def begins(peer: Dialling) -> None:
    await peer.to(Stage.READY)


@case("IDENT-4", says="The address that was dialled is among those in SERVER_IDENT, exactly.")
async def own_address(peer: Dialling) -> None:
    ident = await _ready(peer)
    listed = ", ".join(map(str, ident.addresses))
    peer.check(peer.candidate.target in ident.addresses, f"{peer.candidate.target} among its addresses", listed)


@case("IDENT-3", says="SERVER_IDENT has the feature that every msgr2 peer needs, MSG_ADDR2.")
async def own_features(peer: Dialling) -> None:
    ident = await _ready(peer)
    peer.check(bool(ident.supported & MSG_ADDR2), "bit 59 supported", f"{ident.supported:#x}")


@case("SESSION-COOKIE-1", says="A lossless session has a server_cookie that is not 0.")
async def cookie(peer: Dialling) -> None:
    ident = await _ready(peer)
    require(peer.candidate.facts.lossless, "the session is lossy")
    peer.check(ident.cookie != 0, "a cookie that is not 0", ident.cookie)


@case("SESSION-GLOBAL-1", says="The server's global_seq rises from session to session.")
async def global_seq(peer: Dialling) -> None:
    first = await _ready(peer)
    second = await _ready(await peer.another())
    found = (first.global_seq, second.global_seq)
    peer.check(0 < found[0] < found[1], "two numbers above 0, the second one higher", found)


async def _ready(peer: Dialling) -> ServerIdent:
    await peer.to(Stage.READY)
    ident: ServerIdent = peer.heard_of[ServerIdent]
    return ident


@case(
    "IDENT-1",
    says="A CLIENT_IDENT whose address vector is empty, or begins with type none, is refused.",
    each={"empty": (), "none": (EntityAddr(AddressType.NONE),)},
)
async def no_address(peer: Dialling, addresses: tuple[EntityAddr, ...]) -> None:
    await _ident_refused(peer, addresses=addresses)


def _next_port(target: EntityAddr) -> EntityAddr:
    return replace(target, port=target.port ^ 1)


@case(
    "IDENT-2",
    says="A CLIENT_IDENT that is meant for another address is refused.",
    each={
        "port": _next_port,
        "nonce": lambda target: replace(target, nonce=target.nonce + 1),
        "type": lambda target: replace(target, type=AddressType.ANY),
        "legacy": lambda target: replace(target, type=AddressType.LEGACY),
        "ip": lambda target: replace(target, host=ip_address("192.0.2.1")),
        "unset": lambda target: EntityAddr(AddressType.NONE),
    },
)
async def another_target(peer: Dialling, change: Any) -> None:
    await _ident_refused(peer, target=change(peer.candidate.target))


async def _ident_refused(peer: Dialling, **changes: Any) -> None:
    await peer.to(Stage.AGREED)
    await peer.send(peer.ident(**changes))
    await peer.refuses()


@case(
    "IDENT-3",
    says="A client that lacks features is told which.",
    each={"nothing-supported": 0, "all-but-MSG_ADDR2": SUPPORTED & ~MSG_ADDR2},
)
async def features_missing(peer: Dialling, supported: int) -> None:
    await peer.to(Stage.AGREED)
    await peer.send(peer.ident(supported=supported))
    found = await peer.expect(IdentMissingFeatures)
    kept = bool(found.features & MSG_ADDR2) and not found.features & supported
    peer.check(kept, "bit 59, and no bit that the client has", f"{found.features:#x}")


@case("IDENT-3", says="A client that lacked features may come again on the same connection.")
async def features_found(peer: Dialling) -> None:
    await peer.to(Stage.AGREED)
    for _ in range(2):
        await peer.send(peer.ident(supported=0))
        await peer.expect(IdentMissingFeatures)
    await peer.to(Stage.READY)
    await peer.lives()


def _bare(address: EntityAddr) -> bytes:
    """Return an address where a vector belongs."""
    return address.encode()


@case("ADDR-3", says="A bare address where a vector belongs is a vector of one.")
async def bare_address(peer: Dialling) -> None:
    await peer.to(Stage.AGREED)
    ident = peer.ident()
    size = 1 + 4 + sum(len(address.encode()) for address in ident.addresses)
    await peer.send_frame(Frame(Tag.CLIENT_IDENT, (_bare(ident.addresses[0]) + ident.encode()[size:],)))
    await peer.take_ident()


@case(
    "ADDR-3",
    says="An address vector with an unknown marker, or a count that the bytes cannot hold, is refused.",
    each={"marker-3": b"\x03\x01\0\0\0", "count-100": b"\x02\x64\0\0\0"},
)
async def bad_vector(peer: Dialling, head: bytes) -> None:
    await peer.to(Stage.AGREED)
    await peer.send_frame(Frame(Tag.CLIENT_IDENT, (head + peer.ident().encode()[len(head) :],)))
    await peer.refuses()


@case("WIRE-3", says="Bytes behind the last field of CLIENT_IDENT are ignored.")
async def ident_with_more(peer: Dialling) -> None:
    await peer.to(Stage.AGREED)
    await peer.send_frame(Frame(Tag.CLIENT_IDENT, (peer.ident().encode() + b"\xa5" * 8,)))
    await peer.take_ident()


@case("WIRE-1", says="A CLIENT_IDENT that ends before its last field does is refused.", each={"1": 1, "8": 8, "40": 40})
async def ident_cut_short(peer: Dialling, less: int) -> None:
    await peer.to(Stage.AGREED)
    await peer.send_frame(Frame(Tag.CLIENT_IDENT, (peer.ident().encode()[:-less],)))
    await peer.refuses()


def unknown_session(peer: Dialling, **changes: Any) -> SessionReconnect:
    """Return a SESSION_RECONNECT to a session that there is not."""
    fields: dict[str, Any] = {"addresses": peer.visit.addresses, "global_seq": peer.visit.next_seq()} | _RECONNECT
    return SessionReconnect(**fields | changes)


@case(
    "SESSION-RECONNECT-1", says="A SESSION_RECONNECT to a session that is unknown is answered by a full SESSION_RESET."
)
async def unknown(peer: Dialling) -> None:
    await peer.to(Stage.AGREED)
    await peer.send(unknown_session(peer))
    found = await peer.expect(SessionReset)
    peer.check(found.full, "a full reset", found)


@case("SESSION-RECONNECT-1", says="After SESSION_RESET, a CLIENT_IDENT is taken on the same connection.")
async def begins_after_reset(peer: Dialling) -> None:
    await peer.to(Stage.AGREED)
    for _ in range(2):
        await peer.send(unknown_session(peer))
        await peer.expect(SessionReset)
    await peer.to(Stage.READY)
    await peer.lives()


@case(
    "SESSION-SEQ-1",
    says="A connect_seq that could not be counted beyond is refused.",
    each={"2^63": 1 << 63, "2^64-1": (1 << 64) - 1},
)
async def endless_connect_seq(peer: Dialling, connect_seq: int) -> None:
    await peer.to(Stage.AGREED)
    await peer.send(unknown_session(peer, connect_seq=connect_seq))
    await peer.refuses()


@case("PAYLOAD-11", says="A SESSION_RECONNECT that ends before its last field does is refused.")
async def reconnect_cut_short(peer: Dialling) -> None:
    await peer.to(Stage.AGREED)
    await peer.send_frame(Frame(Tag.SESSION_RECONNECT, (unknown_session(peer).encode()[:-1],)))
    await peer.refuses()
