"""Client and server against each other."""

from __future__ import annotations

from itertools import pairwise

import pytest

from msgr.auth import (
    AuthMethod,
    CephxClient,
    ClientMethod,
    CryptoKey,
    Denied,
    GlobalIds,
    KeyType,
    RotatingSecrets,
    ServerMethod,
    Ticket,
)
from msgr.auth.cephx.structs import AuthTicket, TicketInfo
from msgr.auth.cephx.tickets import open_ticket
from msgr.errors import AuthError, ConfigError, StateError
from msgr.frame import Mode
from msgr.wire import EntityType

from .helpers import ADMIN, BOTH, MODES, NOW, Office, agree, dice_of, refused, talk

ALL = 0x37
DAY = 86400.0


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("sealing", BOTH)
@pytest.mark.parametrize("mode", MODES)
def test_both_ends_agree(kind: KeyType, sealing: KeyType, mode: Mode) -> None:
    office = Office(kind, sealing)
    client = office.client(ALL)
    done = agree(talk(office, client, mode))
    assert done.identity.name == ADMIN
    assert done.identity.global_id == client.global_id == 4096
    assert done.identity.caps == {"mon": "allow *", "osd": "allow rwx"}
    assert len(done.keys.connection_secret) == (64 if mode is Mode.SECURE else 0)
    assert set(client.tickets) == {1, 2, 4, 16, 32}
    assert client.tickets[EntityType.AUTH].session_key.type == kind
    assert {ticket.session_key.type for service, ticket in client.tickets.items() if service != 32} == {
        min(kind, sealing)
    }


def inside(office: Office, ticket: Ticket, service: EntityType) -> TicketInfo:
    secret = office.secrets.find(service, ticket.blob.secret_id, NOW)
    assert secret is not None
    return open_ticket(secret, ticket.blob, NOW)


def test_what_is_in_the_tickets() -> None:
    office = Office()
    client = office.client(ALL)
    agree(talk(office, client))
    for service in (EntityType.MON, EntityType.MDS, EntityType.OSD, EntityType.MGR, EntityType.AUTH):
        held = client.tickets[service]
        info = inside(office, held, service)
        assert info.session_key == held.session_key
        assert (info.ticket.name, info.ticket.global_id) == (ADMIN, 4096)
        assert held.blob.secret_id == 2
        assert info.session_key.created == info.ticket.created
        lifetime = float(info.ticket.expires) - float(info.ticket.created)
        assert lifetime == (3 * DAY if service == EntityType.AUTH else 3600)
        assert held.is_good(NOW + lifetime - 1)
        assert not held.is_good(NOW + lifetime)
        assert not held.is_due(NOW + lifetime * 0.7)
        assert held.is_due(NOW + lifetime * 0.76)
    assert caps_of(inside(office, client.tickets[4], EntityType.OSD).ticket) == b"\x09\0\0\0allow rwx"
    assert caps_of(inside(office, client.tickets[16], EntityType.MGR).ticket) == b""
    assert caps_of(inside(office, client.tickets[32], EntityType.AUTH).ticket) == b""


def caps_of(ticket: AuthTicket) -> bytes:
    return ticket.caps.caps


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("mode", MODES)
def test_the_global_id_is_claimed_again(kind: KeyType, mode: Mode) -> None:
    office = Office(kind)
    client = office.client(0x35)
    first = agree(talk(office, client, mode))
    before = dict(client.tickets)
    second = agree(talk(office, client, mode, now=NOW + 60, seed="again"))
    assert second.identity.global_id == first.identity.global_id == client.global_id
    assert second.keys.session_key != first.keys.session_key
    # Only the AUTH ticket was asked for: the others were still fresh, and stay.
    assert client.tickets[32] != before[32]
    assert {service: ticket for service, ticket in client.tickets.items() if service != 32} == {
        service: ticket for service, ticket in before.items() if service != 32
    }
    third = agree(talk(office, client, mode, now=NOW + 3000, seed="later"))
    assert third.identity.global_id == first.identity.global_id
    assert client.tickets[4] != before[4]


def test_an_expired_ticket_is_not_shown() -> None:
    office = Office()
    client = office.client()
    agree(talk(office, client))
    later = agree(talk(office, client, now=NOW + 4 * DAY, seed="later"))
    assert later.identity.global_id == 4097 == client.global_id


def test_forgetting_begins_anew() -> None:
    office = Office()
    client = office.client()
    agree(talk(office, client))
    renewed = Office(sealing_seed="other secrets")
    assert refused(talk(renewed, client)) == (-13, "GLOBALID-3")
    client.forget()
    assert agree(talk(renewed, client)).identity.global_id == 4096


def test_two_conversations_of_one_client_at_once() -> None:
    office = Office()
    client = office.client()
    agree(talk(office, client))
    agree(talk(office, client, seed="a"))
    assert client.global_id == 4096


def test_methods_are_what_the_core_expects() -> None:
    office = Office()
    ours: ClientMethod = office.client()
    theirs: ServerMethod = office.server
    for method in (ours, theirs):
        assert method.number == AuthMethod.CEPHX
        assert method.modes == {Mode.CRC, Mode.SECURE}


