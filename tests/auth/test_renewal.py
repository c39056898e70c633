"""Tickets renewed in an open session: a client and the desk of a monitor, against each other."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msgr.auth import (
    CephxClient,
    CephxServiceServer,
    CryptoKey,
    Dice,
    KeyType,
    Renewal,
    RotatingRequest,
    ServiceSecrets,
    Ticket,
    TicketDesk,
)
from msgr.auth.cephx.desk import CephxDesk
from msgr.auth.cephx.structs import TicketBlob
from msgr.errors import AuthRefused, ConfigError, PeerError, StateError
from msgr.wire import EntityName, EntityType

from .helpers import ADMIN, BOTH, NOW, OTHER, Office, agree, dice_of, flipped, key_of, refused, talk, visit

ALL = 0x37
HOUR = 3600.0
AUTH = EntityType.AUTH
OSD = EntityType.OSD
OSD_0 = EntityName.parse("osd.0")


def log_in(office: Office, client: CephxClient, now: float = NOW) -> CephxDesk:
    """Open a session, and return the desk that comes with it."""
    desk: TicketDesk | None = agree(talk(office, client, now=now)).identity.desk
    assert isinstance(desk, CephxDesk)
    return desk


def due(client: CephxClient, now: float, dice: Dice | None = None) -> Renewal:
    renewal = client.renewal(dice or dice_of("renewal"), now)
    assert renewal is not None
    return renewal


def renew(client: CephxClient, desk: CephxDesk, now: float) -> Renewal:
    renewal = due(client, now)
    result, reply = desk.answer(renewal.payload, now=now)
    renewal.accept(reply, result=result)
    return renewal


def denied(desk: CephxDesk, payload: bytes, now: float = NOW) -> tuple[int, str]:
    """Return the result and the rule of a request that must be refused."""
    decision = desk.decide(payload, now=now)
    assert decision.denied is not None
    assert desk.answer(payload, now=now)[0] == decision.denied.result
    return int(decision.denied.result), decision.denied.reason.rpartition("[")[2].rstrip("]")


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("sealing", BOTH)
def test_tickets_are_kept_fresh(kind: KeyType, sealing: KeyType) -> None:
    """From hour to hour the services', and after 54 hours that of AUTH; each opens the doors that the first did."""
    office = Office(kind, sealing)
    client = office.client(0x36)
    desk = log_in(office, client)
    osd = CephxServiceServer(OSD, office.secrets)
    assert client.renewal(dice_of("x"), NOW) is None
    now, wanted = NOW, set()
    for _ in range(100):
        now += HOUR * 0.75
        assert client.renewal(dice_of("x"), now - 1) is None
        before = client.tickets
        wanted.add(renew(client, desk, now).wanted)
        assert not any(ticket.is_due(now) for ticket in client.tickets.values())
        assert all(client.tickets[service] is not before[service] for service in (2, 4, 16))
        assert {ticket.session_key.type for service, ticket in client.tickets.items() if service != AUTH} == {
            min(kind, sealing)
        }
        assert client.tickets[AUTH].session_key.type == kind
        done = agree(visit(client.service(OSD), osd, now=now))
        assert (done.identity.name, done.identity.global_id) == (ADMIN, 4096)
    assert wanted == {0x16, 0x36}
    assert agree(talk(office, client, now=now, seed="again")).identity.global_id == 4096


def test_only_what_is_due_is_asked_for() -> None:
    office = Office()
    client = office.client(0x24)
    desk = log_in(office, client)
    client.need(EntityType.MGR)
    assert client.wanted(NOW) == 0x30
    held = client.tickets[OSD]
    assert renew(client, desk, NOW).wanted == 0x10
    assert client.tickets[OSD] is held
    client.drop(OSD)
    assert renew(client, desk, NOW).wanted == 0x04
    assert client.tickets[OSD] != held
    assert client.renewal(dice_of("x"), NOW) is None
    with pytest.raises(ConfigError, match="CEPHX-9"):
        client.need(EntityType.CLIENT)


def test_capabilities_are_those_of_now() -> None:
    office = Office()
    client = office.client(0x24)
    desk = log_in(office, client)
    office.keyring.add(ADMIN, office.key, {"osd": "allow r"})
    client.drop(OSD)
    renew(client, desk, NOW)
    done = agree(visit(client.service(OSD), CephxServiceServer(OSD, office.secrets)))
    assert done.identity.caps == {"osd": "allow r"}


def test_without_an_auth_ticket_there_is_no_renewal() -> None:
    office = Office()
    client = office.client(0x24)
    with pytest.raises(StateError, match="RENEWAL-1"):
        client.renewal(dice_of("x"), NOW)
    log_in(office, client)
    with pytest.raises(StateError, match="RENEWAL-1"):
        client.renewal(dice_of("x"), NOW + 72 * HOUR)
    client.drop(AUTH)
    assert (client.global_id, dict(client.tickets)) == (0, {})
    with pytest.raises(StateError, match="RENEWAL-1"):
        client.renewal(dice_of("x"), NOW)


