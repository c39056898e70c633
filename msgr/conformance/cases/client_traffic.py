"""Clients: what comes in a session, in crc and in secure mode; and the ends of connections."""

from __future__ import annotations

from typing import Final

from ...frame import Frame, Mode, Tag
from ...payload import Ack, Hello, Keepalive, KeepaliveAck, MessageHeader
from ...wire import Timestamp
from ..accepting import Accepting, Step
from ..case import registrar
from ..damage import flip
from ..peer import require
from ..verdict import Level, Role

case = registrar(Role.CLIENT, "traffic")
secure = registrar(Role.CLIENT, "secure")
limits = registrar(Role.CLIENT, "limits")

_PING: Final = 2
_STAMP: Final = Timestamp(seconds=5, nanoseconds=6)
_KEEPALIVE: Final = Frame(Tag.KEEPALIVE2, (Keepalive(stamp=_STAMP).encode(),))


def _header(seq: int = 1, ack_seq: int = 0) -> bytes:
    return MessageHeader(seq=seq, type=_PING, version=1, ack_seq=ack_seq).encode()


@case(
    "KEEPALIVE-2",
    says="The ack carries the stamp of the KEEPALIVE2 unchanged.",
    each={"usual": (1234567890, 123456789), "zero": (0, 0), "beyond-a-second": (0xFFFFFFFF, 0xFFFFFFFF)},
)
async def echoes(peer: Accepting, stamp: tuple[int, int]) -> None:
    await peer.to(Step.READY)
    sent = Timestamp(seconds=stamp[0], nanoseconds=stamp[1])
    await peer.send(Keepalive(stamp=sent))
    found = await peer.expect(KeepaliveAck)
    peer.check(found.stamp == sent, "the stamp that was sent", found)


@case("PAYLOAD-18", says="A KEEPALIVE2 that ends before its stamp does is refused.")
async def keepalive_cut_short(peer: Accepting) -> None:
    await peer.to(Step.READY)
    await peer.send_frame(Frame(Tag.KEEPALIVE2, (bytes(7),)))
    await peer.refuses()


@case("FRAME-14", says="A control frame of two segments is refused.")
async def two_segments(peer: Accepting) -> None:
    await peer.to(Step.READY)
    stamp = _STAMP.encode()
    await peer.send_frame(Frame(Tag.KEEPALIVE2, (stamp, stamp)))
    await peer.refuses()


@case("MESSAGE-1", says="A message whose first segment is not 41 bytes is refused.", each={"40": 40, "42": 42})
async def header_size(peer: Accepting, size: int) -> None:
    await peer.to(Step.READY)
    await peer.send_frame(Frame(Tag.MESSAGE, (_header().ljust(size, b"\0")[:size],)))
    await peer.refuses()


@case("MESSAGE-2", last=True, says="A duplicate is dropped, and what comes behind it is read.")
async def duplicate(peer: Accepting) -> None:
    await peer.to(Step.READY)
    for _ in range(2):
        await peer.send_frame(Frame(Tag.MESSAGE, (_header(),)))
    await peer.lives(why="the session goes on after a duplicate: a keepalive is answered")


@case("MESSAGE-3", says="A gap in the server's numbers does no harm.")
async def gap(peer: Accepting) -> None:
    await peer.to(Step.READY)
    for seq in (1, 5):
        await peer.send_frame(Frame(Tag.MESSAGE, (_header(seq),)))
    await peer.lives()


@case("ACK-2", says="An acknowledgement of a message that was never sent ends the connection.")
async def ack_of_the_future(peer: Accepting) -> None:
    await peer.to(Step.READY)
    await peer.send(Ack(seq=1 << 40))
    await peer.refuses()


@case("STATE-1", says="A KEEPALIVE2_ACK that nobody asked for does no harm in a session.")
async def unasked_ack(peer: Accepting) -> None:
    await peer.to(Step.READY)
    await peer.send(KeepaliveAck(stamp=_STAMP))
    await peer.lives()


@case("FRAME-7", says="An aborted message is dropped, and what comes behind it is read.")
async def aborted(peer: Accepting) -> None:
    await peer.to(Step.READY)
    await peer.send_frame(Frame(Tag.MESSAGE, (_header(), b"front"), aborted=True))
    await peer.lives()


@case(
    "STATE-2",
    says="When the server ends its half of the stream, the client ends the connection.",
    each={step.name.lower(): step for step in Step if step is not Step.PROVED},
)
async def half_closed(peer: Accepting, step: Step) -> None:
    await peer.to(step)
    await peer.wire.half_close()
    await _last_words(peer, step)
    await peer.refuses(expected="the client ends the connection too")


async def _last_words(peer: Accepting, step: Step) -> None:
    """Take what the client says next without being answered."""
    if step is Step.CONNECTED:
        await peer.hear_banner()
    elif step is Step.BANNER:
        await peer.expect(Hello)
    elif step is Step.SIGNED and peer.talks_compression:
        await peer.expect_frame(Tag.COMPRESSION_REQUEST)
    elif step in (Step.SIGNED, Step.AGREED):
        await peer.take_ident()


@limits(
    "LIMIT-3",
    level=Level.SHOULD,
    slow=True,
    says="A handshake that does not go on is ended in time.",
    each={"silence": Step.CONNECTED, "hello": Step.BANNER, "signed": Step.SIGNED},
)
async def stands_still(peer: Accepting, step: Step) -> None:
    await peer.to(step)
    await _last_words(peer, step)
    await peer.refuses(within=peer.terms.patience)


async def _encrypted(peer: Accepting) -> None:
    require(peer.has_steps, "secure mode needs a key: give a keyring")
    peer.modes = (Mode.SECURE,)
    await peer.to(Step.READY)


@secure("FRAME-13", says="A secure session can be had: key and nonces are cut from the secret as they must be.")
async def works(peer: Accepting) -> None:
    await _encrypted(peer)
    await peer.lives()


@secure("FRAME-10", says="A frame whose tag does not verify ends the connection.", each={"tag": -1, "head": 40})
async def tag_flipped(peer: Accepting, at: int) -> None:
    await _encrypted(peer)
    await peer.write(flip(peer.seal(_KEEPALIVE), at), "KEEPALIVE2 with one bit turned")
    await peer.refuses()


@secure("FRAME-11", says="A frame that is played back ends the connection.")
async def replayed(peer: Accepting) -> None:
    await _encrypted(peer)
    wire = peer.seal(_KEEPALIVE)
    await peer.write(wire, "KEEPALIVE2")
    await peer.expect_frame(Tag.KEEPALIVE2_ACK)
    await peer.write(wire, "KEEPALIVE2, the same bytes again")
    await peer.refuses()


@secure("FRAME-11", says="A nonce that is left out ends the connection.")
async def nonce_left_out(peer: Accepting) -> None:
    await _encrypted(peer)
    peer.skip_nonce()
    await peer.send_frame(_KEEPALIVE)
    await peer.refuses()


@secure("FRAME-3", says="A preamble whose checksum does not match is refused under a right tag too.")
async def encrypted_preamble_checksum(peer: Accepting) -> None:
    await _encrypted(peer)
    await peer.write(peer.damage(_KEEPALIVE, lambda _, plain: flip(plain, 28)), "KEEPALIVE2 with a damaged preamble")
    await peer.refuses()
