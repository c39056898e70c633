"""Servers: frames in crc mode, before and in a session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ...frame import Frame, Mode, Revision, Tag
from ...payload import Hello, Keepalive
from ...session import Message
from ...wire import Timestamp
from ..case import registrar
from ..damage import FLAGS, RESERVED, changed_preamble, crc, flip, preamble, put
from ..dialling import Dialling, Stage
from ..peer import Form
from ..servers import PING
from ..verdict import Level, Role

case = registrar(Role.SERVER, "frames")
limits = registrar(Role.SERVER, "limits")

REVISIONS: Final = {"2.1": Form(Revision.REV1, Mode.CRC), "2.0": Form(Revision.REV0, Mode.CRC)}
STAMP: Final = Timestamp(seconds=5, nanoseconds=6)
_PREAMBLE: Final = 32


async def greeted(peer: Dialling) -> None:
    """Exchange banners, and take the server's HELLO; ours is to come."""
    await peer.to(Stage.BANNER)
    await peer.expect(Hello)


def hello_of(peer: Dialling) -> bytes:
    """Return the bytes of our HELLO, in the present mode."""
    return peer.seal(Frame(Tag.HELLO, (peer.hello().encode(),)))


async def hello_is_taken(peer: Dialling) -> None:
    """See that the server has taken HELLO: it refuses a method that does not exist."""
    await peer.send(peer.nonsense())
    await peer.expect_frame(
        Tag.AUTH_BAD_METHOD, what="AUTH_BAD_METHOD, as HELLO was taken and the method does not exist"
    )


async def in_session(peer: Dialling, form: Form) -> None:
    """Begin a session in this form."""
    peer.form = form
    await peer.to(Stage.READY)


def ping(seq: int = 1, front: bytes = b"") -> Frame:
    """Return a message that is answered, if the server answers any."""
    return Message(type=PING, front=front).to_frame(seq=seq, ack_seq=0)


@case(
    "FRAME-1",
    says="A preamble of another number of segments than 1 to 4 is refused.",
    each={"none": 0, "five": 5, "all": 255},
)
async def segments(peer: Dialling, count: int) -> None:
    await greeted(peer)
    await peer.write(preamble(Tag.HELLO, 8, count=count) + bytes(64), f"HELLO of {count} segments")
    await peer.refuses()


def _alignment(value: int) -> Callable[[bytes], bytes]:
    return lambda head: head[:6] + value.to_bytes(2, "little") + head[8:]


@case(
    "FRAME-2",
    says="What a preamble says of alignments, reserved and absent is not looked at.",
    each={
        "alignment-0": _alignment(0),
        "alignment-3": _alignment(3),
        "alignment-65535": _alignment(0xFFFF),
        "reserved-byte": lambda head: put(head, RESERVED, 0xFF),
        "unknown-flags": lambda head: put(head, FLAGS, 0xFE),
        "absent-segments": lambda head: head[:8] + b"\xa5" * 18 + head[26:],
    },
)
async def not_looked_at(peer: Dialling, change: Callable[[bytes], bytes]) -> None:
    await greeted(peer)
    await peer.write(changed_preamble(hello_of(peer), change), "HELLO with an odd preamble")
    await hello_is_taken(peer)


@case(
    "FRAME-3",
    says="A preamble whose checksum does not match is refused.",
    each={
        "one-bit": lambda wire: flip(wire, 28),
        "zero": lambda wire: wire[:28] + bytes(4) + wire[32:],
        "inverted": lambda wire: wire[:28] + bytes(byte ^ 0xFF for byte in wire[28:32]) + wire[32:],
        "damaged-length": lambda wire: flip(wire, 2),
        "damaged-tag": lambda wire: flip(wire, 0, 0x80),
    },
)
async def preamble_checksum(peer: Dialling, change: Callable[[bytes], bytes]) -> None:
    await greeted(peer)
    await peer.write(change(hello_of(peer)), "HELLO with a damaged preamble")
    await peer.refuses()


@case("FRAME-3", says="A preamble whose checksum does not match is refused in a session too.", each=REVISIONS)
async def preamble_checksum_in_session(peer: Dialling, form: Form) -> None:
    await in_session(peer, form)
    await peer.write(flip(peer.seal(_keepalive()), 28), "KEEPALIVE2 with a damaged preamble")
    await peer.refuses()


def _keepalive() -> Frame:
    return Frame(Tag.KEEPALIVE2, (Keepalive(stamp=STAMP).encode(),))


@case("FRAME-4", says="A frame of several segments whose last one is empty is refused.", each={"two": 2, "four": 4})
async def last_segment_empty(peer: Dialling, count: int) -> None:
    await greeted(peer)
    payload = peer.hello().encode()
    lengths = (len(payload), *(0 for _ in range(count - 1)))
    body = payload + crc(payload) + b"\x0e" + b"\xff" * 4 * (count - 1) + bytes(4 * (4 - count))
    await peer.write(preamble(Tag.HELLO, *lengths) + body, f"HELLO with {count - 1} empty segments behind it")
    await peer.refuses()


