"""Servers: messages, keepalives and acknowledgements; and the ends of connections."""

from __future__ import annotations

from ...frame import Frame, Tag
from ...payload import Ack, Banner, Hello, Keepalive, KeepaliveAck, MessageHeader
from ...session import Message
from ...session.message import open_message
from ...wire import Timestamp
from ..case import registrar
from ..dialling import Dialling, Stage
from ..peer import Silence, require
from ..servers import PING
from ..verdict import Level, Role

case = registrar(Role.SERVER, "traffic")
limits = registrar(Role.SERVER, "limits")


async def _say(peer: Dialling, seq: int, *, ack_seq: int = 0, front: bytes = b"") -> None:
    await peer.send_frame(Message(type=PING, tid=seq, front=front).to_frame(seq=seq, ack_seq=ack_seq))


@case(
    "KEEPALIVE-2",
    says="The ack carries the stamp of the KEEPALIVE2 unchanged.",
    each={"usual": (1234567890, 123456789), "zero": (0, 0), "beyond-a-second": (0xFFFFFFFF, 0xFFFFFFFF)},
)
async def echoes(peer: Dialling, stamp: tuple[int, int]) -> None:
    await peer.to(Stage.READY)
    sent = Timestamp(seconds=stamp[0], nanoseconds=stamp[1])
    await peer.send(Keepalive(stamp=sent))
    found = await peer.expect(KeepaliveAck)
    peer.check(found.stamp == sent, f"stamp {sent}", f"stamp {found.stamp}")


@case("KEEPALIVE-1", says="Each of several keepalives is answered by its own stamp, in order.")
async def echoes_each(peer: Dialling) -> None:
    await peer.to(Stage.READY)
    stamps = [Timestamp(seconds=second, nanoseconds=second) for second in range(1, 6)]
    await peer.write(
        b"".join(peer.seal(Frame(Tag.KEEPALIVE2, (Keepalive(stamp=stamp).encode(),))) for stamp in stamps),
        "five KEEPALIVE2",
    )
    for stamp in stamps:
        found = await peer.expect(KeepaliveAck)
        peer.check(found.stamp == stamp, f"stamp {stamp}", f"stamp {found.stamp}")


@case("STATE-1", says="A KEEPALIVE2_ACK that nobody asked for does no harm in a session.")
async def unasked_ack(peer: Dialling) -> None:
    await peer.to(Stage.READY)
    await peer.send(KeepaliveAck(stamp=Timestamp(seconds=1, nanoseconds=1)))
    await peer.lives()


@case("PAYLOAD-18", says="A KEEPALIVE2 that ends before its stamp does is refused.")
async def keepalive_cut_short(peer: Dialling) -> None:
    await peer.to(Stage.READY)
    await peer.send_frame(Frame(Tag.KEEPALIVE2, (bytes(7),)))
    await peer.refuses()


@case("WIRE-3", says="Bytes behind the stamp of a KEEPALIVE2 are ignored.")
async def keepalive_with_more(peer: Dialling) -> None:
    await peer.to(Stage.READY)
    stamp = Timestamp(seconds=3, nanoseconds=4)
    await peer.send_frame(Frame(Tag.KEEPALIVE2, (stamp.encode() + b"\xa5" * 8,)))
    found = await peer.expect(KeepaliveAck)
    peer.check(found.stamp == stamp, f"stamp {stamp}", f"stamp {found.stamp}")


def _header(seq: int = 1) -> bytes:
    return MessageHeader(seq=seq, type=PING, version=1).encode()


@case(
    "MESSAGE-1",
    says="A message whose first segment is not 41 bytes is refused.",
    each={"40": _header()[:40], "42": _header() + b"\0", "8": _header()[:8]},
)
async def header_size(peer: Dialling, header: bytes) -> None:
    require(len(header) >= 40 or peer.candidate.facts.ident is not None, "no session was reached")
    await peer.to(Stage.READY)
    await peer.send_frame(Frame(Tag.MESSAGE, (header,)))
    await peer.refuses()


@case(
    "MESSAGE-1",
    says="Flags, padding, offset and the reserved field of a header are not looked at.",
    each={"flags": {"flags": 0xFF}, "no-flags": {"flags": 0}, "offset": {"data_offset": 4095}},
)
async def header_fields(peer: Dialling, fields: dict[str, int]) -> None:
    await peer.to(Stage.READY)
    await peer.send_frame(Frame(Tag.MESSAGE, (MessageHeader(seq=1, type=PING, version=1, **fields).encode(),)))
    await peer.lives()


@case("MESSAGE-1", says="A message may have any of its segments, and the empty ones between them.")
async def segments(peer: Dialling) -> None:
    await peer.to(Stage.READY)
    shapes = ((), (b"f",), (b"", b"m"), (b"", b"", b"d"), (b"f", b"m", b"d"))
    for seq, shape in enumerate(shapes, 1):
        await peer.send_frame(Frame.of(Tag.MESSAGE, _header(seq), *shape))
    await peer.lives()