def test_secrets_stay_out_of_reprs() -> None:
    office = Office()
    client = office.client(ALL)
    done = agree(talk(office, client))
    shown = "".join(map(repr, (client, client.tickets, done, office.keyring, office.keyring.get(ADMIN), office.server)))
    hidden = [done.keys.session_key, done.keys.connection_secret, office.key.secret]
    hidden += [ticket.session_key.secret for ticket in client.tickets.values()]
    for secret in hidden:
        assert repr(secret)[2:-1] not in shown
        assert secret.hex() not in shown
    assert office.key.to_text() not in shown


@pytest.mark.parametrize("needed", [8, 0x3F, 0x40, 1 << 31])
def test_a_client_asks_only_for_tickets_that_there_are(needed: int) -> None:
    with pytest.raises(ConfigError, match="CEPHX-9"):
        CephxClient(ADMIN, Office().key, needed)


def test_a_client_has_a_key() -> None:
    with pytest.raises(ConfigError, match="KEY-2"):
        CephxClient(ADMIN, CryptoKey.none())


def test_a_conversation_has_an_order() -> None:
    office = Office()
    begun = office.client().converse(dice_of("x"), now=NOW)
    begun.begin()
    with pytest.raises(StateError):
        begun.begin()
    fresh = office.client().converse(dice_of("x"), now=NOW)
    with pytest.raises(AuthError, match="CEPHX-17"):
        fresh.more(b"")
    early = office.client().converse(dice_of("x"), now=NOW)
    early.begin()
    with pytest.raises(AuthError, match="CEPHX-17"):
        early.done(b"", global_id=1, mode=Mode.CRC)
    twice = office.client().converse(dice_of("x"), now=NOW)
    twice.begin()
    twice.more(b"\x01" + bytes(7) + b"\x01")
    with pytest.raises(AuthError, match="CEPHX-17"):
        twice.more(b"\x01" + bytes(7) + b"\x01")
    with pytest.raises(AuthError, match="CEPHX-17"):
        twice.done(b"", global_id=1, mode=Mode.CRC)


def test_a_server_conversation_has_an_order() -> None:
    office = Office()
    theirs = office.server.converse(office.dice, now=NOW)
    ours = office.client().converse(dice_of("x"), now=NOW)
    request = ours.begin()
    assert isinstance(theirs.begin(b"\x09", mode=Mode.CRC), Denied)
    theirs.begin(request, mode=Mode.CRC)
    second = theirs.begin(request, mode=Mode.CRC)
    assert isinstance(second, Denied)
    assert second.result == -13
    for result in (-1, -13):  # what cannot be read, and then what comes out of turn
        verdict = theirs.more(b"")
        assert isinstance(verdict, Denied)
        assert verdict.result == result
    early = office.server.converse(office.dice, now=NOW).more(b"")
    assert isinstance(early, Denied)
    assert early.result == -13


def test_rotation() -> None:
    secrets = RotatingSecrets(dice_of("rotation"))
    born = secrets.held(EntityType.OSD, NOW)
    assert [secret.id for secret in born] == [1, 2, 3]
    assert [secret.expires - NOW for secret in born] == [3600, 7200, 10800]
    assert secrets.current(EntityType.OSD, NOW).id == 2
    assert secrets.held(EntityType.OSD, NOW + 7199) == born
    assert [secret.id for secret in secrets.held(EntityType.OSD, NOW + 7200)] == [2, 3, 4]
    assert secrets.find(EntityType.OSD, 1, NOW + 7200) is None
    assert secrets.find(EntityType.OSD, 4, NOW + 7200) == secrets.held(EntityType.OSD, NOW)[2]
    # Long asleep: the current one is good again, and ids still rise.
    awake = secrets.held(EntityType.OSD, NOW + 40 * DAY)
    assert awake[1].expires > NOW + 40 * DAY
    assert all(after.id == before.id + 1 for before, after in pairwise(awake))
    assert secrets.lifetime(EntityType.OSD, NOW) == 3600
    assert secrets.lifetime(EntityType.AUTH, NOW) == 3 * DAY
    assert "secret" not in repr(born[0].key)


def test_rotating_secrets_must_make_sense() -> None:
    with pytest.raises(ConfigError):
        RotatingSecrets(dice_of("x"), auth_ttl=0)
    with pytest.raises(ConfigError):
        RotatingSecrets(dice_of("x"), service_ttl=-1)
    with pytest.raises(ConfigError, match="KEY-2"):
        RotatingSecrets(dice_of("x"), key_type=KeyType.NONE)


def test_global_ids_are_handed_out_once() -> None:
    ids = GlobalIds(7)
    assert [ids.allocate(), ids.allocate(), ids.following] == [7, 8, 9]
    with pytest.raises(ConfigError, match="GLOBALID-1"):
        GlobalIds(0)
    with pytest.raises(ConfigError, match="GLOBALID-1"):
        GlobalIds(1 << 63)
