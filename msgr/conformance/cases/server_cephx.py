"""Servers: cephx as a monitor speaks it.

A proof of version 1, or one that asks for no tickets, never goes with secure mode (CEPHX-10), and no case sends one:
some deployed daemons do not survive it.
"""

from __future__ import annotations

from typing import Any, Final

from ...auth import CephxClient, CryptoKey, KeyType
from ...auth.cephx.structs import Authenticate, ServerChallenge, TicketBlob
from ...auth.request import MON, Request
from ...frame import Mode
from ...payload import AuthBadMethod, AuthDone, AuthReplyMore, AuthRequestMore
from ...wire import EntityName, EntityType
from ..case import registrar
from ..dialling import Dialling, Stage
from ..peer import Form, require
from ..verdict import Role
from .server_auth import refused

case = registrar(Role.SERVER, "cephx")

_STRANGER: Final = EntityName.parse("client.there-is-no-such-client")


async def challenged(peer: Dialling, *, crc: bool = False) -> ServerChallenge:
    """Ask to be let in by cephx, and take the challenge."""
    require(peer.candidate.key is not None, "no key is given: --name and --keyring")
    hello = peer.candidate.facts.hello
    require(hello is None or hello.entity_type == EntityType.MON, "only a monitor gives tickets")
    if crc:
        require(peer.candidate.allows(Mode.CRC), "the peer does not allow crc mode")
        peer.form = Form(peer.form.revision, Mode.CRC)
    await peer.to(Stage.CHALLENGED)
    return ServerChallenge.decode(peer.heard_of[AuthReplyMore].payload)


def proof_of(peer: Dialling) -> Authenticate:
    """Return the right answer to the challenge."""
    return Authenticate.decode(peer.proof().payload)


async def denied(peer: Dialling, payload: bytes, result: int) -> None:
    """Answer the challenge like this, and see that it is refused with this result."""
    await peer.send(AuthRequestMore(payload=payload))
    found = await peer.expect(AuthBadMethod)
    peer.check(found.result == result, f"result {result}", f"result {found.result}")


def _changed(answer: Authenticate, **changes: Any) -> bytes:
    fields = {name: getattr(answer, name) for name in ("challenge", "proof", "old_ticket", "other_keys")}
    return Authenticate(**fields | changes).encode()


@case("CEPHX-1", says="A challenge is random, and not 0.")
async def challenge(peer: Dialling) -> None:
    first = await challenged(peer)
    second = await challenged(await peer.another())
    found = {first.challenge, second.challenge}
    peer.check(len(found) == 2 and 0 not in found, "two different challenges, neither of them 0", sorted(found))


@case("CEPHX-1", says="Unknown names are challenged like known ones.")
async def challenge_for_strangers(peer: Dialling) -> None:
    require(peer.candidate.key is not None, "no key is given: --name and --keyring")
    await peer.to(Stage.HELLO)
    payload = Request(kind=MON, name=_STRANGER, global_id=0).encode()
    await peer.send(peer.request(payload=payload))
    await peer.expect(AuthReplyMore)


@case(
    "CEPHX-8",
    says="A request that cannot be read, or whose first byte is wrong, is refused with -13.",
    each={"byte-0": b"\0", "byte-20": b"\x14", "cut-short": b"\x0a\x08\0", "empty": b""},
)
async def bad_request(peer: Dialling, payload: bytes) -> None:
    require(peer.candidate.key is not None, "no key is given: --name and --keyring")
    await peer.to(Stage.HELLO)
    if len(payload) == 1:
        payload += Request(kind=MON, name=peer.candidate.name, global_id=0).encode()[1:]
    await refused(peer, peer.request(payload=payload), -13)


@case("CEPHX-11", says="The right proof is answered by AUTH_DONE, with tickets that open with the key.")
async def right_proof(peer: Dialling) -> None:
    await challenged(peer)
    await peer.to(Stage.SIGNED)


@case("CEPHX-18", says="A wrong proof is refused with -13.")
async def wrong_proof(peer: Dialling) -> None:
    await challenged(peer)
    proof = proof_of(peer)
    await denied(peer, _changed(proof, proof=proof.proof ^ 1), -13)


@case("CEPHX-18", says="The proof of another key is refused with -13.")
async def other_key(peer: Dialling) -> None:
    await challenged(peer)
    assert peer.candidate.key is not None
    other = CryptoKey.generate(peer.terms.dice, peer.terms.wall(), KeyType(peer.candidate.key.type))
    conversation = CephxClient(peer.candidate.name, other).converse(peer.terms.dice, now=peer.terms.wall())
    conversation.begin()
    await denied(peer, conversation.more(peer.heard_of[AuthReplyMore].payload), -13)


@case("CEPHX-18", says="An unknown name is refused after the proof, with -13 as a wrong proof is.")
async def unknown_name(peer: Dialling) -> None:
    require(peer.candidate.key is not None, "no key is given: --name and --keyring")
    await peer.to(Stage.HELLO)
    await peer.send(peer.request(payload=Request(kind=MON, name=_STRANGER, global_id=0).encode()))
    peer.heard_of[AuthReplyMore] = await peer.expect(AuthReplyMore)
    await denied(peer, peer.proof().payload, -13)


