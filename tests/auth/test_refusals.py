"""What a server and the ciphers do not let pass, and how they say so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import pytest

from msgr.auth import CryptoKey, KeyType
from msgr.auth.cephx.crypto import Usage, decrypt, encrypt
from msgr.auth.cephx.envelope import open_envelope, seal
from msgr.auth.cephx.proof import prove
from msgr.auth.cephx.structs import (
    Authenticate,
    BareReply,
    OldAuthenticate,
    TicketBlob,
    whole,
)
from msgr.auth.cephx.tickets import mint, open_ticket
from msgr.auth.request import Request
from msgr.errors import AuthError, ConfigError, ShortRead
from msgr.frame import Mode
from msgr.wire import EntityName, EntityType, Timestamp

from .helpers import (
    ADMIN,
    BOTH,
    NOW,
    OTHER,
    Office,
    Tamper,
    agree,
    dice_of,
    flipped,
    key_of,
    refused,
    talk,
)

Change: TypeAlias = Callable[[Authenticate], OldAuthenticate]


def altered(change: Change) -> Tamper:
    return lambda payload: change(Authenticate.decode(payload)).encode()


def cut(size: int) -> Tamper:
    return lambda data: data[:size]


def with_head(head: bytes) -> Tamper:
    return lambda data: head + data[len(head) :]


def with_proof_bit(bit: int) -> Tamper:
    return altered(lambda asked: replace(asked, proof=asked.proof ^ 1 << bit))


def as_version_1(asked: Authenticate) -> OldAuthenticate:
    return OldAuthenticate(challenge=asked.challenge, proof=asked.proof, old_ticket=asked.old_ticket)


@pytest.mark.parametrize("kind", range(256))
def test_first_byte(kind: int) -> None:
    office = Office()
    outcome = talk(office, office.client(), request=lambda data: bytes([kind]) + data[1:])
    if 10 <= kind <= 19:
        agree(outcome)
    else:
        assert refused(outcome) == (-13, "CEPHX-8")


def test_requests_that_cannot_be_read() -> None:
    office = Office()
    whole_request = Request(kind=10, name=ADMIN, global_id=0).encode()
    for size in range(len(whole_request)):
        assert refused(talk(office, office.client(), request=cut(size)))[0] == -13
    agree(talk(office, office.client(), request=lambda data: data + b"more"))


def test_unknown_names_are_challenged_too() -> None:
    office = Office()
    stranger = Request(kind=10, name=EntityName.parse("client.nobody"), global_id=77).encode()
    assert refused(talk(office, office.client(), request=lambda _: stranger)) == (-13, "CEPHX-18")


@pytest.mark.parametrize("kind", BOTH)
def test_a_wrong_proof(kind: KeyType) -> None:
    office = Office(kind)
    for bit in range(64):
        assert refused(talk(office, office.client(), proof=with_proof_bit(bit))) == (-13, "CEPHX-18")


@pytest.mark.parametrize("allowed", BOTH)
def test_key_types_that_are_not_allowed(allowed: KeyType) -> None:
    for kind in BOTH:
        office = Office(kind, allowed_key_types={allowed})
        outcome = talk(office, office.client())
        if kind is allowed:
            agree(outcome)
        else:
            assert refused(outcome) == (-13, "CEPHX-18")


def test_a_server_allows_some_key_type() -> None:
    for allowed in (set(), {KeyType.NONE}):
        with pytest.raises(ConfigError):
            Office(allowed_key_types=allowed)


def test_an_empty_key_opens_nothing() -> None:
    office = Office()
    client = office.client()
    office.keyring.add(ADMIN, CryptoKey.none(), {"mon": "allow *"})
    assert refused(talk(office, client)) == (-13, "CEPHX-18")


def test_required_caps() -> None:
    office = Office(required_caps={"osd"})
    agree(talk(office, office.client()))
    assert refused(talk(office, office.client(name=OTHER))) == (-13, "CEPHX-18")


def test_operations() -> None:
    office = Office()
    for operation in (0, 0x0200, 0x0400, 0xFFFF):
        head = operation.to_bytes(2, "little")
        assert refused(talk(office, office.client(), proof=with_head(head))) == (-22, "CEPHX-19")


def test_proofs_that_cannot_be_read() -> None:
    office = Office()
    for size in range(35):
        assert refused(talk(office, office.client(), proof=cut(size)))[0] == -1
    agree(talk(office, office.client(), proof=lambda data: data + b"of a newer version"))


@pytest.mark.parametrize("version", [2, 3, 4, 255])
def test_versions(version: int) -> None:
    office = Office()
    agree(talk(office, office.client(), proof=altered(lambda asked: replace(asked, struct_v=version))))


@pytest.mark.parametrize("change", [lambda asked: replace(asked, other_keys=0), as_version_1])
def test_no_other_keys(change: Change) -> None:
    office = Office()
    assert refused(talk(office, office.client(), Mode.SECURE, proof=altered(change))) == (-22, "CEPHX-10")
    found: list[bytes] = []

    def watch(payload: bytes) -> bytes:
        found.append(payload)
        return payload

    # In crc mode an older client finds its ticket, and nothing after it; ours never asks so, and misses the rest.
    with pytest.raises(ShortRead):
        talk(office, office.client(), Mode.CRC, proof=altered(change), done=watch)
    assert [ticket.service for ticket in whole(BareReply, found[0]).auth.grants] == [EntityType.AUTH]


def test_bits_of_nobody_are_skipped() -> None:
    office = Office()
    agree(talk(office, office.client(), proof=altered(lambda asked: replace(asked, other_keys=0xFFFFFFE8))))


# Global ids


def test_a_superfluous_ticket() -> None:
    office = Office()
    client = office.client()
    agree(talk(office, client))
    ticket = client.tickets[EntityType.AUTH].blob
    newcomer = office.client()
    change = altered(lambda asked: replace(asked, old_ticket=ticket))
    assert refused(talk(office, newcomer, proof=change)) == (-22, "GLOBALID-2")


def claiming(office: Office, global_id: int, ticket: TicketBlob, *, now: float = NOW) -> tuple[int, str]:
    """Return how the claim to an id with a ticket is refused."""
    request = Request(kind=10, name=ADMIN, global_id=global_id).encode()
    change = altered(lambda asked: replace(asked, old_ticket=ticket))
    return refused(talk(office, office.client(), request=lambda _: request, proof=change, now=now))


@pytest.mark.parametrize("sealing", BOTH)
def test_claims_without_right(sealing: KeyType) -> None:
    office = Office(sealing=sealing)
    client, other = office.client(0x35), office.client(name=OTHER)
    agree(talk(office, client))
    agree(talk(office, other))
    mine = client.tickets[EntityType.AUTH].blob
    theirs = other.tickets[EntityType.AUTH].blob
    denied = (-13, "GLOBALID-3")
    assert claiming(office, 4096, TicketBlob()) == denied
    assert claiming(office, 4096, replace(mine, secret_id=99)) == denied
    assert claiming(office, 4096, replace(mine, secret_id=3)) == denied
    assert claiming(office, 4096, replace(mine, sealed=b"")) == denied
    assert claiming(office, 4096, replace(mine, sealed=mine.sealed[:-1])) == denied
    assert claiming(office, 4097, mine) == denied
    assert claiming(office, 4097, theirs) == denied
    assert claiming(office, 4096, theirs) == denied
    assert claiming(office, 4096, client.tickets[EntityType.OSD].blob) == denied
    assert claiming(office, 4096, mine, now=NOW + 3 * 86400 + 1) == denied


def test_every_bit_of_a_claimed_ticket() -> None:
    office = Office()
    client = office.client()
    agree(talk(office, client))
    mine = client.tickets[EntityType.AUTH].blob
    for bit in range(8 * len(mine.sealed)):
        assert claiming(office, 4096, replace(mine, sealed=flipped(mine.sealed, bit))) == (-13, "GLOBALID-3")


def test_tickets_that_no_server_mints() -> None:
    office = Office()
    agree(talk(office, client := office.client()))
    secret = office.secrets.current(EntityType.AUTH, NOW)
    info = open_ticket(secret, client.tickets[EntityType.AUTH].blob, NOW)
    good = info.ticket
    long_ago = Timestamp(seconds=1)
    strange = [
        replace(good, auid=0),
        replace(good, flags=1),
        replace(good, struct_v=1),
        replace(good, caps=replace(good.caps, allow_all=1)),
        replace(good, expires=long_ago),
        replace(good, created=long_ago, expires=long_ago),
        replace(good, expires=replace(good.expires, nanoseconds=10**9)),
    ]
    for ticket in strange:
        blob = mint(secret, replace(info, ticket=ticket), office.dice)
        assert claiming(office, 4096, blob) == (-13, "GLOBALID-3")
    blob = mint(secret, replace(info, session_key=CryptoKey.none()), office.dice)
    assert claiming(office, 4096, blob) == (-13, "GLOBALID-3")


# Ciphers


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 32, 40])
def test_every_bit_of_a_sealed_blob(size: int) -> None:
    key, dice = key_of(), dice_of("seal")
    sealed = encrypt(key, Usage.TICKET_INFO, bytes(size), dice)
    assert decrypt(key, Usage.TICKET_INFO, sealed) == bytes(size)
    for bit in range(8 * len(sealed)):
        with pytest.raises(AuthError, match="CEPHX-6"):
            decrypt(key, Usage.TICKET_INFO, flipped(sealed, bit))


@pytest.mark.parametrize("usage", Usage)
@pytest.mark.parametrize("other", Usage)
def test_usages_are_not_mixed_up(usage: Usage, other: Usage) -> None:
    key, dice = key_of(), dice_of("usage")
    sealed = seal(key, usage, b"body", dice)
    if usage is other:
        assert open_envelope(key, other, sealed) == b"body"
    else:
        with pytest.raises(AuthError):
            open_envelope(key, other, sealed)


def test_the_empty_key_does_nothing() -> None:
    none = CryptoKey.none()
    with pytest.raises(ConfigError, match="KEY-2"):
        encrypt(none, 4, b"", dice_of("x"))
    with pytest.raises(ConfigError, match="KEY-2"):
        decrypt(none, 4, b"")
    with pytest.raises(ConfigError, match="KEY-2"):
        prove(none, server_challenge=1, client_challenge=2)
