"""Clients: every frame out of its place ends the connection, without a word."""

from __future__ import annotations

from typing import Final

from ...frame import Tag
from ...payload import Hello
from ..accepting import Accepting, Step
from ..case import registrar
from ..verdict import Role
from .samples import UNKNOWN, sample

case = registrar(Role.CLIENT, "states")

_TAGS: Final = {
    "hello": Tag.HELLO,
    "auth-done": Tag.AUTH_DONE,
    "auth-request": Tag.AUTH_REQUEST,
    "server-ident": Tag.SERVER_IDENT,
    "session-reset": Tag.SESSION_RESET,
    "session-reconnect-ok": Tag.SESSION_RECONNECT_OK,
    "message": Tag.MESSAGE,
    "keepalive2-ack": Tag.KEEPALIVE2_ACK,
    "ack": Tag.ACK,
    "compression-done": Tag.COMPRESSION_DONE,
}


def _all_but(*legal: Tag) -> dict[str, int]:
    return {name: int(tag) for name, tag in _TAGS.items() if tag not in legal}


async def _out_of_place(peer: Accepting, tag: int) -> None:
    await peer.send_frame(sample(tag, peer.host.address))
    await peer.refuses()


@case("STATE-1", says="Before HELLO, nothing else is taken.", each=_all_but(Tag.HELLO))
async def before_hello(peer: Accepting, tag: int) -> None:
    await peer.to(Step.BANNER)
    await peer.expect(Hello)
    await _out_of_place(peer, tag)


@case("STATE-1", says="After AUTH_REQUEST, only an answer to it is taken.", each=_all_but(Tag.AUTH_DONE))
async def before_authentication(peer: Accepting, tag: int) -> None:
    await peer.to(Step.ASKED)
    await _out_of_place(peer, tag)


@case("STATE-1", says="After AUTH_DONE, only AUTH_SIGNATURE is taken.", each=_all_but())
async def before_the_signature(peer: Accepting, tag: int) -> None:
    await peer.to(Step.PROVED)
    await peer.send(peer.auth_done())
    _, theirs = peer.signatures()
    await peer.take_signature(theirs)
    await _out_of_place(peer, tag)


@case("STATE-1", says="After CLIENT_IDENT, only an answer to it is taken.", each=_all_but(Tag.SERVER_IDENT))
async def before_the_identity(peer: Accepting, tag: int) -> None:
    await peer.begin_anew()
    await _out_of_place(peer, tag)


@case(
    "STATE-1",
    says="In a session, only messages, keepalives and acknowledgements are taken.",
    each=_all_but(Tag.MESSAGE, Tag.KEEPALIVE2_ACK, Tag.ACK),
)
async def in_a_session(peer: Accepting, tag: int) -> None:
    await peer.to(Step.READY)
    await _out_of_place(peer, tag)


@case("FRAME-15", says="A frame whose tag nobody defined ends the connection.", each=UNKNOWN)
async def unknown_tag(peer: Accepting, tag: int) -> None:
    await peer.to(Step.ASKED)
    await _out_of_place(peer, tag)
