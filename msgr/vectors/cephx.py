"""Checks of cephx and of signatures: proofs, ciphers, envelopes, layouts, and whole conversations of a client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..auth import CephxClient, CryptoKey, sign, verify
from ..auth.cephx import structs
from ..auth.cephx.crypto import Usage, decrypt, derive, encrypt
from ..auth.cephx.envelope import open_envelope, seal
from ..auth.cephx.proof import prove
from ..auth.request import Request
from ..frame import Mode
from ..wire import EntityName, EntityType, Record, Timestamp, layout
from .files import Vector
from .outcome import LoadedDice, expect, expect_refusal, expect_valid

NOW: Final = 1_700_000_000.25
"""The time of day in conversations whose vectors name none: it is in none of their bytes."""
LAYOUTS: Final[Mapping[str, type[Record]]] = {
    "Request": Request,
    "ServerChallenge": structs.ServerChallenge,
    "Authenticate": structs.Authenticate,
    "TicketInfo": structs.TicketInfo,
}
_LARGE: Final = frozenset({"challenge", "proof", "secret_id", "global_id", "auid"})


def key_in(vector: Vector, field: str = "key") -> CryptoKey:
    """Return a key that a vector writes in hex."""
    return CryptoKey.decode(vector.octets(field))


def plain(value: Any) -> Any:
    """Return a record as vectors write it down."""
    if isinstance(value, Timestamp):
        return [value.seconds, value.nanoseconds]
    if isinstance(value, EntityName):
        return str(value)
    if isinstance(value, Record):
        return {name: _plain_number(value, name) for name, _ in layout(type(value))}
    return value.hex() if isinstance(value, bytes) else value


def _plain_number(record: Record, name: str) -> Any:
    value = getattr(record, name)
    return str(value) if name in _LARGE else plain(value)


def _proof(vector: Vector) -> None:
    expect_valid(vector)
    server, client = int(vector["server_challenge"]), int(vector["client_challenge"])
    proof = prove(key_in(vector), server_challenge=server, client_challenge=client)
    expect("the proof", str(proof), vector["proof"])


def _cipher(vector: Vector) -> None:
    key, usage, ciphertext = key_in(vector), vector["usage"], vector.octets("ciphertext")
    if not vector.is_valid:
        # A key that is not for this usage (CEPHX-7) shows in the checksum alone, and that is CEPHX-6.
        expect_refusal(vector, lambda: decrypt(key, usage, ciphertext), "CEPHX-6")
        return
    dice = LoadedDice(vector.octets("confounder"))
    expect("the ciphertext", encrypt(key, usage, vector.octets("plaintext"), dice), ciphertext)
    expect("the plaintext", decrypt(key, usage, ciphertext), vector.octets("plaintext"))


def _derive(vector: Vector) -> None:
    expect_valid(vector)
    derived = vector.octets("derived")
    found = derive(vector.octets("secret"), vector["usage"], vector["purpose"], len(derived))
    expect("the derived key", found, derived)


def _envelope(vector: Vector) -> None:
    key, usage, ciphertext = key_in(vector), Usage(vector["usage"]), vector.octets("ciphertext")
    if not vector.is_valid:
        expect_refusal(vector, lambda: open_envelope(key, usage, ciphertext), "CEPHX-6", "WIRE-1")
        return
    dice = LoadedDice(vector.octets("confounder"))
    expect("the envelope", seal(key, usage, vector.octets("body"), dice), ciphertext)
    expect("the body", open_envelope(key, usage, ciphertext), vector.octets("body"))


def _layout(vector: Vector) -> None:
    cls = LAYOUTS[vector["layout"]]
    if not vector.is_valid:
        expect_refusal(vector, lambda: cls.decode(vector.wire))
        return
    record = cls.decode(vector.wire)
    expect("the fields", plain(record), vector["fields"])
    expect("what is written", record.encode(), vector.wire)


def _client(vector: Vector) -> None:
    client = CephxClient(EntityName.parse(vector["name"]), CryptoKey.parse(vector["key"]))
    conversation = client.converse(LoadedDice(vector.octets("client_dice")), now=NOW)
    expect("the request", conversation.begin(), vector.octets("request"))
    global_id, mode = vector["global_id"], Mode(vector["mode"])

    def finish() -> Any:
        answer = conversation.more(vector.octets("server_challenge"))
        if vector["authenticate"] is not None:
            expect("the answer", answer, vector.octets("authenticate"))
        return conversation.done(vector.octets("done"), global_id=global_id, mode=mode)

    if not vector.is_valid:
        expect_refusal(vector, finish)
        expect("what the client keeps", (dict(client.tickets), client.global_id), ({}, 0))
        return
    keys = finish()
    expect("the session key", keys.session_key, vector.octets("session_key"))
    expect("the connection secret", keys.connection_secret, vector.octets("connection_secret"))
    ticket = client.tickets[EntityType.AUTH]
    expect("the global id", client.global_id, global_id)
    expect("the ticket's secret", ticket.blob.secret_id, vector["secret_id"])
    validity = vector["validity"]
    expect("the ticket's times", (ticket.expires, ticket.renew_after), (NOW + validity, NOW + validity * 3 / 4))
    if "session_key_created" in vector.fields:
        expect("the session key's time", plain(ticket.session_key.created), vector["session_key_created"])


_KINDS: Final[Mapping[str, Any]] = {
    "proof": _proof,
    "cipher": _cipher,
    "derive": _derive,
    "envelope": _envelope,
    "layout": _layout,
    "client": _client,
}


def check_cephx(vector: Vector) -> None:
    """Check one piece of cephx, by its kind."""
    _KINDS[vector["kind"]](vector)


def check_signature(vector: Vector) -> None:
    """Check one AUTH_SIGNATURE over the bytes of a handshake."""
    key, transcript, signature = vector.octets("session_key"), vector.octets("transcript"), vector.wire
    if not vector.is_valid:
        expect_refusal(vector, lambda: verify(key, transcript, signature))
        return
    expect("the signature", sign(key, transcript), signature)
    verify(key, transcript, signature)


CHECKS: Final[Mapping[str, Any]] = {"cephx": check_cephx, "signature": check_signature}