def test_without_a_challenge_there_is_no_proof() -> None:
    client = Office().client(0x24)
    ticket = Ticket(AUTH, key_of(), TicketBlob(secret_id=2, sealed=b"opaque"), NOW + 1, NOW - 1)
    client.keep(5, {AUTH: ticket})
    with pytest.raises(StateError, match="RENEWAL-2"):
        client.renewal(dice_of("x"), NOW)


def test_an_answer_that_comes_too_late() -> None:
    office = Office()
    client = office.client(0x24)
    desk = log_in(office, client)
    client.need(EntityType.MGR)
    renewal = due(client, NOW)
    _, reply = desk.answer(renewal.payload, now=NOW)
    agree(talk(office, client, seed="again"))
    held = client.tickets
    with pytest.raises(StateError, match="RENEWAL-3"):
        renewal.accept(reply)
    assert client.tickets == held


@pytest.mark.parametrize("result", [-1, -13, -22])
def test_a_refusal_keeps_what_was_there(result: int) -> None:
    office = Office()
    client = office.client(0x24)
    log_in(office, client)
    held = client.tickets
    with pytest.raises(AuthRefused, match="RENEWAL-3") as caught:
        due(client, NOW + HOUR).accept(b"", result=result)
    assert caught.value.result == result
    assert client.tickets == held


# What the desk refuses


def test_only_the_own_auth_ticket_counts() -> None:
    office = Office()
    client, other = office.client(0x24), office.client(0x24, name=OTHER)
    desk, others = log_in(office, client), log_in(office, other)
    client.drop(OSD)
    other.drop(OSD)
    assert denied(others, due(client, NOW).payload) == (-13, "RENEWAL-4")
    assert denied(desk, due(other, NOW).payload) == (-13, "RENEWAL-4")
    assert denied(desk, due(client, NOW).payload, NOW + 72 * HOUR) == (-13, "RENEWAL-4")
    again = office.client(0x24)
    log_in(office, again)  # the same name, and another global id
    again.drop(OSD)
    assert denied(desk, due(again, NOW).payload) == (-13, "RENEWAL-4")
    office.keyring.remove(ADMIN)
    assert denied(desk, due(client, NOW).payload) == (-13, "RENEWAL-4")


def test_a_proof_is_good_in_its_own_session() -> None:
    office = Office()
    client, again = office.client(), office.client()
    desk, another = log_in(office, client), log_in(office, again)
    late = NOW + 60 * HOUR
    proof = due(client, late).payload
    assert desk.answer(proof, now=late)[0] == 0
    assert denied(another, proof, late) == (-13, "CEPHX-18")
    (shown,) = again.tickets.values()
    held = client.tickets[AUTH]
    client.keep(client.global_id, {AUTH: replace(held, blob=shown.blob)})
    assert denied(desk, due(client, late).payload, late) == (-13, "GLOBALID-3")
    client.keep(client.global_id, {AUTH: held})
    assert denied(desk, due(client, late).payload, NOW + 72 * HOUR) == (-13, "GLOBALID-3")
    office.keyring.remove(ADMIN)
    assert denied(desk, due(client, late).payload, late) == (-13, "CEPHX-18")


def test_every_bit_of_a_request() -> None:
    """Changed bits are refused, but for versions that nobody reads, and for the mask, which is no secret."""
    office = Office()
    client = office.client(0x24)
    desk = log_in(office, client)
    client.drop(OSD)
    payload = due(client, NOW).payload
    versions = (2, 15, len(payload) - 5)  # of the authorizer, of the ticket and of the mask
    for bit in range(8 * (len(payload) - 4)):
        decision = desk.decide(flipped(payload, bit), now=NOW)
        if bit // 8 in versions:
            assert decision.denied is None
        else:
            assert decision.denied is not None


@given(st.sampled_from([b"", b"\0\1", b"\0\2", b"\0\4"]), st.binary(max_size=200))
def test_any_bytes_to_a_desk(head: bytes, data: bytes) -> None:
    office = Office()
    desk = log_in(office, office.client())
    result, reply = desk.answer(head + data, now=NOW)
    assert result in (-1, -13, -22)
    assert len(reply) == (6 if head == b"\0\4" and result == -13 else len(reply))


@given(st.sampled_from(BOTH), st.booleans(), st.binary(max_size=200))
def test_any_bytes_as_an_answer(kind: KeyType, auth_due: bool, data: bytes) -> None:
    office = Office(kind, kind)
    client = office.client(0x24)
    log_in(office, client)
    held = client.tickets
    renewal = due(client, NOW + (60 if auth_due else 1) * HOUR)
    for reply in (data, renewal.payload[:2] + bytes(4) + data):
        try:
            renewal.accept(reply)
        except PeerError:
            assert client.tickets == held
        else:
            assert client.tickets == held  # an empty list
            assert not auth_due


