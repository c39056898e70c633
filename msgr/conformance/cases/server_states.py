"""Servers: every frame out of its place ends the connection, without an answer."""

from __future__ import annotations

from typing import Final

from ...frame import Tag, tag_name
from ...payload import Hello
from ..case import registrar
from ..dialling import Dialling, Stage
from ..peer import require
from ..verdict import Role
from .samples import UNKNOWN, sample

case = registrar(Role.SERVER, "states")

_SPOKEN: Final = {tag_name(tag).lower().replace("_", "-"): int(tag) for tag in Tag}


def _all_but(*legal: Tag) -> dict[str, int]:
    """Return every tag by its name in an id, but those that the state takes."""
    return {name: tag for name, tag in _SPOKEN.items() if tag not in legal}


async def _out_of_place(peer: Dialling, tag: int) -> None:
    await peer.send_frame(sample(tag, peer.candidate.target))
    await peer.refuses()


@case("STATE-1", says="Before HELLO, nothing else is taken.", each=_all_but(Tag.HELLO))
async def before_hello(peer: Dialling, tag: int) -> None:
    await peer.to(Stage.BANNER)
    await peer.expect(Hello)
    await _out_of_place(peer, tag)


@case("STATE-1", says="After HELLO, only AUTH_REQUEST is taken.", each=_all_but(Tag.AUTH_REQUEST))
async def before_authentication(peer: Dialling, tag: int) -> None:
    await peer.to(Stage.HELLO)
    await _out_of_place(peer, tag)


@case("STATE-1", says="After AUTH_REPLY_MORE, only AUTH_REQUEST_MORE is taken.", each=_all_but(Tag.AUTH_REQUEST_MORE))
async def before_the_proof(peer: Dialling, tag: int) -> None:
    await peer.to(Stage.CHALLENGED)
    await _out_of_place(peer, tag)


@case("STATE-1", says="After AUTH_DONE, only AUTH_SIGNATURE is taken.", each=_all_but(Tag.AUTH_SIGNATURE))
async def before_the_signature(peer: Dialling, tag: int) -> None:
    await peer.to(Stage.DONE)
    await _out_of_place(peer, tag)


@case(
    "STATE-1",
    says="After the signatures, where both banners have COMPRESSION, only COMPRESSION_REQUEST is taken.",
    each=_all_but(Tag.COMPRESSION_REQUEST),
)
async def before_compression(peer: Dialling, tag: int) -> None:
    require(peer.candidate.facts.compression, "the peer's banner has no COMPRESSION")
    await peer.to(Stage.SIGNED)
    await _out_of_place(peer, tag)


@case(
    "STATE-1",
    says="Once all is agreed, only CLIENT_IDENT and SESSION_RECONNECT are taken.",
    each=_all_but(Tag.CLIENT_IDENT, Tag.SESSION_RECONNECT),
)
async def before_the_identity(peer: Dialling, tag: int) -> None:
    await peer.to(Stage.AGREED)
    await _out_of_place(peer, tag)


@case(
    "STATE-1",
    says="In a session, only messages, keepalives and acknowledgements are taken.",
    each=_all_but(Tag.MESSAGE, Tag.KEEPALIVE2, Tag.KEEPALIVE2_ACK, Tag.ACK),
)
async def in_a_session(peer: Dialling, tag: int) -> None:
    await peer.to(Stage.READY)
    await _out_of_place(peer, tag)


@case("FRAME-15", says="A frame whose tag nobody defined ends the connection.", each=UNKNOWN)
async def unknown_tag(peer: Dialling, tag: int) -> None:
    await peer.to(Stage.HELLO)
    await _out_of_place(peer, tag)


@case("FRAME-15", says="A frame whose tag nobody defined ends the connection in a session too.", each=UNKNOWN)
async def unknown_tag_in_session(peer: Dialling, tag: int) -> None:
    await peer.to(Stage.READY)
    await _out_of_place(peer, tag)
