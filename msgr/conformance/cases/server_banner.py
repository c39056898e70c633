"""Servers: the banner, and HELLO."""

from __future__ import annotations

from typing import Final

from ...frame import Frame, Mode, Revision, Tag
from ...payload import Banner, Hello
from ...payload.banner import PREFIX
from ...wire import AddressType, EntityAddr, EntityType
from ..case import registrar
from ..dialling import Dialling, Stage
from ..peer import Form, require
from ..verdict import Role

case = registrar(Role.SERVER, "banner")

_QUIET: Final = 0.3


@case("BANNER-6", says="The server's own banner comes first, without being asked for.")
async def comes_first(peer: Dialling) -> None:
    await peer.hear_banner()


@case(
    "BANNER-1",
    says="A peer whose first bytes are no banner is disconnected.",
    each={
        "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32),
        "old-protocol": b"ceph v027" + bytes(272),
        "no-newline": b"ceph v2\0\x10\0" + Banner(supported=3).encode(),
        "capital": b"Ceph v2\n\x10\0" + Banner(supported=3).encode(),
        "zeros": bytes(26),
        "bytes-in-front": b"\r\n" + Banner(supported=3).to_wire(),
    },
)
async def no_banner(peer: Dialling, first: bytes) -> None:
    await peer.hear_banner()
    await peer.write(first)
    await peer.refuses()


@case("BANNER-2", says="A banner has two words of features, and nothing required that nobody knows.")
async def words(peer: Dialling) -> None:
    banner = await peer.hear_banner()
    peer.check(banner.required & ~3 == 0, "no required feature but the two that there are", f"{banner.required:#x}")


@case(
    "BANNER-2",
    says="Bytes beyond the two words of a banner are ignored.",
    each={"one": 1, "eight": 8, "a-thousand": 1000},
)
async def longer(peer: Dialling, more: int) -> None:
    await peer.hear_banner()
    payload = Banner(supported=peer.features).encode() + b"\xa5" * more
    await peer.write(PREFIX + len(payload).to_bytes(2, "little") + payload, "a longer banner")
    await peer.expect(Hello)


@case(
    "BANNER-2",
    says="A banner whose payload is shorter than two words is refused.",
    each={"nothing": 0, "one-word": 8, "one-byte-short": 15},
)
async def shorter(peer: Dialling, size: int) -> None:
    await peer.hear_banner()
    payload = Banner(supported=peer.features).encode()[:size]
    await peer.write(PREFIX + size.to_bytes(2, "little") + payload, "a shorter banner")
    await peer.refuses()


@case("BANNER-2", says="A banner that comes byte by byte is a banner.")
async def byte_by_byte(peer: Dialling) -> None:
    await peer.hear_banner()
    await peer.crawl(Banner(supported=peer.features).to_wire())
    await peer.expect(Hello)


@case("BANNER-2", says="A banner and HELLO that come at once are a banner and HELLO.")
async def with_hello(peer: Dialling) -> None:
    await peer.hear_banner()
    hello = peer.seal(Frame.of(Tag.HELLO, peer.hello().encode()))
    await peer.write(Banner(supported=peer.features).to_wire() + hello, "banner and HELLO")
    await peer.expect(Hello)
    peer.stage = Stage.HELLO
    await peer.send(peer.nonsense())
    await peer.expect_frame(Tag.AUTH_BAD_METHOD)


@case(
    "BANNER-3",
    says="A peer that requires an unknown feature is disconnected, without a reply.",
    each={"bit-2": 1 << 2, "bit-63": 1 << 63, "all": (1 << 64) - 1},
)
async def requires_unknown(peer: Dialling, required: int) -> None:
    await peer.hear_banner()
    banner = Banner(supported=(1 << 64) - 1, required=required)
    await peer.write(banner.to_wire(), repr(banner))
    await peer.refuses()


@case("BANNER-3", says="A peer that requires what the server has is served.")
async def requires_known(peer: Dialling) -> None:
    theirs = await peer.hear_banner()
    banner = Banner(supported=peer.features, required=theirs.supported & 1)
    await peer.write(banner.to_wire(), repr(banner))
    await peer.expect(Hello)


@case("BANNER-5", says="Features that nobody knows do no harm in a banner, as long as they are not required.")
async def supports_all(peer: Dialling) -> None:
    await peer.hear_banner()
    banner = Banner(supported=(1 << 64) - 1)
    await peer.write(banner.to_wire(), repr(banner))
    await peer.expect(Hello)


@case("BANNER-5", says="The server frames in 2.1 where both banners have bit 0.")
async def revision_1(peer: Dialling) -> None:
    await peer.to(Stage.HELLO)


@case("BANNER-5", says="The server frames in 2.0 where the client's banner lacks bit 0, or does not go on.")
async def revision_0(peer: Dialling) -> None:
    peer.form = Form(Revision.REV0, Mode.CRC)
    await peer.to(Stage.HELLO)