# Daemons


def daemon(office: Office, kind: KeyType = KeyType.AES256K) -> CephxClient:
    office.keyring.add(OSD_0, key_of(kind, "osd.0"), {"mon": "allow profile osd"})
    return office.client(name=OSD_0)


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("sealing", BOTH)
def test_a_daemon_is_told_its_secrets(kind: KeyType, sealing: KeyType) -> None:
    office = Office(kind, sealing)
    osd = daemon(office, kind)
    desk = log_in(office, osd)
    request = osd.rotating()
    result, reply = desk.answer(request.payload, now=NOW)
    secrets = request.accept(reply, result=result)
    assert secrets.service == OSD
    assert [(held.id, held.key) for held in secrets.secrets] == [
        (held.id, held.key) for held in office.secrets.held(OSD, NOW)
    ]
    client = office.client(0x24)
    log_in(office, client)
    agree(visit(client.service(OSD), CephxServiceServer(OSD, secrets)))


def test_secrets_are_asked_for_again() -> None:
    office = Office()
    held = ServiceSecrets(OSD, office.secrets.held(OSD, NOW))
    assert not held.is_due(NOW)
    assert not held.is_due(NOW + 2 * HOUR + 29)
    assert held.is_due(NOW + 2 * HOUR + 30.5)
    assert held.is_due(NOW + 2 * HOUR + 1, grace=0)
    assert replace(held, secrets=held.secrets[:2]).is_due(NOW)


def test_clients_are_told_no_secrets() -> None:
    office = Office()
    client = office.client()
    with pytest.raises(ConfigError, match="ROTATING-1"):
        client.rotating()
    desk = log_in(office, client)
    assert denied(desk, b"\0\4") == (-13, "ROTATING-1")
    result, reply = desk.answer(b"\0\4", now=NOW)
    with pytest.raises(AuthRefused):
        RotatingRequest.of(OSD_0, office.key).accept(reply, result=result)
    with pytest.raises(PeerError):
        RotatingRequest.of(OSD_0, office.key).accept(reply)


def test_a_daemon_that_was_removed_is_told_no_more() -> None:
    office = Office()
    osd = daemon(office)
    desk = log_in(office, osd)
    office.keyring.add(OSD_0, key_of(seed="new"), {"mon": "allow profile osd"})
    assert denied(desk, osd.rotating().payload) == (-13, "ROTATING-1")
    office.keyring.remove(OSD_0)
    assert denied(desk, osd.rotating().payload) == (-13, "ROTATING-1")


# Keys that are about to change


def test_a_pending_key_is_as_good() -> None:
    pending = key_of(seed="pending")
    office = Office(pending={ADMIN: pending, OSD_0: key_of(seed="osd pending")})
    daemon(office)
    for key in (office.key, pending):
        client = CephxClient(ADMIN, key, 0x24)
        desk = log_in(office, client)
        renew(client, desk, NOW + 60 * HOUR)
    for key in (key_of(seed="osd.0"), key_of(seed="osd pending")):
        osd = CephxClient(OSD_0, key)
        request = osd.rotating()
        _, reply = log_in(office, osd).answer(request.payload, now=NOW)
        assert request.accept(reply).secrets
    assert refused(talk(office, CephxClient(ADMIN, key_of(seed="third")))) == (-13, "CEPHX-18")


def test_a_pending_key_must_be_allowed() -> None:
    weak = key_of(KeyType.AES, "pending")
    strict = Office(pending={ADMIN: weak}, allowed_key_types={KeyType.AES256K})
    assert refused(talk(strict, CephxClient(ADMIN, weak))) == (-13, "CEPHX-18")
    strong = Office(KeyType.AES, pending={ADMIN: key_of(seed="x")}, allowed_key_types={KeyType.AES256K})
    agree(talk(strong, CephxClient(ADMIN, key_of(seed="x"))))
    nobody = Office(pending={OSD_0: key_of(seed="osd.0")})
    assert refused(talk(nobody, CephxClient(OSD_0, key_of(seed="osd.0")))) == (-13, "CEPHX-18")


def test_secrets_stay_out_of_reprs() -> None:
    office = Office()
    osd = daemon(office)
    done = agree(talk(office, osd))
    request, renewal = osd.rotating(), due(osd, NOW + 60 * HOUR)
    key: CryptoKey = office.keyring.get(OSD_0).key
    assert isinstance(done.identity.desk, CephxDesk)
    shown = "".join(map(repr, (done, done.identity.desk.decide(request.payload, now=NOW), request, renewal)))
    for secret in (key.secret, osd.tickets[AUTH].session_key.secret, request.payload):
        assert repr(secret)[2:-1] not in shown
        assert secret.hex() not in shown
