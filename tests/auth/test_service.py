"""A client and a service that takes its ticket, against each other and against who is in between."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msgr.auth import (
    CephxClient,
    CephxMonitorPeer,
    CephxServiceServer,
    CryptoKey,
    Denied,
    Done,
    KeyType,
    MonitorKey,
    More,
    RotatingSecrets,
    ServiceSecrets,
)
from msgr.auth.cephx.authorizer_structs import Authorizer
from msgr.errors import AuthError, ConfigError, PeerError, StateError
from msgr.frame import Mode
from msgr.wire import EntityType

from .helpers import (
    ADMIN,
    BOTH,
    MODES,
    NOW,
    Office,
    Step,
    Tamper,
    agree,
    dice_of,
    flip,
    key_of,
    refused,
    talk,
    visit,
)

TICKETED = [EntityType.MDS, EntityType.OSD, EntityType.MGR]
OSD = EntityType.OSD
KINDS = st.sampled_from(BOTH)
AUTHORIZERS: Final[list[Step]] = ["first", "second"]
ANSWERS: Final[list[Step]] = ["challenge", "done"]


def bearer(office: Office, needed: int = 0x36) -> CephxClient:
    """Return a client that has its tickets."""
    client = office.client(needed)
    agree(talk(office, client))
    return client


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("sealing", BOTH)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("service", TICKETED)
def test_both_ends_agree(kind: KeyType, sealing: KeyType, mode: Mode, service: EntityType) -> None:
    office = Office(kind, sealing)
    client = bearer(office)
    done = agree(visit(client.service(service), CephxServiceServer(service, office.secrets), mode))
    assert (done.identity.name, done.identity.global_id) == (ADMIN, client.global_id)
    assert done.identity.caps == ({"osd": "allow rwx"} if service is OSD else {})
    assert done.keys.session_key == client.tickets[service].session_key.secret
    assert len(done.keys.session_key) == (16 if KeyType.AES in (kind, sealing) else 32)
    assert len(done.keys.connection_secret) == (64 if mode is Mode.SECURE else 0)


def test_a_daemon_holds_the_secrets_of_its_kind_alone() -> None:
    office = Office()
    client = bearer(office)
    held = ServiceSecrets(OSD, office.secrets.held(OSD, NOW))
    agree(visit(client.service(OSD), CephxServiceServer(OSD, held)))
    outcome = visit(client.service(EntityType.MGR), CephxServiceServer(EntityType.MGR, held))
    assert refused(outcome) == (-13, "AUTHORIZER-7")
    assert held.find(EntityType.MGR, 2, NOW) is None
    assert held.find(OSD, 99, NOW) is None


def test_a_ticket_outlives_its_secret_by_two() -> None:
    """A verifier takes any of three secrets; beyond that the ticket is of no use, whatever it says (CEPHX-21)."""
    office = Office()
    client = bearer(office)
    patient = CephxServiceServer(OSD, office.secrets, slop=1e9)
    ours = client.service(OSD)
    shown = client.tickets[OSD]
    client.keep(client.global_id, {OSD: type(shown)(OSD, shown.session_key, shown.blob, 1e12, 1e12)})
    agree(visit(ours, patient, now=NOW + 3 * 3600 - 1))
    assert refused(visit(ours, patient, now=NOW + 3 * 3600)) == (-13, "AUTHORIZER-7")


def test_a_ticket_is_taken_a_little_longer_than_it_says() -> None:
    office = Office()
    client = bearer(office)
    ours, theirs = client.service(OSD), CephxServiceServer(OSD, office.secrets, slop=5)
    conversation = ours.converse(dice_of("x"), now=NOW)
    first = conversation.begin()
    for late, answered in ((3604, More), (3605, Denied)):
        verdict = theirs.converse(dice_of("y"), now=NOW + late).begin(first, mode=Mode.CRC)
        assert isinstance(verdict, answered)


def test_a_client_without_a_good_ticket_does_not_begin() -> None:
    office = Office()
    client = office.client(0x24)
    ours = client.service(OSD)
    with pytest.raises(StateError, match=r"no ticket for osd.*AUTHORIZER-12"):
        ours.converse(dice_of("x"), now=NOW)
    agree(talk(office, client))
    ours.converse(dice_of("x"), now=NOW + 3599)
    with pytest.raises(StateError, match=r"expired.*AUTHORIZER-12"):
        ours.converse(dice_of("x"), now=NOW + 3600)
    client.drop(OSD)
    with pytest.raises(StateError, match="AUTHORIZER-12"):
        ours.converse(dice_of("x"), now=NOW)


@pytest.mark.parametrize("service", [EntityType.MON, EntityType.CLIENT, EntityType.AUTH, EntityType.ANY])
def test_who_takes_no_tickets(service: EntityType) -> None:
    with pytest.raises(ConfigError):
        Office().client().service(service)
    if service is not EntityType.MON:
        with pytest.raises(ConfigError):
            CephxServiceServer(service, RotatingSecrets(dice_of("x")))


def test_settings_that_make_no_sense() -> None:
    with pytest.raises(ConfigError, match="slop"):
        CephxServiceServer(OSD, RotatingSecrets(dice_of("x")), slop=-1)
    with pytest.raises(ConfigError, match="KEY-2"):
        CephxMonitorPeer(CryptoKey.none())
    with pytest.raises(ConfigError, match="KEY-2"):
        MonitorKey(CryptoKey.none())


# Order, and what was said before


def test_a_client_says_things_once() -> None:
    office = Office()
    ours = bearer(office).service(OSD)
    conversation = ours.converse(dice_of("x"), now=NOW)
    first = conversation.begin()
    with pytest.raises(StateError):
        conversation.begin()
    verdict = CephxServiceServer(OSD, office.secrets).converse(dice_of("y"), now=NOW).begin(first, mode=Mode.CRC)
    assert isinstance(verdict, More)
    conversation.more(verdict.payload)
    with pytest.raises(AuthError, match="AUTHORIZER-3"):
        conversation.more(verdict.payload)
    with pytest.raises(AuthError, match="AUTHORIZER-3"):
        conversation.done(b"", global_id=4096, mode=Mode.CRC)
    with pytest.raises(AuthError, match="AUTHORIZER-3"):
        ours.converse(dice_of("x"), now=NOW).more(verdict.payload)


def test_a_service_listens_once() -> None:
    office = Office()
    ours, theirs = bearer(office).service(OSD), CephxServiceServer(OSD, office.secrets)
    client, server = ours.converse(dice_of("x"), now=NOW), theirs.converse(dice_of("y"), now=NOW)
    assert isinstance(server.begin(b"\x01", mode=Mode.CRC), Denied)  # who is denied here may try again
    first = client.begin()
    challenge = server.begin(first, mode=Mode.CRC)
    assert isinstance(challenge, More)
    assert denied(server.begin(first, mode=Mode.CRC)) == "AUTHORIZER-2"
    second = client.more(challenge.payload)
    assert isinstance(server.more(second), Done)
    assert denied(server.more(second)) == "AUTHORIZER-2"
    assert denied(theirs.converse(dice_of("y"), now=NOW).more(second)) == "AUTHORIZER-2"


def denied(verdict: object) -> str:
    """Return the rule of a verdict that must be a refusal with -13."""
    assert isinstance(verdict, Denied)
    assert verdict.result == -13
    return verdict.reason.rpartition("[")[2].rstrip("]")


def test_cve_2018_1128_an_authorizer_is_good_for_one_conversation() -> None:
    """What was overheard in one conversation is of no use in another, nor a second time in the same."""
    office = Office()
    ours, theirs = bearer(office).service(OSD), CephxServiceServer(OSD, office.secrets)
    heard: list[bytes] = []

    def overhear(payload: bytes) -> bytes:
        heard.append(payload)
        return payload

    agree(visit(ours, theirs, tampers=dict.fromkeys((*AUTHORIZERS, *ANSWERS), overhear)))
    first, _, second, done = heard
    another = theirs.converse(dice_of("another"), now=NOW)
    assert isinstance(another.begin(first, mode=Mode.SECURE), More)
    assert denied(another.more(second)) == "AUTHORIZER-4"
    assert denied(another.more(second)) == "AUTHORIZER-2"
    with pytest.raises(AuthError, match="AUTHORIZER-5"):
        visit(ours, theirs, seed="another", tampers={"done": lambda _: done})


# Flipped bits


def test_every_bit_of_the_authorizers() -> None:
    office = Office()
    ours, theirs = bearer(office).service(OSD), CephxServiceServer(OSD, office.secrets)
    size = len(ours.converse(dice_of("visit"), now=NOW).begin())
    for bit in range(8 * size):
        if 1 <= 1 ^ 1 << bit <= 9:
            agree(visit(ours, theirs, tampers={"first": flip(bit)}))
            continue
        for step in AUTHORIZERS:
            assert refused(visit(ours, theirs, tampers={step: flip(bit)}))[0] == -13


@pytest.mark.parametrize("kind", BOTH)
def test_every_bit_of_the_proofs(kind: KeyType) -> None:
    """Even where AES alone, without integrity, keeps watch."""
    office = Office(kind, kind)
    ours, theirs = bearer(office).service(OSD), CephxServiceServer(OSD, office.secrets)
    begun = ours.converse(dice_of("visit"), now=NOW).begin()
    start = len(begun) - len(Authorizer.decode(begun).authorize)
    for bit in range(8 * start, 8 * len(begun)):
        for step in AUTHORIZERS:
            assert refused(visit(ours, theirs, tampers={step: flip(bit)}))[0] == -13


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("mode", MODES)
def test_every_bit_of_the_answers(kind: KeyType, mode: Mode) -> None:
    """A changed bit is found out, or (with AES alone) the keys are not those of the other end."""
    office = Office(kind, kind)
    ours, theirs = bearer(office).service(OSD), CephxServiceServer(OSD, office.secrets)
    sizes: dict[Step, int] = {}

    def measured(step: Step) -> Tamper:
        def measure(data: bytes) -> bytes:
            sizes[step] = len(data)
            return data

        return measure

    agree(visit(ours, theirs, mode, tampers={step: measured(step) for step in ANSWERS}))
    for step, size in sizes.items():
        for bit in range(8 * size):
            try:
                outcome = visit(ours, theirs, mode, tampers={step: flip(bit)})
            except PeerError:
                continue
            assert kind is KeyType.AES
            assert isinstance(outcome, Denied) or outcome[0].keys != outcome[1]


# Any bytes


@given(KINDS, st.binary(max_size=300), st.binary(max_size=300))
def test_any_bytes_to_a_service(kind: KeyType, first: bytes, second: bytes) -> None:
    office = Office(kind, kind)
    server = CephxServiceServer(OSD, office.secrets).converse(dice_of("x"), now=NOW)
    for payload in (first, b"\x01" + first):
        assert isinstance(server.begin(payload, mode=Mode.SECURE), Denied)
    good = bearer(office).service(OSD).converse(dice_of("x"), now=NOW).begin()
    assert isinstance(server.begin(good, mode=Mode.SECURE), More)
    assert isinstance(server.more(second), Denied)


@given(KINDS, st.sampled_from(MODES), st.binary(max_size=300))
def test_any_bytes_to_a_client(kind: KeyType, mode: Mode, answer: bytes) -> None:
    office = Office(kind, kind)
    ours, theirs = bearer(office).service(OSD), CephxServiceServer(OSD, office.secrets)
    for step in ANSWERS:
        with pytest.raises(PeerError):
            visit(ours, theirs, mode, tampers={step: lambda _: answer})


# Monitors among themselves


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("mode", MODES)
def test_monitors_know_each_other(kind: KeyType, mode: Mode) -> None:
    key = key_of(kind)
    done = agree(visit(CephxMonitorPeer(key), CephxServiceServer.for_monitors(key), mode))
    assert (str(done.identity.name), done.identity.global_id) == ("mon.", 0)
    assert done.identity.caps == {"mon": "allow *"}
    assert refused(visit(CephxMonitorPeer(key_of(kind, "other")), CephxServiceServer.for_monitors(key)))[0] == -13


def test_what_monitors_make_is_for_monitors() -> None:
    office = Office()
    outcome = visit(CephxMonitorPeer(key_of()), CephxServiceServer(OSD, office.secrets))
    assert refused(outcome) == (-13, "AUTHORIZER-10")
    outcome = visit(bearer(office).service(OSD), CephxServiceServer.for_monitors(key_of()))
    assert refused(outcome) == (-13, "AUTHORIZER-10")
    outcome = visit(CephxMonitorPeer(key_of()), CephxServiceServer(EntityType.MON, office.secrets))
    assert refused(outcome) == (-13, "AUTHORIZER-7")


def test_a_monitor_listens_to_clients_and_monitors() -> None:
    key = key_of(seed="monitors")
    office = Office(peers=CephxServiceServer.for_monitors(key))
    agree(talk(office, office.client()))
    done = agree(visit(CephxMonitorPeer(key), office.server))
    assert str(done.identity.name) == "mon."
    assert refused(visit(CephxMonitorPeer(key_of()), office.server)) == (-13, "CEPHX-6")
    assert refused(visit(CephxMonitorPeer(key), Office().server)) == (-13, "CEPHX-8")
    conversation = office.server.converse(dice_of("x"), now=NOW)
    assert denied(conversation.begin(b"\x01", mode=Mode.CRC)) == "AUTHORIZER-1"
    assert isinstance(conversation.begin(office.client().converse(dice_of("y"), now=NOW).begin(), mode=Mode.CRC), More)
