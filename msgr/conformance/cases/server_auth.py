"""Servers: authentication whatever the method, and the signatures."""

from __future__ import annotations

from typing import Any, Final

from ...auth import AuthMethod
from ...auth.request import MON, SERVICE, Request
from ...frame import Frame, Mode, Tag
from ...payload import AuthBadMethod, AuthDone, AuthReplyMore, AuthRequest, AuthSignature
from ...wire import EntityType
from ..case import registrar
from ..damage import flip
from ..dialling import NOBODY, Dialling, Stage
from ..peer import Form, require
from ..verdict import Role

case = registrar(Role.SERVER, "auth")

_OPEN: Final = "method none is not how we are let in"


async def refused(peer: Dialling, request: AuthRequest, result: int | None = None) -> AuthBadMethod:
    """Ask like this, and see that it is refused, with this result if one is given."""
    await peer.send(request)
    found = await peer.expect(AuthBadMethod)
    if result is not None:
        peer.check(found.result == result, f"result {result}", f"result {found.result}")
    return found


@case("AUTH-4", says="A method that the server does not allow is refused by its number, with a negative result.")
async def names_the_method(peer: Dialling) -> None:
    await peer.to(Stage.HELLO)
    found = await refused(peer, peer.nonsense())
    peer.check(found.method == NOBODY and found.result < 0, f"method {NOBODY} and a negative result", found)


@case("AUTH-4", says="A refusal tells which methods and modes are allowed.")
async def tells_what_is_allowed(peer: Dialling) -> None:
    await peer.to(Stage.HELLO)
    found = await refused(peer, peer.nonsense())
    known = {int(mode) for mode in Mode}
    kept = bool(found.allowed_methods) and bool(found.allowed_modes) and known.issuperset(found.allowed_modes)
    peer.check(kept, "some methods and some modes that there are", found)


@case("AUTH-4", says="After a refusal, the client may ask otherwise on the same connection.")
async def may_ask_again(peer: Dialling) -> None:
    await peer.to(Stage.HELLO)
    for _ in range(3):
        await refused(peer, peer.nonsense())
    await peer.to(Stage.READY)


@case(
    "AUTH-3",
    says="A request that offers no mode that is allowed is refused.",
    each={"unknown": (9,), "zero": (0,), "none": ()},
)
async def no_common_mode(peer: Dialling, modes: tuple[int, ...]) -> None:
    await peer.to(Stage.HELLO)
    found = await refused(peer, peer.request(modes=modes))
    peer.check(found.result < 0, "a negative result", found.result)


@case("AUTH-3", says="Modes without a meaning are passed over.")
async def unknown_modes(peer: Dialling) -> None:
    await peer.to(Stage.HELLO)
    await _agrees(peer, (99, 0, peer.form.mode, 7), peer.form.mode)


@case(
    "AUTH-3",
    says="Of the client's modes, the first that is allowed is taken.",
    each={"crc-first": (Mode.CRC, Mode.SECURE), "secure-first": (Mode.SECURE, Mode.CRC)},
)
async def order_of_modes(peer: Dialling, modes: tuple[Mode, ...]) -> None:
    facts = peer.candidate.facts
    require(all(peer.candidate.allows(mode) for mode in modes) or not facts.methods, "only one mode can be had here")
    peer.form = Form(peer.form.revision, modes[0])
    await peer.to(Stage.HELLO)
    await _agrees(peer, modes, modes[0])


async def _agrees(peer: Dialling, modes: tuple[int, ...], mode: Mode) -> None:
    await peer.send(peer.request(modes=modes))
    if peer.candidate.key is not None:
        peer.heard_of[AuthReplyMore] = await peer.expect(AuthReplyMore)
        await peer.send(peer.proof())
    done = await peer.expect(AuthDone)
    peer.check(done.mode == mode, f"mode {mode.name.lower()}", f"mode {done.mode}")


@case("AUTH-8", says="The server signs at once, without waiting for the client.")
async def signs_at_once(peer: Dialling) -> None:
    await peer.to(Stage.DONE)


@case("AUTH-23", says="The server's signature covers all that it received.")
async def signature_of_all(peer: Dialling) -> None:
    await peer.to(Stage.HELLO)
    for _ in range(2):  # so that there is more to cover than in the shortest handshake
        await refused(peer, peer.nonsense())
    await peer.to(Stage.READY)


@case("AUTH-24", says="With method none the signature is 32 zero bytes.")
async def signature_of_zeros(peer: Dialling) -> None:
    require(peer.candidate.key is None, _OPEN)
    await peer.to(Stage.DONE)
    peer.check(peer.heard_of[AuthSignature].signature == bytes(32), "zeros", "zeros")


@case("AUTH-24", says="With method none the client's signature is compared as well.")
async def signature_is_compared(peer: Dialling) -> None:
    require(peer.candidate.key is None, _OPEN)
    await peer.to(Stage.DONE)
    await peer.send(AuthSignature(signature=bytes(31) + b"\1"))
    await peer.refuses()


@case(
    "AUTH-25",
    says="A signature that is not of the server's bytes ends the connection.",
    each={
        "one-bit": lambda right: flip(right, -1),
        "ones": lambda _: b"\xff" * 32,
        "first-byte": lambda right: flip(right, 0),
    },
)
async def wrong_signature(peer: Dialling, change: Any) -> None:
    await peer.to(Stage.DONE)
    await peer.send(AuthSignature(signature=change(peer.heard_of[AuthSignature].signature)))
    await peer.refuses()


