"""What a server and a client do not let pass, and how they say so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import pytest

from msgr.auth import CephxClient, CryptoKey, Done, KeyType, More
from msgr.auth.cephx import structs
from msgr.auth.cephx.crypto import Usage, decrypt, encrypt
from msgr.auth.cephx.envelope import open_envelope, seal
from msgr.auth.cephx.proof import prove
from msgr.auth.cephx.structs import (
    Authenticate,
    BareReply,
    Framed,
    OldAuthenticate,
    ServiceTicket,
    SessionReply,
    TicketBlob,
    TicketGrant,
    TicketReply,
    whole,
)
from msgr.auth.cephx.tickets import grant, mint, open_ticket
from msgr.auth.request import Request
from msgr.errors import AuthError, ConfigError, PeerError, ShortRead
from msgr.frame import Mode
from msgr.wire import EntityName, EntityType, Timestamp

from .helpers import ADMIN, BOTH, MODES, NOW, OTHER, Office, Tamper, agree, dice_of, key_of, refused, talk


def flipped(data: bytes, bit: int) -> bytes:
    spoilt = bytearray(data)
    spoilt[bit // 8] ^= 1 << bit % 8
    return bytes(spoilt)


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


# What a client refuses


@pytest.mark.parametrize("mode", MODES)
def test_every_bit_of_done(mode: Mode) -> None:
    """A changed bit is found out, or is one of those that change neither keys nor session keys."""
    office = Office()
    found: list[bytes] = []

    def overhear(payload: bytes) -> bytes:
        found.append(payload)
        return payload

    client = office.client(0x24)
    done = agree(talk(office, client, mode, proof=overhear, request=overhear))
    challenge = found_challenge(found[0])
    passed = 0
    for bit in range(8 * len(done.payload)):
        again = office.client(0x24)
        conversation = again.converse(dice_of("client"), now=NOW)
        assert conversation.begin() == found[0]
        assert conversation.more(challenge) == found[1]
        try:
            keys = conversation.done(flipped(done.payload, bit), global_id=4096, mode=mode)
        except PeerError:
            assert not again.tickets
            continue
        assert keys == done.keys
        assert {k: t.session_key for k, t in again.tickets.items()} == {
            k: t.session_key for k, t in client.tickets.items()
        }
        passed += 1
    versions = 3  # of the two replies and of the grants, which nobody reads
    sealed = sum(len(ticket.blob.encode()) for ticket in client.tickets.values())
    assert passed <= 8 * (sealed + versions + 4)


def found_challenge(request: bytes) -> bytes:
    """Return the challenge that a fresh office gives to this request."""
    verdict = Office().server.converse(dice_of("server"), now=NOW).begin(request, mode=Mode.CRC)
    assert isinstance(verdict, More)
    return verdict.payload


class Liar:
    """Answers a client that it knows the key of, in ways that no server should."""

    def __init__(self, kind: KeyType = KeyType.AES256K) -> None:
        self.key = key_of(kind)
        self.dice = dice_of("liar")
        self.session_key = key_of(kind, "session")
        self.secret = bytes(64)
        self.blob = TicketBlob(secret_id=2, sealed=b"opaque")
        self.grants: tuple[TicketGrant, ...] = (self.ticket(EntityType.AUTH, self.key),)
        self.extra = b""

    def ticket(
        self, service: int, key: CryptoKey, session_key: CryptoKey | None = None, validity: int = 60
    ) -> TicketGrant:
        told = ServiceTicket(session_key=session_key or self.session_key, validity=Timestamp(seconds=validity))
        return grant(service, self.blob, told, key=key, old=None, dice=self.dice)

    def extras(self, *grants: TicketGrant) -> bytes:
        return TicketReply(grants=grants).encode()

    def answer(self, needed: int = 0x20, mode: Mode = Mode.SECURE) -> CephxClient:
        """Return a client that was satisfied with the answer."""
        client = CephxClient(ADMIN, self.key, needed)
        conversation = client.converse(dice_of("client"), now=NOW)
        conversation.begin()
        conversation.more(structs.ServerChallenge(challenge=1).encode())
        framed = Framed(content=self.secret).encode()
        sealed = seal(self.session_key, Usage.CONNECTION_SECRET, framed, self.dice)
        reply = SessionReply(
            auth=TicketReply(grants=self.grants), connection_secret=Framed(content=sealed).encode(), extra=self.extra
        )
        conversation.done(reply.encode(), global_id=5, mode=mode)
        return client

    def caught(self, needed: int = 0x20, mode: Mode = Mode.SECURE) -> str:
        """Return the rule that the client named."""
        with pytest.raises(PeerError) as caught:
            self.answer(needed, mode)
        return caught.value.rule


@pytest.mark.parametrize("kind", BOTH)
def test_a_liar_that_tells_the_truth(kind: KeyType) -> None:
    liar = Liar(kind)
    liar.extra = liar.extras(liar.ticket(EntityType.OSD, liar.session_key, validity=0))
    client = liar.answer(0x24)
    assert client.tickets[4].is_good(NOW + 1e12)  # a validity of 0 is for ever
    assert not client.tickets[4].is_due(NOW + 1e12)
    assert client.global_id == 5


def test_session_keys() -> None:
    liar = Liar()
    liar.grants = (liar.ticket(EntityType.AUTH, liar.key, CryptoKey.none()),)
    assert liar.caught() == "CEPHX-16"
    liar.grants = (liar.ticket(EntityType.AUTH, liar.key, key_of(KeyType.AES)),)
    assert liar.caught() == "CEPHX-16"


def test_auth_tickets() -> None:
    liar = Liar()
    (auth,) = liar.grants
    for grants in ((), (auth, auth), (liar.ticket(EntityType.MON, liar.key),), (liar.ticket(0xFF, liar.key),)):
        liar.grants = grants
        assert liar.caught() == "CEPHX-12"
    liar.grants = (replace(auth, encrypted=1),)
    assert liar.caught() == "CEPHX-23"
    liar.grants = (replace(auth, ticket=auth.ticket + b"!"),)
    assert liar.caught() == "CEPHX-15"
    liar.grants = (liar.ticket(EntityType.AUTH, key_of(seed="another")),)
    assert liar.caught() == "CEPHX-6"


def test_connection_secrets() -> None:
    for size in (0, 1, 39):
        liar = Liar()
        liar.secret = bytes(size)
        assert liar.caught() == "CEPHX-13"
    liar = Liar()
    liar.secret = bytes(40)
    liar.answer()
    assert liar.caught(mode=Mode.CRC) == "CEPHX-13"
    liar.secret = b""
    liar.answer(mode=Mode.CRC)


def test_extra_tickets() -> None:
    liar = Liar()
    osd = liar.ticket(EntityType.OSD, liar.session_key)
    for extra in ((osd, osd), (liar.ticket(EntityType.MGR, liar.session_key),), (liar.ticket(0x20, liar.session_key),)):
        liar.extra = liar.extras(*extra)
        assert liar.caught(0x24) == "CEPHX-14"
    liar.extra = liar.extras(liar.ticket(0x24, liar.session_key))
    assert liar.caught(0x24) == "CEPHX-14"
    liar.extra = liar.extras(liar.ticket(EntityType.OSD, liar.key))
    assert liar.caught(0x24) == "CEPHX-6"
    liar.extra = liar.extras(osd) + b"!"
    assert liar.caught(0x24) == "CEPHX-15"
    liar.extra = liar.extras(osd)[:-1]
    assert liar.caught(0x24) == "WIRE-1"
    liar.extra = liar.extras(replace(osd, encrypted=1))
    assert liar.caught(0x24) == "CEPHX-23"


def test_another_global_id_than_the_one_claimed() -> None:
    office = Office()
    client = office.client()
    agree(talk(office, client))
    ours, theirs = client.converse(dice_of("x"), now=NOW), office.server.converse(office.dice, now=NOW)
    challenge = theirs.begin(ours.begin(), mode=Mode.CRC)
    assert isinstance(challenge, More)
    done = theirs.more(ours.more(challenge.payload))
    assert isinstance(done, Done)
    with pytest.raises(AuthError, match="GLOBALID-5"):
        ours.done(done.payload, global_id=4097, mode=Mode.CRC)


def test_a_claim_is_answered_with_a_sealed_ticket() -> None:
    office = Office()
    client = office.client()
    agree(talk(office, client))
    newcomer = office.client()
    unclaimed = agree(talk(office, newcomer)).payload
    with pytest.raises(PeerError):
        talk(office, client, seed="again", done=lambda _: unclaimed)


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