@case("MESSAGE-3", says="The server numbers its messages from 1, without a gap.")
async def numbered(peer: Dialling) -> None:
    await peer.to(Stage.READY)
    require(peer.candidate.facts.answers, "the server does not answer messages of type 2")
    for seq in (1, 2, 3):
        await _say(peer, seq)
    found = [open_message(await peer.expect_frame(Tag.MESSAGE))[0].seq for _ in range(3)]
    peer.check(found == [1, 2, 3], "numbers 1, 2, 3", found)


@case("MESSAGE-3", says="A gap in the client's numbers does no harm.")
async def gap(peer: Dialling) -> None:
    await peer.to(Stage.READY)
    await _say(peer, 1)
    await _say(peer, 5)
    await peer.lives()


@case(
    "MESSAGE-2", says="A duplicate is dropped, and what comes behind it is read.", each={"same": 2, "older": 1, "0": 0}
)
async def duplicate_is_dropped(peer: Dialling, seq: int) -> None:
    await peer.to(Stage.READY)
    for number in (1, 2, seq):
        await _say(peer, number)
    await peer.lives(why="the session goes on after a duplicate: a keepalive is answered")


@case("ACK-1", says="On a lossy session no ACK is sent.")
async def no_ack(peer: Dialling) -> None:
    await peer.to(Stage.READY)
    require(not peer.candidate.facts.lossless, "the session is lossless")
    await _say(peer, 1)
    try:
        while (frame := await peer.next(0.3)) is not None:
            peer.check(frame.tag != Tag.ACK, "no ACK", f"tag {frame.tag}")
    except Silence:
        await peer.lives()


@case("ACK-2", says="An ACK of 0 acknowledges nothing, and does no harm.")
async def ack_of_nothing(peer: Dialling) -> None:
    await peer.to(Stage.READY)
    await peer.send(Ack(seq=0))
    await peer.lives()


@case(
    "ACK-2",
    says="An acknowledgement of a message that was never sent ends the connection.",
    each={"1": 1, "2^63": 1 << 63},
)
async def ack_of_the_future(peer: Dialling, seq: int) -> None:
    await peer.to(Stage.READY)
    await peer.send(Ack(seq=seq))
    await peer.refuses()


@case("ACK-2", says="An ack_seq of a message that was never sent ends the connection.")
async def ack_seq_of_the_future(peer: Dialling) -> None:
    await peer.to(Stage.READY)
    await _say(peer, 1, ack_seq=1000)
    await peer.refuses()


@limits("LIMIT-2", says="A message of a megabyte is read.")
async def megabyte(peer: Dialling) -> None:
    await peer.to(Stage.READY)
    require(peer.candidate.facts.answers, "it is not known whether the server takes messages of this type")
    await _say(peer, 1, front=bytes(1 << 20))
    await peer.expect_frame(Tag.MESSAGE)


@case(
    "STATE-2",
    says="When the client ends its half of the stream, the server ends the connection.",
    each={stage.name.lower(): stage for stage in Stage},
)
async def half_closed(peer: Dialling, stage: Stage) -> None:
    await peer.to(stage)
    await peer.wire.half_close()
    await _ends(peer)


@case("STATE-2", says="When the client ends its half of the stream within a frame, the server ends the connection.")
async def half_a_frame(peer: Dialling) -> None:
    await peer.to(Stage.READY)
    frame = Frame(Tag.KEEPALIVE2, (Keepalive(stamp=Timestamp(seconds=1)).encode(),))
    await peer.write(peer.seal(frame)[:-1], "KEEPALIVE2 without its last byte")
    await peer.wire.half_close()
    await _ends(peer)


async def _ends(peer: Dialling) -> None:
    """See that the connection ends; what the server says before is its own affair."""
    if peer.stage is Stage.CONNECTED:
        await peer.hear_banner()
    if peer.stage is Stage.BANNER:
        await peer.expect(Hello)
    await peer.refuses(expected="the server ends the connection too")


_SLOW = {
    "silence": Stage.CONNECTED,
    "banner-only": Stage.BANNER,
    "hello-only": Stage.HELLO,
    "no-identity": Stage.AGREED,
}


@limits(
    "LIMIT-3",
    level=Level.SHOULD,
    slow=True,
    says="A handshake that does not go on is ended in time.",
    each=_SLOW,
)
async def stands_still(peer: Dialling, stage: Stage) -> None:
    await peer.to(stage)
    if stage is Stage.CONNECTED:
        await peer.hear_banner()
    if stage is Stage.BANNER:
        await peer.expect(Hello)
    await peer.refuses(within=peer.terms.patience)


@limits("LIMIT-3", level=Level.SHOULD, slow=True, says="A handshake that crawls is ended in time.")
async def crawls(peer: Dialling) -> None:
    await peer.hear_banner()
    began, checks = peer.terms.clock(), peer.terms.checks
    checks.expect(f"the server ends the connection within {peer.terms.patience:g} s")
    for byte in Banner(supported=peer.features).to_wire():
        await peer.write(bytes([byte]), "a byte of the banner")
        try:
            if await peer.next(peer.terms.patience / 20) is None:
                checks.seen = f"the connection is {peer.wire.ending.value} after {peer.terms.clock() - began:.1f} s"
                return
        except Silence:
            if peer.terms.clock() - began > peer.terms.patience:
                break
    raise checks.fail("it is still open")
