"""Clients: authentication, and the signatures.

Some refusals are left to the tests of this project's own client, as a deployed library aborts its process over the
input, and daemons use it too: an AUTH_BAD_METHOD of a method that was not asked for, an AUTH_REPLY_MORE to a client
that uses method none, and a second one with cephx.
"""

from __future__ import annotations

from typing import Any, Final

from ...auth import AuthMethod
from ...auth.cephx.structs import Authenticate, ServerChallenge
from ...frame import Frame, Mode, Tag
from ...payload import AuthBadMethod, AuthReplyMore, AuthRequest, AuthRequestMore, AuthSignature
from ..accepting import Accepting, Step
from ..case import registrar
from ..damage import flip
from ..peer import require
from ..verdict import Role

case = registrar(Role.CLIENT, "auth")

_KNOWN: Final = {int(mode) for mode in Mode}
_NO_STEPS: Final = "method none has no challenge: give a keyring"


@case("AUTH-2", says="AUTH_REQUEST offers modes, and only such as there are.")
async def modes(peer: Accepting) -> None:
    request = await _asked(peer)
    kept = bool(request.modes) and _KNOWN.issuperset(request.modes)
    peer.check(kept, "some of the modes that there are", request)


@case("AUTH-2", says="With method none, crc mode alone is offered.")
async def modes_of_none(peer: Accepting) -> None:
    request = await _asked(peer)
    require(request.method == AuthMethod.NONE, "another method is used")
    peer.check(request.modes == (Mode.CRC,), "crc mode alone", request)


async def _asked(peer: Accepting) -> AuthRequest:
    await peer.to(Step.ASKED)
    request: AuthRequest = peer.heard_of[AuthRequest]
    return request


def _refusal(request: AuthRequest, **changes: Any) -> AuthBadMethod:
    fields: dict[str, Any] = {
        "method": request.method,
        "result": -95,
        "allowed_methods": (request.method,),
        "allowed_modes": request.modes,
    }
    return AuthBadMethod(**fields | changes)


@case(
    "AUTH-4",
    says="A refusal whose result is no error ends the connection.",
    each={"0": 0, "1": 1, "2^31-1": (1 << 31) - 1},
)
async def refusal_without_an_error(peer: Accepting, result: int) -> None:
    request = await _asked(peer)
    await peer.send(_refusal(request, result=result))
    await peer.refuses()


@case("AUTH-5", says="A client with no method that is allowed gives up.", each={"none": (), "unknown": (99, 0)})
async def nothing_allowed(peer: Accepting, allowed: tuple[int, ...]) -> None:
    request = await _asked(peer)
    await peer.send(_refusal(request, allowed_methods=allowed))
    await peer.refuses()


@case("AUTH-5", says="A method that was refused is not tried again on the connection.")
async def never_twice(peer: Accepting) -> None:
    request = await _asked(peer)
    tried = {request.method}
    while True:
        await peer.send(_refusal(request, allowed_methods=(1, 2)))
        frame = await peer.next()
        if frame is None:
            peer.check(True, "another method, or the end of the connection", "the end")
            return
        request = peer.payload_of(frame, AuthRequest)
        peer.check(request.method not in tried, "another method, or the end of the connection", request)
        tried.add(request.method)


@case("AUTH-7", says="AUTH_DONE in a mode that was not offered ends the connection.", each={"0": 0, "99": 99})
async def mode_not_offered(peer: Accepting, mode: int) -> None:
    await peer.to(Step.PROVED)
    await peer.send(peer.auth_done(mode=mode))
    await peer.refuses()


@case("AUTH-8", says="The client signs at once, without waiting for the server.")
async def signs_at_once(peer: Accepting) -> None:
    await peer.to(Step.PROVED)
    await peer.send(peer.auth_done())
    _, theirs = peer.signatures()
    await peer.take_signature(theirs)


@case("AUTH-23", says="The client's signature covers all that it received.")
async def signature(peer: Accepting) -> None:
    await peer.to(Step.SIGNED)


@case(
    "AUTH-25",
    says="A signature that is not of the client's bytes ends the connection.",
    each={"one-bit": lambda right: flip(right, -1), "ones": lambda _: b"\xff" * 32},
)
async def wrong_signature(peer: Accepting, change: Any) -> None:
    await peer.to(Step.PROVED)
    await peer.send(peer.auth_done())
    ours, theirs = peer.signatures()
    await peer.take_signature(theirs)
    await peer.send(AuthSignature(signature=change(ours.signature)))
    await peer.refuses()