@case("CEPHX-2", says="A proof that was good on another connection is not on this one.")
async def replayed_proof(peer: Dialling) -> None:
    await challenged(peer)
    recorded = peer.proof()
    await peer.send(recorded)
    await peer.expect(AuthDone)
    second = await peer.another()
    await challenged(second)
    await denied(second, recorded.payload, -13)


@case("AUTH-6", says="After a refused proof the server does not go on with authentication on that connection.")
async def refusal_is_final(peer: Dialling) -> None:
    await challenged(peer)
    proof = proof_of(peer)
    await denied(peer, _changed(proof, proof=proof.proof ^ 1), -13)
    await peer.send(peer.request())
    await peer.refuses()


@case("AUTH-6", says="After a refused proof the right one comes too late.")
async def second_proof(peer: Dialling) -> None:
    await challenged(peer)
    proof = proof_of(peer)
    await denied(peer, _changed(proof, proof=proof.proof ^ 1), -13)
    await peer.send(AuthRequestMore(payload=proof.encode()))
    await peer.refuses()


@case(
    "CEPHX-19",
    says="A proof that cannot be read is refused with -1.",
    each={"half-an-operation": 1, "no-challenge": 3, "no-proof": 11, "no-ticket": 19},
)
async def unreadable_proof(peer: Dialling, size: int) -> None:
    await challenged(peer, crc=True)
    await denied(peer, proof_of(peer).encode()[:size], -1)


@case("CEPHX-19", says="Another operation than 0x0100 is refused with -22.", each={"0x0000": 0, "0x0200": 0x0200})
async def other_operation(peer: Dialling, operation: int) -> None:
    await challenged(peer, crc=True)
    await denied(peer, operation.to_bytes(2, "little") + proof_of(peer).encode()[2:], -22)


@case("CEPHX-19", says="Bytes behind the proof are left unread.")
async def proof_with_more(peer: Dialling) -> None:
    await challenged(peer)
    await peer.send(AuthRequestMore(payload=peer.proof().payload + b"\xa5" * 5))
    await peer.expect(AuthDone)


@case("GLOBALID-1", says="Who claims no global id is given a new one.")
async def new_global_id(peer: Dialling) -> None:
    ids = []
    for each in (peer, await peer.another()):
        await challenged(each)
        await each.to(Stage.SIGNED)
        ids.append(each.heard_of[AuthDone].global_id)
    peer.check(0 not in ids and ids[0] != ids[1], "two ids, neither of them 0", ids)


@case("GLOBALID-3", says="A global id that is claimed without a ticket is refused with -13.")
async def claim_without_a_ticket(peer: Dialling) -> None:
    granted = await _granted(peer)
    second = await peer.another(Stage.HELLO)
    await _claim(second, granted.global_id)
    await denied(second, proof_of(second).encode(), -13)


@case("GLOBALID-3", says="A global id that is claimed with a ticket that is none is refused with -13.")
async def claim_with_a_false_ticket(peer: Dialling) -> None:
    granted = await _granted(peer)
    second = await peer.another(Stage.HELLO)
    await _claim(second, granted.global_id)
    ticket = TicketBlob(secret_id=1, sealed=peer.terms.dice(128))
    await denied(second, _changed(proof_of(second), old_ticket=ticket), -13)


@case("GLOBALID-3", says="A global id that is claimed with its ticket is granted.")
async def claim_with_its_ticket(peer: Dialling) -> None:
    client = await _client(peer)
    second = await peer.another(Stage.HELLO)
    await second.send(second.request(client))
    second.heard_of[AuthReplyMore] = await second.expect(AuthReplyMore)
    await second.send(second.proof())
    done = await second.expect(AuthDone)
    peer.check(done.global_id == client.global_id, f"global id {client.global_id}", done.global_id)


@case("GLOBALID-2", says="Who claims 0 and shows a ticket is refused with -22.")
async def ticket_without_a_claim(peer: Dialling) -> None:
    client = await _client(peer)
    second = await peer.another()
    await challenged(second)
    ticket = client.tickets[EntityType.AUTH].blob
    await denied(second, _changed(proof_of(second), old_ticket=ticket), -22)


async def _granted(peer: Dialling) -> AuthDone:
    await challenged(peer)
    await peer.to(Stage.SIGNED)
    granted: AuthDone = peer.heard_of[AuthDone]
    return granted


async def _claim(peer: Dialling, global_id: int) -> None:
    payload = Request(kind=MON, name=peer.candidate.name, global_id=global_id).encode()
    await peer.send(peer.request(payload=payload))
    peer.heard_of[AuthReplyMore] = await peer.expect(AuthReplyMore)


async def _client(peer: Dialling) -> CephxClient:
    """Authenticate, and return the client with the tickets that it got."""
    require(peer.candidate.key is not None, "no key is given: --name and --keyring")
    assert peer.candidate.key is not None
    client = CephxClient(peer.candidate.name, peer.candidate.key)
    await peer.to(Stage.HELLO)
    await peer.send(peer.request(client))
    peer.heard_of[AuthReplyMore] = await peer.expect(AuthReplyMore)
    peer.stage = Stage.CHALLENGED
    await peer.to(Stage.SIGNED)
    return client
