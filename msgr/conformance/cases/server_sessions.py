"""Servers: sessions that outlive their connection. All of it is judged where the server grants us one."""

from __future__ import annotations

from typing import Any, Final

from ...frame import Frame, Tag
from ...payload import (
    Ack,
    ServerIdent,
    SessionReconnect,
    SessionReconnectOk,
    SessionReset,
    SessionRetry,
    SessionRetryGlobal,
    of_frame,
)
from ...session import Message
from ...session.message import open_message
from ..case import registrar
from ..dialling import Dialling, Stage
from ..peer import require
from ..servers import PING
from ..verdict import Role

case = registrar(Role.SERVER, "reconnect")

_RETRIES: Final = 8
_RETRY: Final = (Tag.SESSION_RETRY, Tag.SESSION_RETRY_GLOBAL)
_LOSSY: Final = "the server's sessions with us end with their connection"


async def begun(peer: Dialling) -> ServerIdent:
    """Begin a lossless session."""
    require(peer.candidate.facts.lossless, _LOSSY)
    await peer.to(Stage.READY)
    ident: ServerIdent = peer.heard_of[ServerIdent]
    return ident


def request(peer: Dialling, ident: ServerIdent, **changes: Any) -> SessionReconnect:
    """Return the SESSION_RECONNECT that goes on with a session."""
    fields: dict[str, Any] = {
        "addresses": peer.visit.addresses,
        "client_cookie": peer.visit.cookie,
        "server_cookie": ident.cookie,
        "global_seq": peer.visit.next_seq(),
        "connect_seq": 1,
        "msg_seq": 0,
    }
    return SessionReconnect(**fields | changes)


async def again(peer: Dialling, ident: ServerIdent, **changes: Any) -> Dialling:
    """Dial once more, and ask to go on with the session."""
    other = await peer.another(Stage.AGREED)
    await other.send(request(peer, ident, **changes))
    return other


async def resumed(peer: Dialling, ident: ServerIdent, **changes: Any) -> tuple[Dialling, SessionReconnectOk]:
    """Dial once more, and go on with the session, as often as the server asks for higher numbers.

    One that has something to write again dials on its own as well, and counts that (SESSION-CLIENT-1).
    """
    other = await again(peer, ident, **changes)
    for _ in range(_RETRIES):
        frame = await other.next()
        if frame is None or frame.tag not in _RETRY:
            break
        said = of_frame(frame)
        if isinstance(said, SessionRetry):
            changes["connect_seq"] = said.connect_seq + 1
        elif isinstance(said, SessionRetryGlobal):
            peer.visit.skip_seqs(said.global_seq)
        await other.send(request(peer, ident, **changes))
    else:
        frame = await other.next()
    found = other.payload_of(frame, SessionReconnectOk)
    other.in_session, other.stage = True, Stage.READY
    return other, found


async def say(peer: Dialling, seq: int, ack_seq: int = 0) -> None:
    """Send a message that the server answers."""
    await peer.send_frame(Message(type=PING, tid=seq).to_frame(seq=seq, ack_seq=ack_seq))


async def next_message(peer: Dialling, what: str) -> int:
    """Return the number of the next message."""
    header, _ = open_message(await peer.expect_frame(Tag.MESSAGE, what=what))
    return header.seq


async def answered(peer: Dialling, seq: int) -> int:
    """Send a message, and return the number of its answer."""
    require(peer.candidate.facts.answers, "the server does not answer messages of type 2")
    await say(peer, seq)
    return await next_message(peer, f"an answer to message {seq}")


@case("SESSION-RECONNECT-9", says="A session goes on over another connection.")
async def goes_on(peer: Dialling) -> None:
    other, _ = await resumed(peer, await begun(peer))
    await other.lives()


@case("SESSION-RECONNECT-9", says="The connection that a session had before ends when it goes on over another.")
async def old_connection_ends(peer: Dialling) -> None:
    await resumed(peer, await begun(peer))
    await peer.refuses()


@case("SESSION-RECONNECT-9", says="The server_cookie of the request decides nothing.", each={"0": 0, "other": 4711})
async def server_cookie(peer: Dialling, cookie: int) -> None:
    ident = await begun(peer)
    await resumed(peer, ident, server_cookie=cookie)


@case("SESSION-RECONNECT-9", says="SESSION_RECONNECT_OK tells the last number that the server received.")
async def tells_what_it_has(peer: Dialling) -> None:
    ident = await begun(peer)
    for seq in (1, 2, 3):
        await say(peer, seq)
    await peer.lives()
    _, found = await resumed(peer, ident)
    peer.check(found.msg_seq == 3, "msg_seq 3", found)


@case("SESSION-RECONNECT-4", says="Another client_cookie is answered by SESSION_RESET.", each={"other": 99, "0": 0})
async def other_cookie(peer: Dialling, cookie: int) -> None:
    other = await again(peer, await begun(peer), client_cookie=cookie)
    await other.expect(SessionReset)
    await peer.lives(why="the session goes on over its own connection")