@case("PAYLOAD-7", says="A signature of fewer than 32 bytes ends the connection.")
async def short_signature(peer: Accepting) -> None:
    await peer.to(Step.PROVED)
    await peer.send(peer.auth_done())
    ours, theirs = peer.signatures()
    await peer.take_signature(theirs)
    await peer.send_frame(Frame(Tag.AUTH_SIGNATURE, (ours.signature[:31],)))
    await peer.refuses()


async def _admitted_wrongly(peer: Accepting, **changes: Any) -> None:
    """Send such an AUTH_DONE, and see that the client does not go on to sign."""
    await peer.send(peer.auth_done(**changes))
    peer.signatures()
    await peer.refuses()


@case("GLOBALID-5", says="AUTH_DONE with the global id 0 ends the connection.")
async def global_id_0(peer: Accepting) -> None:
    require(peer.has_steps, _NO_STEPS)
    await peer.to(Step.PROVED)
    await _admitted_wrongly(peer, global_id=0)


@case("GLOBALID-1", says="A global id that no identity can carry ends the connection.")
async def global_id_too_large(peer: Accepting) -> None:
    await peer.to(Step.PROVED)
    await _admitted_wrongly(peer, global_id=1 << 63)


@case("CEPHX-1", says="A challenge of 0 ends the connection.")
async def challenge_0(peer: Accepting) -> None:
    require(peer.has_steps, _NO_STEPS)
    await peer.to(Step.ASKED)
    await peer.send(AuthReplyMore(payload=ServerChallenge(challenge=0).encode()))
    await peer.refuses()


@case("CEPHX-9", says="The proof asks for the ticket of auth, and is of version 3.")
async def proof(peer: Accepting) -> None:
    require(peer.has_steps, _NO_STEPS)
    await peer.to(Step.PROVED)
    more: AuthRequestMore = peer.heard_of[AuthRequestMore]
    found = Authenticate.decode(more.payload)
    peer.check(found.struct_v == 3 and bool(found.other_keys & 32), "version 3, and bit 5 among the tickets", found)


@case("CEPHX-17", says="AUTH_DONE without a challenge ends the connection.")
async def done_without_a_challenge(peer: Accepting) -> None:
    require(peer.has_steps, _NO_STEPS)
    await peer.to(Step.ASKED)
    await peer.send_frame(Frame(Tag.AUTH_DONE, ((4711).to_bytes(8, "little") + b"\1\0\0\0" + bytes(4),)))
    await peer.refuses()


@case("CEPHX-11", says="Another status than 0 in AUTH_DONE ends the connection.", each={"-13": -13, "1": 1})
async def done_with_a_status(peer: Accepting, status: int) -> None:
    require(peer.has_steps, _NO_STEPS)
    await peer.to(Step.PROVED)
    done = peer.done
    payload = done.payload[:2] + status.to_bytes(4, "little", signed=True) + done.payload[6:]
    await _admitted_wrongly(peer, payload=payload)


@case(
    "CEPHX-15", says="An AUTH_DONE that ends before its last field does ends the connection.", each={"6": 6, "40": 40}
)
async def done_cut_short(peer: Accepting, size: int) -> None:
    require(peer.has_steps, _NO_STEPS)
    await peer.to(Step.PROVED)
    await _admitted_wrongly(peer, payload=peer.done.payload[:size])


@case("CEPHX-12", says="A ticket that the client's key does not open ends the connection.")
async def ticket_of_another(peer: Accepting) -> None:
    require(peer.has_steps, _NO_STEPS)
    await peer.to(Step.PROVED)
    payload = bytearray(peer.done.payload)
    for at in range(40, 72):
        payload[at] ^= 0xA5
    await _admitted_wrongly(peer, payload=bytes(payload))


@case("AUTH-6", says="A refusal of the proof is final.")
async def refused_proof(peer: Accepting) -> None:
    require(peer.has_steps, _NO_STEPS)
    await peer.to(Step.PROVED)
    request: AuthRequest = peer.heard_of[AuthRequest]
    await peer.send(_refusal(request, result=-13))
    await peer.refuses()
