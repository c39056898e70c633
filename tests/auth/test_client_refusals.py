"""What a client does not let pass."""

from __future__ import annotations

from dataclasses import replace

import pytest

from msgr.auth import CephxClient, CryptoKey, Done, KeyType, More
from msgr.auth.cephx import structs
from msgr.auth.cephx.crypto import Usage
from msgr.auth.cephx.envelope import seal
from msgr.auth.cephx.structs import (
    Framed,
    ServiceTicket,
    SessionReply,
    TicketBlob,
    TicketGrant,
    TicketReply,
)
from msgr.auth.cephx.tickets import grant
from msgr.errors import AuthError, PeerError
from msgr.frame import Mode
from msgr.wire import EntityType, Timestamp

from .helpers import (
    ADMIN,
    BOTH,
    MODES,
    NOW,
    Office,
    agree,
    dice_of,
    flipped,
    key_of,
    talk,
)


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