@case("SESSION-RECONNECT-6", says="A low global_seq is answered by SESSION_RETRY_GLOBAL with the last one.")
async def low_global_seq(peer: Dialling) -> None:
    peer.visit.skip_seqs(10)
    ident = await begun(peer)
    other = await again(peer, ident, global_seq=3)
    found = await other.expect(SessionRetryGlobal)
    peer.check(found.global_seq == 11, "global_seq 11", found)
    await other.send(request(peer, ident, global_seq=20))
    await other.expect(SessionReconnectOk)


@case("SESSION-RECONNECT-6", says="A global_seq that is the last one is not low.")
async def same_global_seq(peer: Dialling) -> None:
    ident = await begun(peer)
    await resumed(peer, ident, global_seq=1)


@case("SESSION-RECONNECT-7", says="A low connect_seq is answered by SESSION_RETRY with the server's.")
async def low_connect_seq(peer: Dialling) -> None:
    ident = await begun(peer)
    first, _ = await resumed(peer, ident, connect_seq=5)
    second = await again(first, ident, connect_seq=2)
    found = await second.expect(SessionRetry)
    peer.check(found.connect_seq >= 5, "a connect_seq of 5, or more if it dialled itself", found)
    await second.send(request(peer, ident, connect_seq=found.connect_seq + 1))
    await second.expect(SessionReconnectOk)


@case("SESSION-TABLE-1", says="A session is not found by another address vector.")
async def other_addresses(peer: Dialling) -> None:
    ident = await begun(peer)
    other = await again(peer, ident, addresses=peer.visit.addresses * 2)
    await other.expect(SessionReset)


@case("SESSION-IDENT-8", says="A CLIENT_IDENT with a low global_seq is dropped, and the session stays as it is.")
async def late_ident(peer: Dialling) -> None:
    peer.visit.skip_seqs(10)
    await begun(peer)
    other = await peer.another(Stage.AGREED)
    await other.send(other.ident(global_seq=2))
    await other.refuses()
    await peer.lives(why="the session goes on over its own connection")


@case("SESSION-IDENT-10", says="A CLIENT_IDENT with another cookie begins anew, with another server_cookie.")
async def new_client(peer: Dialling) -> None:
    ident = await begun(peer)
    await answered(peer, 1)
    other = await peer.another(Stage.AGREED)
    await other.send(other.ident(cookie=peer.visit.cookie ^ 1))
    found = await other.take_ident()
    peer.check(found.cookie not in (0, ident.cookie), "another cookie, and not 0", found.cookie)
    seq = await answered(other, 1)
    peer.check(seq == 1, "the first message has number 1", seq)


@case(
    "SESSION-IDENT-11",
    says="A CLIENT_IDENT with the cookie of the session goes on with it, and what was written comes again.",
)
async def missed_ident(peer: Dialling) -> None:
    await begun(peer)
    await answered(peer, 1)
    other = await peer.another(Stage.AGREED)
    await other.send(other.ident())
    await other.take_ident()
    await next_message(other, "the message that was not acknowledged")
    await peer.refuses(expected="the connection that the session had before ends")


@case("SESSION-REPLAY-1", says="What was not acknowledged is written again, with its number.")
async def replayed(peer: Dialling) -> None:
    ident = await begun(peer)
    first = await answered(peer, 1)
    await peer.leave()
    other, _ = await resumed(peer, ident, msg_seq=first - 1)
    seq = await next_message(other, f"message {first}, which was not acknowledged")
    peer.check(seq == first, f"number {first}", seq)


@case("SESSION-REPLAY-2", says="What the request acknowledges is not written again.")
async def not_replayed(peer: Dialling) -> None:
    ident = await begun(peer)
    first = await answered(peer, 1)
    await peer.leave()
    other, _ = await resumed(peer, ident, msg_seq=first)
    seq = await answered(other, 2)
    peer.check(seq == first + 1, f"number {first + 1}", seq)


@case("SESSION-REPLAY-2", says="A msg_seq of a message that was never sent ends the connection.")
async def acknowledges_too_much(peer: Dialling) -> None:
    ident = await begun(peer)
    other = await again(peer, ident, msg_seq=1000)
    await other.refuses()


@case("ACK-1", says="On a lossless session, what comes is acknowledged.")
async def acknowledged(peer: Dialling) -> None:
    await begun(peer)
    await say(peer, 1)
    while True:
        frame = await peer.next()
        if frame is None or frame.tag not in (Tag.ACK, Tag.MESSAGE):
            continue
        acked = Ack.decode(frame.segments[0]).seq if frame.tag == Tag.ACK else open_message(frame)[0].ack_seq
        peer.check(acked == 1, "an acknowledgement of 1", acked)
        return


@case("MESSAGE-2", says="A duplicate on a lossless session is dropped, and acknowledged again.")
async def duplicate(peer: Dialling) -> None:
    await begun(peer)
    await say(peer, 1)
    await peer.lives()
    await say(peer, 1)
    await peer.lives(why="the session goes on after a duplicate: a keepalive is answered")


@case("ACK-2", says="An ACK is settled however often it comes.")
async def acknowledged_twice(peer: Dialling) -> None:
    await begun(peer)
    seq = await answered(peer, 1)
    for _ in range(3):
        await peer.send_frame(Frame(Tag.ACK, (Ack(seq=seq).encode(),)))
    await peer.lives()