@case(
    "FRAME-5",
    says="A segment that does not match its checksum is refused.",
    each={
        "payload": lambda wire: flip(wire, _PREAMBLE),
        "checksum": lambda wire: flip(wire, -1),
        "zero": lambda wire: wire[:-4] + bytes(4),
        "usual-crc32c": lambda wire: wire[:-4] + bytes(byte ^ 0xFF for byte in wire[-4:]),
    },
)
async def segment_checksum(peer: Dialling, change: Callable[[bytes], bytes]) -> None:
    await greeted(peer)
    await peer.write(change(hello_of(peer)), "HELLO, damaged")
    await peer.refuses()


@case("FRAME-5", says="A payload that does not match its checksum is refused in a session too.", each=REVISIONS)
async def segment_checksum_in_session(peer: Dialling, form: Form) -> None:
    await in_session(peer, form)
    await peer.write(flip(peer.seal(_keepalive()), _PREAMBLE), "KEEPALIVE2, damaged")
    await peer.refuses()


@case("FRAME-5", says="The front of a message that does not match its checksum is refused.", each=REVISIONS)
async def front_checksum(peer: Dialling, form: Form) -> None:
    await in_session(peer, form)
    wire = peer.seal(ping(front=b"front"))
    await peer.write(flip(wire, wire.index(b"front")), "MESSAGE with a damaged front")
    await peer.refuses()


@case(
    "FRAME-6",
    says="A late status whose low half is neither 0xe nor 0x1 is refused.",
    each={"0x00": 0x00, "0x33": 0x33, "0x0f": 0x0F, "0xe0": 0xE0},
)
async def late_status(peer: Dialling, status: int) -> None:
    await in_session(peer, REVISIONS["2.1"])
    await peer.write(put(peer.seal(ping(front=b"front")), -13, status), f"MESSAGE with late status {status:#04x}")
    await peer.refuses()


@case(
    "FRAME-6",
    says="The high half of the late status is ignored.",
    each={"0x1e": 0x1E, "0xee": 0xEE},
)
async def late_status_high_half(peer: Dialling, status: int) -> None:
    await in_session(peer, REVISIONS["2.1"])
    await peer.write(put(peer.seal(ping(front=b"front")), -13, status), f"MESSAGE with late status {status:#04x}")
    await peer.lives()


@case("FRAME-7", says="An aborted message is dropped, and what comes behind it is read.", each=REVISIONS)
async def aborted(peer: Dialling, form: Form) -> None:
    await in_session(peer, form)
    frame = ping(front=b"front")
    await peer.send_frame(Frame(frame.tag, frame.segments, aborted=True))
    await peer.lives()
    await peer.stays_silent(0.2, why="no answer to a message that was aborted")


@case("FRAME-7", says="The number of an aborted message is free for the next one.", each=REVISIONS)
async def aborted_and_sent_again(peer: Dialling, form: Form) -> None:
    await in_session(peer, form)
    frame = ping(front=b"front")
    await peer.send_frame(Frame(frame.tag, frame.segments, aborted=True))
    await peer.send_frame(ping())
    if peer.candidate.facts.answers:
        await peer.expect_frame(Tag.MESSAGE, what="an answer to the message that was sent again")
    await peer.lives()


@case("FRAME-16", says="An aborted frame that is no message ends the connection.")
async def aborted_keepalive(peer: Dialling) -> None:
    await in_session(peer, REVISIONS["2.0"])
    frame = _keepalive()
    await peer.send_frame(Frame(frame.tag, frame.segments, aborted=True))
    await peer.refuses()


@limits(
    "FRAME-9",
    level=Level.SHOULD,
    says="A control frame that announces far more than any has is refused before its bytes come.",
    each={"1-MiB": 1 << 20, "16-MiB": 16 << 20},
)
async def announces_much(peer: Dialling, length: int) -> None:
    await greeted(peer)
    await peer.write(preamble(Tag.HELLO, length), f"HELLO that announces {length} bytes")
    await peer.refuses()


@case("FRAME-14", says="A control frame of two segments is refused.", each=REVISIONS)
async def two_segments(peer: Dialling, form: Form) -> None:
    await in_session(peer, form)
    stamp = Keepalive(stamp=STAMP).encode()
    await peer.send_frame(Frame(Tag.KEEPALIVE2, (stamp, stamp)))
    await peer.refuses()


@case("FRAME-12", says="A frame of one segment has no epilogue in 2.1, and one of 17 bytes in 2.0.", each=REVISIONS)
async def epilogue(peer: Dialling, form: Form) -> None:
    await in_session(peer, form)
    wire = peer.seal(_keepalive())
    await peer.write(wire + wire, "KEEPALIVE2 twice, without a gap")
    for _ in range(2):
        await peer.expect_frame(Tag.KEEPALIVE2_ACK)


@case("FRAME-2", says="Frames that come byte by byte are frames.", each=REVISIONS)
async def byte_by_byte(peer: Dialling, form: Form) -> None:
    await in_session(peer, form)
    await peer.crawl(peer.seal(ping()) + peer.seal(_keepalive()))
    await peer.expect_frame(Tag.KEEPALIVE2_ACK)