@case("AUTH-25", says="The server's own signature is not taken for the client's.")
async def reflected_signature(peer: Dialling) -> None:
    require(peer.candidate.key is not None, "the signatures of method none are the same at both ends")
    await peer.to(Stage.HELLO)
    await peer.ask()
    await peer.send(peer.proof())
    await peer.take_done()
    theirs = await peer.expect(AuthSignature)
    await peer.send(theirs)
    await peer.refuses()


@case("AUTH-25", says="A signature of zeros is not taken where there is a key.")
async def signature_without_a_key(peer: Dialling) -> None:
    require(peer.candidate.key is not None, "method none has no key")
    await peer.to(Stage.DONE)
    await peer.send(AuthSignature(signature=bytes(32)))
    await peer.refuses()


@case("PAYLOAD-7", says="A signature of other than 32 bytes is refused where it is shorter.")
async def short_signature(peer: Dialling) -> None:
    await peer.to(Stage.DONE)
    await peer.send_frame(Frame(Tag.AUTH_SIGNATURE, (peer.heard_of[AuthSignature].signature[:31],)))
    await peer.refuses()


def _list_of(count: int) -> bytes:
    return (1).to_bytes(4, "little") + count.to_bytes(4, "little") + bytes(8)


@case(
    "WIRE-2",
    says="A list or a blob that promises more than there is ends the connection.",
    each={
        "more-modes": _list_of(100),
        "longer-payload": _list_of(1)[:12] + (100).to_bytes(4, "little") + b"x",
        "2^31-bytes": _list_of(1)[:12] + (1 << 31).to_bytes(4, "little") + b"x",
    },
)
async def promises_more(peer: Dialling, payload: bytes) -> None:
    await peer.to(Stage.HELLO)
    await peer.send_frame(Frame(Tag.AUTH_REQUEST, (payload,)))
    await peer.refuses()


@case(
    "WIRE-1",
    says="An AUTH_REQUEST that ends before its last field does is refused.",
    each={"nothing": b"", "half-a-method": b"\1\0", "no-modes": b"\1\0\0\0"},
)
async def request_cut_short(peer: Dialling, payload: bytes) -> None:
    await peer.to(Stage.HELLO)
    await peer.send_frame(Frame(Tag.AUTH_REQUEST, (payload,)))
    await peer.refuses()


@case("WIRE-3", says="Bytes behind the last field of an AUTH_REQUEST are ignored.")
async def request_with_more(peer: Dialling) -> None:
    await peer.to(Stage.HELLO)
    await peer.send_frame(Frame(Tag.AUTH_REQUEST, (peer.nonsense().encode() + b"\xa5" * 9,)))
    await peer.expect(AuthBadMethod)


@case(
    "AUTH-20",
    says="A request of method none with another first byte than 1 to 19 is refused with -13.",
    each={"0": 0, "20": 20, "255": 255},
)
async def first_byte(peer: Dialling, kind: int) -> None:
    require(peer.candidate.key is None, _OPEN)
    await peer.to(Stage.HELLO)
    payload = Request(kind=kind, name=peer.candidate.name, global_id=0).encode()
    await refused(peer, peer.request(payload=payload), -13)


@case("AUTH-20", says="A request of method none that cannot be read is refused.")
async def request_of_none_cut_short(peer: Dialling) -> None:
    require(peer.candidate.key is None, _OPEN)
    await peer.to(Stage.HELLO)
    await peer.send(peer.request(payload=b"\x0a\x08\0"))
    await peer.expect(AuthBadMethod)


@case("AUTH-21", says="Method none ends with the first answer, whose payload is empty, in crc mode.")
async def first_answer(peer: Dialling) -> None:
    require(peer.candidate.key is None, _OPEN)
    await peer.to(Stage.HELLO)
    await peer.send(peer.request(modes=(Mode.SECURE, Mode.CRC)))
    done = await peer.expect(AuthDone)
    peer.check(done.mode == Mode.CRC and not done.payload, "crc mode, and no payload", done)


@case("AUTH-21", says="Method none does not go with secure mode.")
async def not_secure(peer: Dialling) -> None:
    require(peer.candidate.key is None, _OPEN)
    await peer.to(Stage.HELLO)
    await refused(peer, peer.request(modes=(Mode.SECURE,)))


@case("AUTH-22", says="A server of method none grants the global id that is claimed.")
async def claimed_id(peer: Dialling) -> None:
    done = await _claims(peer, 4242)
    peer.check(done.global_id == 4242, "global id 4242", done.global_id)


@case("AUTH-22", says="A server of method none grants a new global id where none is claimed.")
async def new_id(peer: Dialling) -> None:
    require(peer.candidate.name.type != EntityType.MON, "monitors among themselves need no global id")
    first = await _claims(peer, 0)
    second = await _claims(await peer.another(), 0)
    found = (first.global_id, second.global_id)
    peer.check(0 not in found and found[0] != found[1], "two ids, neither of them 0", found)


async def _claims(peer: Dialling, global_id: int) -> AuthDone:
    require(peer.candidate.key is None, _OPEN)
    require(AuthMethod.NONE in (peer.candidate.facts.methods or (AuthMethod.NONE,)), "method none is not allowed")
    await peer.to(Stage.HELLO)
    method: Any = peer.candidate.method()
    kind = SERVICE if method.service else MON
    request = Request(kind=kind, name=peer.candidate.name, global_id=global_id)
    await peer.send(peer.request(payload=request.encode()))
    return await peer.expect(AuthDone)
