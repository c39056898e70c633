"""Servers: frames in secure mode."""

from __future__ import annotations

from typing import Final

from ...frame import Frame, Mode, Revision, Tag
from ...payload import AuthSignature, Keepalive
from ...session import Message
from ..case import registrar
from ..damage import LATE, flip, put
from ..dialling import Dialling, Stage
from ..peer import Form, require
from ..servers import PING
from ..verdict import Role
from .server_frames import STAMP

case = registrar(Role.SERVER, "secure")

FORMS: Final = {"2.1": Form(Revision.REV1, Mode.SECURE), "2.0": Form(Revision.REV0, Mode.SECURE)}
_KEEPALIVE: Final = Frame(Tag.KEEPALIVE2, (Keepalive(stamp=STAMP).encode(),))
_BLOCK: Final = 16


def _message(front: bytes = b"front") -> Frame:
    return Message(type=PING, front=front).to_frame(seq=1, ack_seq=0)


async def encrypted(peer: Dialling, form: Form, stage: Stage = Stage.READY) -> None:
    """Go to a stage in secure mode."""
    require(peer.candidate.key is not None, "secure mode needs a key: give --name and --keyring")
    require(peer.candidate.allows(Mode.SECURE), "the peer does not allow secure mode")
    peer.form = form
    await peer.to(stage)


@case(
    "FRAME-13", says="A secure session can be had: key and nonces are cut from the secret as they must be.", each=FORMS
)
async def works(peer: Dialling, form: Form) -> None:
    await encrypted(peer, form)
    await peer.lives()


@case("FRAME-10", says="Messages of all sizes around the blocks of the cipher are read.", each=FORMS)
async def sizes(peer: Dialling, form: Form) -> None:
    await encrypted(peer, form)
    for seq, size in enumerate((0, 1, 15, 16, 17, 48, 4096), 1):
        await peer.send_frame(Message(type=PING, front=bytes(size)).to_frame(seq=seq, ack_seq=0))
    await peer.lives()


@case(
    "FRAME-10",
    says="A frame whose tag does not verify ends the connection.",
    each={
        f"{name}-{place}": (form, at) for name, form in FORMS.items() for place, at in {"tag": -1, "head": 40}.items()
    },
)
async def tag_flipped(peer: Dialling, how: tuple[Form, int]) -> None:
    await encrypted(peer, how[0])
    await peer.write(flip(peer.seal(_KEEPALIVE), how[1]), "KEEPALIVE2 with one bit turned")
    await peer.refuses()


@case("FRAME-10", says="A message one of whose later blocks does not verify ends the connection.", each=FORMS)
async def body_flipped(peer: Dialling, form: Form) -> None:
    await encrypted(peer, form)
    await peer.write(flip(peer.seal(_message()), -_BLOCK - 3), "MESSAGE with one bit turned")
    await peer.refuses()


@case("FRAME-10", says="A first segment of more than 48 bytes does not verify with one bit turned.")
async def second_block_flipped(peer: Dialling) -> None:
    await encrypted(peer, FORMS["2.1"], Stage.AGREED)
    frame = Frame(Tag.CLIENT_IDENT, (peer.ident().encode(),))
    await peer.write(flip(peer.seal(frame), 100), "CLIENT_IDENT with one bit turned")
    await peer.refuses()


@case("FRAME-10", says="Padding that is not zero is ignored.", each=FORMS)
async def padding(peer: Dialling, form: Form) -> None:
    await encrypted(peer, form)

    def fill(_: int, plain: bytes) -> bytes:
        end = 32 + len(_KEEPALIVE.segments[0])
        return plain[:end] + b"\xa5" * (_BLOCK - len(_KEEPALIVE.segments[0])) + plain[end + 8 :]

    await peer.write(peer.damage(_KEEPALIVE, fill), "KEEPALIVE2 with other padding")
    found = await peer.expect_frame(Tag.KEEPALIVE2_ACK)
    peer.check(bytes(found.segments[0]) == _KEEPALIVE.segments[0], "the stamp that was sent", found.segments[0].hex())


@case("FRAME-3", says="A preamble whose checksum does not match is refused under a right tag too.", each=FORMS)
async def encrypted_preamble_checksum(peer: Dialling, form: Form) -> None:
    await encrypted(peer, form)
    await peer.write(peer.damage(_KEEPALIVE, lambda _, plain: flip(plain, 28)), "KEEPALIVE2 with a damaged preamble")
    await peer.refuses()


@case("FRAME-6", says="A late status that is none is refused in secure mode too.", each={"0x00": 0, "0x33": 0x33})
async def encrypted_late_status(peer: Dialling, status: int) -> None:
    await encrypted(peer, FORMS["2.1"])
    wire = peer.damage(_message(), lambda number, plain: put(plain, LATE, status) if number else plain)
    await peer.write(wire, f"MESSAGE with late status {status:#04x}")
    await peer.refuses()


@case("FRAME-7", says="An aborted message is dropped in secure mode too.", each=FORMS)
async def encrypted_aborted(peer: Dialling, form: Form) -> None:
    await encrypted(peer, form)
    frame = _message()
    await peer.send_frame(Frame(frame.tag, frame.segments, aborted=True))
    await peer.lives()


@case("FRAME-11", says="A frame that is played back ends the connection.", each=FORMS)
async def replayed(peer: Dialling, form: Form) -> None:
    await encrypted(peer, form)
    wire = peer.seal(_KEEPALIVE)
    await peer.write(wire, "KEEPALIVE2")
    await peer.expect_frame(Tag.KEEPALIVE2_ACK)
    await peer.write(wire, "KEEPALIVE2, the same bytes again")
    await peer.refuses()


@case("FRAME-11", says="A nonce that is left out ends the connection.", each=FORMS)
async def nonce_left_out(peer: Dialling, form: Form) -> None:
    await encrypted(peer, form)
    peer.skip_nonce()
    await peer.send_frame(_KEEPALIVE)
    await peer.refuses()


@case("FRAME-11", says="Frames that change places end the connection.", each=FORMS)
async def reordered(peer: Dialling, form: Form) -> None:
    await encrypted(peer, form)
    first, second = peer.seal(_KEEPALIVE), peer.seal(_KEEPALIVE)
    await peer.write(second + first, "two KEEPALIVE2, the second one first")
    await peer.refuses()


@case("AUTH-8", says="In secure mode the signature comes encrypted, and in no other way.", each=FORMS)
async def signature_in_the_open(peer: Dialling, form: Form) -> None:
    await encrypted(peer, form, Stage.DONE)
    secure = peer.mode
    signature = Frame(Tag.AUTH_SIGNATURE, (peer.heard_of[AuthSignature].signature,))
    peer.frame_in(form.revision)
    wire = peer.seal(signature)
    peer.go_on_in(secure)
    await peer.write(wire.ljust(160, b"\0"), "AUTH_SIGNATURE in the open")
    await peer.refuses()


@case(
    "FRAME-10",
    says="Nothing of a frame that is cut short is acted on.",
    each={name: (form, cut) for name, form, cut in (("2.1", FORMS["2.1"], 95), ("2.0", FORMS["2.0"], 79))},
)
async def cut_short(peer: Dialling, how: tuple[Form, int]) -> None:
    await encrypted(peer, how[0])
    wire = peer.seal(_KEEPALIVE)
    await peer.write(wire[: how[1]], "KEEPALIVE2 without its last byte")
    await peer.stays_silent(0.2, why="nothing, as the tag is not complete")
    await peer.write(wire[how[1] :], "the last byte")
    await peer.expect_frame(Tag.KEEPALIVE2_ACK)
