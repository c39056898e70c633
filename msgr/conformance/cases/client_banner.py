"""Clients: the banner, HELLO, and frames before a session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ...frame import Frame, Tag
from ...payload import AuthRequest, Banner, Hello
from ...payload.banner import PREFIX
from ...wire import EntityType
from ..accepting import Accepting, Step
from ..case import registrar
from ..damage import FLAGS, RESERVED, changed_preamble, crc, flip, preamble, put
from ..verdict import Level, Role

case = registrar(Role.CLIENT, "banner")
frames = registrar(Role.CLIENT, "frames")
limits = registrar(Role.CLIENT, "limits")

_PREAMBLE: Final = 32


@case("BANNER-6", says="The client's banner comes first.")
async def comes_first(peer: Accepting) -> None:
    await peer.hear_banner()


@case(
    "BANNER-1",
    says="A server whose first bytes are no banner is left.",
    each={
        "http": b"HTTP/1.1 400 Bad Request\r\n\r\n",
        "old-protocol": b"ceph v027" + bytes(272),
        "zeros": bytes(26),
        "capital": b"Ceph v2\n\x10\0" + Banner(supported=3).encode(),
    },
)
async def no_banner(peer: Accepting, first: bytes) -> None:
    await peer.hear_banner()
    await peer.write(first)
    await peer.refuses()


@case("BANNER-2", says="Bytes beyond the two words of a banner are ignored.", each={"one": 1, "a-thousand": 1000})
async def longer(peer: Accepting, more: int) -> None:
    await peer.hear_banner()
    payload = Banner(supported=3).encode() + b"\xa5" * more
    await peer.write(PREFIX + len(payload).to_bytes(2, "little") + payload, "a longer banner")
    await peer.expect(Hello)


@case(
    "BANNER-2",
    says="A banner whose payload is shorter than two words is refused.",
    each={"nothing": 0, "one-word": 8, "one-byte-short": 15},
)
async def shorter(peer: Accepting, size: int) -> None:
    await peer.hear_banner()
    payload = Banner(supported=3).encode()[:size]
    await peer.write(PREFIX + size.to_bytes(2, "little") + payload, "a shorter banner")
    await peer.refuses()


@case("BANNER-2", says="A banner that comes byte by byte is a banner.")
async def byte_by_byte(peer: Accepting) -> None:
    await peer.hear_banner()
    await peer.crawl(Banner(supported=3).to_wire())
    await peer.expect(Hello)


@case(
    "BANNER-3",
    says="A server that requires an unknown feature is left, without a word.",
    each={"bit-2": 1 << 2, "bit-63": 1 << 63},
)
async def requires_unknown(peer: Accepting, required: int) -> None:
    await peer.hear_banner()
    banner = Banner(supported=(1 << 64) - 1, required=required)
    await peer.write(banner.to_wire(), repr(banner))
    await peer.refuses()


@case("BANNER-5", says="Features that nobody knows do no harm in a banner, as long as they are not required.")
async def supports_all(peer: Accepting) -> None:
    await peer.hear_banner()
    banner = Banner(supported=(1 << 64) - 1 & ~2)
    await peer.write(banner.to_wire(), repr(banner))
    await peer.expect(Hello)


@case("PAYLOAD-1", says="HELLO tells the client's entity type, which is one that there is.")
async def hello_type(peer: Accepting) -> None:
    await peer.to(Step.BANNER)
    hello = await peer.expect(Hello)
    known = {int(kind) for kind in EntityType}
    peer.check(hello.entity_type in known, "mon, mds, osd, client or mgr", hello.entity_type)


@case("PAYLOAD-1", says="HELLO has the address that the client dialled.")
async def hello_address(peer: Accepting) -> None:
    await peer.to(Step.BANNER)
    hello = await peer.expect(Hello)
    ours, seen = peer.host.address, hello.peer_address
    peer.check((seen.host, seen.port) == (ours.host, ours.port), f"{ours.host} port {ours.port}", seen)


async def _hello_taken(peer: Accepting, payload: bytes) -> None:
    await peer.to(Step.BANNER)
    await peer.expect(Hello)
    await peer.send_frame(Frame(Tag.HELLO, (payload,)))
    await peer.expect(AuthRequest, what="AUTH_REQUEST, as HELLO was right")


async def _hello_refused(peer: Accepting, payload: bytes) -> None:
    await peer.to(Step.BANNER)
    await peer.expect(Hello)
    await peer.send_frame(Frame(Tag.HELLO, (payload,)))
    await peer.refuses()


@case("WIRE-3", says="Bytes behind the last field of HELLO are ignored.")
async def hello_with_more(peer: Accepting) -> None:
    await _hello_taken(peer, peer.hello().encode() + b"\xa5" * 7)


@case("WIRE-1", says="A HELLO that ends before its last field does is refused.", each={"1": 1, "20": 20})
async def hello_cut_short(peer: Accepting, size: int) -> None:
    await _hello_refused(peer, peer.hello().encode()[:size])


@case("ADDR-1", says="An address with an unknown marker is refused.")
async def address_marker(peer: Accepting) -> None:
    await _hello_refused(peer, put(peer.hello().encode(), 1, 2))


@case("WIRE-3", says="An address that only newer decoders read is refused.")
async def too_new(peer: Accepting) -> None:
    await _hello_refused(peer, put(put(peer.hello().encode(), 2, 2), 3, 2))


@frames("FRAME-1", says="A preamble of another number of segments than 1 to 4 is refused.", each={"none": 0, "five": 5})
async def segments(peer: Accepting, count: int) -> None:
    await peer.to(Step.BANNER)
    await peer.expect(Hello)
    await peer.write(preamble(Tag.HELLO, 8, count=count) + bytes(64), f"HELLO of {count} segments")
    await peer.refuses()


@frames(
    "FRAME-2",
    says="What a preamble says of alignments, reserved and absent is not looked at.",
    each={
        "alignment-0": lambda head: put(head, 6, 0),
        "alignment-4096": lambda head: put(put(head, 6, 0), 7, 16),
        "reserved-byte": lambda head: put(head, RESERVED, 0xFF),
        "unknown-flags": lambda head: put(head, FLAGS, 0xFE),
    },
)
async def not_looked_at(peer: Accepting, change: Callable[[bytes], bytes]) -> None:
    await peer.to(Step.BANNER)
    await peer.expect(Hello)
    wire = peer.seal(Frame(Tag.HELLO, (peer.hello().encode(),)))
    await peer.write(changed_preamble(wire, change), "HELLO with an odd preamble")
    await peer.expect(AuthRequest, what="AUTH_REQUEST, as HELLO was right")


@frames(
    "FRAME-3",
    says="A preamble whose checksum does not match is refused.",
    each={"one-bit": lambda wire: flip(wire, 28), "damaged-tag": lambda wire: flip(wire, 0, 0x80)},
)
async def preamble_checksum(peer: Accepting, change: Callable[[bytes], bytes]) -> None:
    await _damaged_hello(peer, change)


@frames(
    "FRAME-5",
    says="A segment that does not match its checksum is refused.",
    each={
        "payload": lambda wire: flip(wire, _PREAMBLE),
        "checksum": lambda wire: flip(wire, -1),
        "usual-crc32c": lambda wire: wire[:-4] + bytes(byte ^ 0xFF for byte in wire[-4:]),
    },
)
async def segment_checksum(peer: Accepting, change: Callable[[bytes], bytes]) -> None:
    await _damaged_hello(peer, change)


async def _damaged_hello(peer: Accepting, change: Callable[[bytes], bytes]) -> None:
    await peer.to(Step.BANNER)
    await peer.expect(Hello)
    await peer.write(change(peer.seal(Frame(Tag.HELLO, (peer.hello().encode(),)))), "HELLO, damaged")
    await peer.refuses()


@frames("FRAME-4", says="A frame of several segments whose last one is empty is refused.")
async def last_segment_empty(peer: Accepting) -> None:
    await peer.to(Step.BANNER)
    await peer.expect(Hello)
    payload = peer.hello().encode()
    body = payload + crc(payload) + b"\x0e" + b"\xff" * 4 + bytes(8)
    await peer.write(preamble(Tag.HELLO, len(payload), 0) + body, "HELLO with an empty segment behind it")
    await peer.refuses()


@limits(
    "FRAME-9",
    level=Level.SHOULD,
    says="A control frame that announces far more than any has is refused before its bytes come.",
)
async def announces_much(peer: Accepting) -> None:
    await peer.to(Step.BANNER)
    await peer.expect(Hello)
    await peer.write(preamble(Tag.HELLO, 1 << 20), "HELLO that announces a megabyte")
    await peer.refuses()