@case("BANNER-5", says="The server says nothing after its banner until it has the client's, which decides the framing.")
async def waits_for_the_banner(peer: Dialling) -> None:
    await peer.hear_banner()
    await peer.stays_silent(_QUIET, why="nothing, as the client's banner is not there")
    await peer.write(PREFIX, "the first bytes of a banner")
    await peer.stays_silent(_QUIET, why="nothing, as the client's banner is not complete")


@case("PAYLOAD-1", says="HELLO tells the server's entity type, which is one that there is.")
async def hello_type(peer: Dialling) -> None:
    await peer.to(Stage.HELLO)
    hello: Hello = peer.heard_of[Hello]
    known = {int(kind) for kind in EntityType}
    peer.check(hello.entity_type in known, "mon, mds, osd, client or mgr", hello.entity_type)


@case("PAYLOAD-1", says="HELLO tells the client how it is seen: by an address of msgr v2, with its IP.")
async def hello_address(peer: Dialling) -> None:
    await peer.to(Stage.HELLO)
    hello: Hello = peer.heard_of[Hello]
    host = peer.candidate.target.host
    require(host is not None and host.is_loopback, "addresses may be translated on the way; this is for loopback")
    seen = hello.peer_address
    right = seen.type == AddressType.MSGR2 and seen.host is not None and seen.host.is_loopback and seen.port != 0
    peer.check(right, "an address v2 with our IP and port", seen)


def _tail(address: bytes) -> bytes:
    return bytes([EntityType.CLIENT]) + address


_MODERN: Final = EntityAddr.parse("v2:127.0.0.1:6789").encode()
_IPV6: Final = EntityAddr.parse("v2:[::1]:6789").encode()


def _modern(sockaddr: bytes, *, version: int = 1, compat: int = 1, more: bytes = b"", marker: int = 1) -> bytes:
    """Return an address in the modern form, with this socket address."""
    body = (2).to_bytes(4, "little") + bytes(4) + len(sockaddr).to_bytes(4, "little") + sockaddr + more
    return bytes([marker, version, compat]) + len(body).to_bytes(4, "little") + body


_FOUR: Final = b"\x02\x00\x1a\x85\x7f\x00\x00\x01"


@case(
    "ADDR-1",
    says="HELLO is taken with an address in any form that there is.",
    each={
        "ipv6": _IPV6,
        "legacy": bytes(8) + b"\x00\x02\x1a\x85\x7f\x00\x00\x01".ljust(128, b"\0"),
        "unset": _modern(b""),
    },
)
async def address_form(peer: Dialling, address: bytes) -> None:
    await _hello_taken(peer, _tail(address))


@case(
    "ADDR-2",
    says="A socket address may be shorter than its family has, or of an unknown family.",
    each={"ipv4-of-eight-bytes": _modern(_FOUR), "unknown-family": _modern(b"\x63\x00" + bytes(14))},
)
async def socket_address(peer: Dialling, address: bytes) -> None:
    await _hello_taken(peer, _tail(address))


@case(
    "WIRE-3",
    says="What a newer version appends is ignored.",
    each={
        "to-an-address": _tail(_modern(_FOUR.ljust(16, b"\0"), version=2, more=b"\xa5" * 5)),
        "to-hello": _tail(_MODERN) + b"\xa5" * 7,
    },
)
async def appended(peer: Dialling, payload: bytes) -> None:
    await _hello_taken(peer, payload)


async def _hello_taken(peer: Dialling, payload: bytes) -> None:
    """Say this HELLO, and see that an AUTH_REQUEST is answered."""
    await peer.to(Stage.BANNER)
    await peer.expect(Hello)
    await peer.send_frame(Frame(Tag.HELLO, (payload,)))
    peer.stage = Stage.HELLO
    await peer.send(peer.nonsense())
    await peer.expect_frame(
        Tag.AUTH_BAD_METHOD, what="AUTH_BAD_METHOD, as HELLO was taken and the method does not exist"
    )


@case("ADDR-1", says="An address with an unknown marker is refused.")
async def address_marker(peer: Dialling) -> None:
    await _hello_refused(peer, _tail(_modern(_FOUR, marker=2)))


@case(
    "ADDR-2",
    says="A socket address that is one byte, or longer than its family has, is refused.",
    each={"one-byte": _modern(b"\x02"), "too-long": _modern(_FOUR.ljust(20, b"\0"))},
)
async def socket_address_size(peer: Dialling, address: bytes) -> None:
    await _hello_refused(peer, _tail(address))


@case("WIRE-3", says="An address that only newer decoders read is refused.")
async def too_new(peer: Dialling) -> None:
    await _hello_refused(peer, _tail(_modern(_FOUR.ljust(16, b"\0"), version=2, compat=2)))


@case(
    "WIRE-1",
    says="A HELLO that ends before its last field does is refused.",
    each={"type-alone": _tail(b""), "half-an-address": _tail(_MODERN[:17])},
)
async def hello_cut_short(peer: Dialling, payload: bytes) -> None:
    await _hello_refused(peer, payload)


async def _hello_refused(peer: Dialling, payload: bytes) -> None:
    await peer.to(Stage.BANNER)
    await peer.expect(Hello)
    await peer.send_frame(Frame(Tag.HELLO, (payload,)))
    await peer.refuses()
