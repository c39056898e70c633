"""Clients: compression, identities, and sessions that outlive their connection."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from ...frame import Frame, Tag
from ...payload import (
    ClientIdent,
    CompressionDone,
    CompressionRequest,
    IdentMissingFeatures,
    ServerIdent,
    SessionReconnect,
    SessionReconnectOk,
    SessionReset,
    SessionRetry,
    SessionRetryGlobal,
    Wait,
)
from ...session.message import open_message
from ...wire import MSG_ADDR2, AddressType
from ..accepting import Accepting, Step
from ..case import registrar
from ..peer import Silence, require
from ..verdict import Level, Role

ident = registrar(Role.CLIENT, "ident")
case = registrar(Role.CLIENT, "reconnect")

_LOSSY: Final = "the client wants its sessions to end with their connection"
_ENDLESS: Final = 100


@ident(
    "COMPRESSION-1",
    says="The client asks for compression, or says that it wants none, where both banners have the bit.",
)
async def compression(peer: Accepting) -> None:
    await peer.to(Step.SIGNED)
    require(peer.talks_compression, "the client's banner has no COMPRESSION")
    await peer.expect(CompressionRequest)


@ident("COMPRESSION-1", says="Compression is not talked about where the server's banner lacks the bit.")
async def no_compression(peer: Accepting) -> None:
    peer.features = 1
    await peer.to(Step.IDENTIFIED)


@ident("COMPRESSION-2", says="Compression that was not asked for ends the connection.")
async def unwanted_compression(peer: Accepting) -> None:
    await peer.to(Step.SIGNED)
    require(peer.talks_compression, "the client's banner has no COMPRESSION")
    asked = await peer.expect(CompressionRequest)
    require(not asked.wanted, "the client wants compression")
    await peer.send(CompressionDone(on=True, algorithm=1))
    await peer.refuses()


@ident("PAYLOAD-8", says="CLIENT_IDENT has the exact address that the client dialled as its target.")
async def target(peer: Accepting) -> None:
    found = await peer.begin_anew()
    peer.check(found.target == peer.host.address, str(peer.host.address), found.target)


@ident("IDENT-3", says="CLIENT_IDENT has the feature that every msgr2 peer needs, MSG_ADDR2.")
async def features(peer: Accepting) -> None:
    found = await peer.begin_anew()
    peer.check(bool(found.supported & MSG_ADDR2), "bit 59 supported", f"{found.supported:#x}")


@ident("IDENT-1", says="CLIENT_IDENT has an address of the client, which is not of type none.")
async def addresses(peer: Accepting) -> None:
    found = await peer.begin_anew()
    kept = bool(found.addresses) and found.addresses[0].type != AddressType.NONE
    peer.check(kept, "an address, not of type none", found)


@ident(
    "IDENT-5",
    level=Level.SHOULD,
    says="A client that listens nowhere has one address: of type any, port 0, a nonce, and the IP that HELLO told.",
)
async def own_address(peer: Accepting) -> None:
    found = await peer.begin_anew()
    require(not any(each.type == AddressType.MSGR2 for each in found.addresses), "the client listens")
    right = [each for each in found.addresses if each.type == AddressType.ANY and each.port == 0 and each.nonce != 0]
    kept = len(found.addresses) == len(right) == 1 and right[0].host == peer.seen.host
    peer.check(kept, f"any:{peer.seen.host}:0 with a nonce", ", ".join(map(str, found.addresses)))


@ident("SESSION-GLOBAL-1", says="The client's global_seq rises from connection to connection.")
async def global_seq(peer: Accepting) -> None:
    first = (await peer.begin_anew()).global_seq
    await peer.leave()
    other = await peer.door.next()
    await other.to(Step.IDENTIFIED)
    heard: Any = other.heard_of.get(SessionReconnect) or other.heard_of[ClientIdent]
    mine: ClientIdent = peer.heard_of[ClientIdent]
    require(getattr(heard, "addresses", None) == mine.addresses, "another client came, or one with a new nonce")
    peer.check(0 < first < heard.global_seq, "two numbers above 0, the second one higher", (first, heard.global_seq))


@ident("IDENT-3", says="IDENT_MISSING_FEATURES ends the connection.")
async def missing_features(peer: Accepting) -> None:
    await peer.begin_anew()
    await peer.send(IdentMissingFeatures(features=1 << 63))
    await peer.refuses()


def _port(said: ServerIdent) -> ServerIdent:
    return replace(said, addresses=tuple(replace(each, port=each.port ^ 1) for each in said.addresses))


def _nonce(said: ServerIdent) -> ServerIdent:
    return replace(said, addresses=tuple(replace(each, nonce=each.nonce + 1) for each in said.addresses))


@ident(
    "IDENT-4",
    says="A server that is not at the address that was dialled is left.",
    each={"port": _port, "nonce": _nonce, "nowhere": lambda said: replace(said, addresses=())},
)
async def another_server(peer: Accepting, change: Any) -> None:
    await peer.begin_anew()
    await peer.send(change(peer.server_ident()))
    await peer.refuses()


@ident("IDENT-3", says="A server that lacks a feature which the client requires is left.")
async def server_without_features(peer: Accepting) -> None:
    await peer.begin_anew()
    await peer.send(peer.server_ident(supported=0))
    await peer.refuses()


@ident("SESSION-COOKIE-1", says="A lossless session without a cookie ends the connection.")
async def no_cookie(peer: Accepting) -> None:
    await peer.begin_anew()
    await peer.send(peer.server_ident(flags=0, cookie=0))
    await peer.refuses()


@ident("SESSION-POLICY-2", says="A client that needs a lossless session leaves a server that calls it lossy.")
async def lossy_server(peer: Accepting) -> None:
    found = await peer.begin_anew()
    require(found.cookie, _LOSSY)
    await peer.send(peer.server_ident())
    await peer.refuses()


@ident("WIRE-1", says="A SERVER_IDENT that ends before its last field does is refused.")
async def ident_cut_short(peer: Accepting) -> None:
    await peer.begin_anew()
    await peer.send_frame(Frame(Tag.SERVER_IDENT, (peer.server_ident().encode()[:-1],)))
    await peer.refuses()


@ident("SESSION-WAIT-1", says="A client that is told to WAIT ends the connection.")
async def told_to_wait(peer: Accepting) -> None:
    await peer.begin_anew()
    await peer.send(Wait())
    await peer.refuses()


async def _resumed(peer: Accepting) -> tuple[Accepting, SessionReconnect]:
    """Begin a lossless session, break it, and have the client ask to go on with it."""
    found = await peer.begin_anew()
    require(found.cookie, _LOSSY)
    await peer.to(Step.READY)
    await peer.lives()
    await peer.leave()
    other = await peer.door.next()
    await other.to(Step.IDENTIFIED)
    other.check(SessionReconnect in other.heard_of, "SESSION_RECONNECT, as the session is lossless", "CLIENT_IDENT")
    request: SessionReconnect = other.heard_of[SessionReconnect]
    return other, request


@case("SESSION-CLIENT-1", says="A client with a server_cookie asks to go on with its session, by both cookies.")
async def asks_to_go_on(peer: Accepting) -> None:
    other, request = await _resumed(peer)
    begun: ServerIdent = peer.heard_of[ServerIdent]
    mine: ClientIdent = peer.heard_of[ClientIdent]
    kept = (request.client_cookie, request.server_cookie) == (mine.cookie, begun.cookie) and request.connect_seq > 0
    other.check(kept, f"cookies {mine.cookie:#x} and {begun.cookie:#x}, and a connect_seq above 0", request)


@case("SESSION-TABLE-1", says="A client has the same addresses on every connection of its session.")
async def same_addresses(peer: Accepting) -> None:
    other, request = await _resumed(peer)
    mine: ClientIdent = peer.heard_of[ClientIdent]
    other.check(request.addresses == mine.addresses, ", ".join(map(str, mine.addresses)), request)


@case("SESSION-REPLAY-2", says="A client goes on with its session where the server does.")
async def goes_on(peer: Accepting) -> None:
    other, _ = await _resumed(peer)
    await other.send(SessionReconnectOk(msg_seq=0))
    other.in_session = True
    await other.lives()


@case("SESSION-REPLAY-2", says="A msg_seq of a message that was never sent ends the connection.")
async def acknowledges_too_much(peer: Accepting) -> None:
    other, _ = await _resumed(peer)
    await other.send(SessionReconnectOk(msg_seq=1 << 40))
    await other.refuses()


@case("SESSION-RETRY-1", says="A client answers SESSION_RETRY with a connect_seq one higher.")
async def retry(peer: Accepting) -> None:
    other, _ = await _resumed(peer)
    await other.send(SessionRetry(connect_seq=41))
    found = await other.expect(SessionReconnect)
    other.check(found.connect_seq == 42, "connect_seq 42", found)


@case("SESSION-RETRY-1", says="A client answers SESSION_RETRY_GLOBAL with a higher global_seq.")
async def retry_global(peer: Accepting) -> None:
    other, _ = await _resumed(peer)
    await other.send(SessionRetryGlobal(global_seq=1000))
    found = await other.expect(SessionReconnect)
    other.check(found.global_seq > 1000, "a global_seq above 1000", found)


@case("SESSION-RETRY-2", says="A client does not answer SESSION_RETRY for ever.")
async def endless_retry(peer: Accepting) -> None:
    other, request = await _resumed(peer)
    other.terms.checks.expect(f"the end of the connection before SESSION_RETRY {_ENDLESS}")
    for _ in range(_ENDLESS):
        await other.send(SessionRetry(connect_seq=request.connect_seq))
        frame = await other.next()
        if frame is None:
            return
        request = other.payload_of(frame, SessionReconnect)
    other.check(False, f"the end of the connection before SESSION_RETRY {_ENDLESS}", "another SESSION_RECONNECT")


@case("SESSION-SEQ-1", says="A number that could not be counted beyond ends the connection.")
async def endless_numbers(peer: Accepting) -> None:
    other, _ = await _resumed(peer)
    await other.send(SessionRetry(connect_seq=(1 << 64) - 1))
    await other.refuses()


@case("SESSION-RESET-1", says="A client that is told SESSION_RESET introduces itself on the same connection.")
async def reset(peer: Accepting) -> None:
    other, request = await _resumed(peer)
    await other.send(SessionReset(full=True))
    found = await other.expect(ClientIdent)
    kept = found.cookie not in (0, request.client_cookie)
    other.check(kept, "another cookie, as the session is forgotten", found)


@case("STATE-1", says="SERVER_IDENT in answer to SESSION_RECONNECT ends the connection.")
async def ident_for_reconnect(peer: Accepting) -> None:
    other, _ = await _resumed(peer)
    await other.send(other.server_ident())
    await other.refuses()


@case("MESSAGE-3", says="A client numbers its messages from 1, without a gap.")
async def numbered(peer: Accepting) -> None:
    await peer.to(Step.READY)
    seqs: list[int] = []
    try:
        while len(seqs) < 3 and (frame := await peer.next()) is not None:
            if frame.tag == Tag.MESSAGE:
                seqs.append(open_message(frame)[0].seq)
    except Silence:
        pass
    require(seqs, "the client sent no message")
    peer.check(seqs == list(range(1, len(seqs) + 1)), "1 and so on", seqs)
