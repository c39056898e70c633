"""Service connections, renewals and rotating secrets against their vectors."""

from __future__ import annotations

from typing import Any, Final

import pytest

from msgr.auth import (
    CephxClient,
    CephxServiceServer,
    CryptoKey,
    Denied,
    Done,
    GlobalIds,
    Keyring,
    Keys,
    KeyType,
    More,
    RotatingRequest,
    RotatingSecret,
    RotatingSecrets,
    ServiceSecrets,
    Ticket,
)
from msgr.auth.cephx.desk import CephxDesk
from msgr.auth.cephx.office import Bearer
from msgr.auth.cephx.renewal_structs import RotatingReply
from msgr.auth.cephx.server import CephxServer
from msgr.auth.cephx.service_client import CephxServiceClientConversation
from msgr.auth.cephx.structs import TicketBlob
from msgr.frame import Mode
from msgr.wire import EntityName, EntityType
from tests.vector_files import Vector, each, refuses

from .helpers import ADMIN, NOW, loaded_dice

FAR: Final = 1e12
"""A time at which no ticket of these tests is good any more."""


def key_in(vector: Vector, field: str) -> CryptoKey:
    return CryptoKey.decode(vector.octets(field))


def kind(name: str, result: str) -> pytest.MarkDecorator:
    """Run a test with each vector of this kind."""
    topic = {"client": "authorizer", "server": "authorizer", "renewal": "renewal", "monitor": "renewal"}[name]
    wanted = "client" if name == "renewal" else name
    mark = each(topic, result=result)
    chosen = [vector for vector in mark.args[1] if vector["kind"] == wanted]
    assert chosen
    return pytest.mark.parametrize("vector", chosen, ids=[vector.id for vector in chosen])


# Authorizers


def client_of(vector: Vector) -> CephxServiceClientConversation:
    blob = TicketBlob.decode(vector.octets("ticket"))
    ticket = Ticket(vector["service"], key_in(vector, "key"), blob, FAR, FAR)
    return CephxServiceClientConversation(ticket, int(vector["global_id"]), loaded_dice(vector.octets("client_dice")))


def play(vector: Vector) -> Keys:
    """Let a client go through a dialogue."""
    client = client_of(vector)
    assert client.begin() == vector.octets("first")
    if vector["challenge"] is not None:
        assert client.more(vector.octets("challenge")) == vector.octets("second")
    return client.done(vector.wire, global_id=int(vector["granted"]), mode=Mode(vector["mode"]))


@kind("client", "valid")
def test_client(vector: Vector) -> None:
    assert play(vector) == Keys(key_in(vector, "key").secret, vector.octets("connection_secret"))


@kind("client", "invalid")
def test_client_refuses(vector: Vector) -> None:
    with refuses(vector):
        play(vector)


class OneSecret:
    """A source that holds the secret of a vector."""

    def __init__(self, vector: Vector) -> None:
        self.service = vector["service"]
        self.secret = RotatingSecret(int(vector["secret_id"]), key_in(vector, "secret"), FAR)

    def find(self, service: EntityType, secret_id: int, now: float) -> RotatingSecret | None:
        return self.secret if (service, secret_id) == (self.service, self.secret.id) else None


def answer(vector: Vector) -> Done | Denied:
    """Let a service go through a dialogue."""
    server = CephxServiceServer(EntityType(vector["service"]), OneSecret(vector))
    theirs = server.converse(loaded_dice(vector.octets("server_dice")), now=vector["now"])
    verdict = theirs.begin(vector.octets("first"), mode=Mode(vector["mode"]))
    if isinstance(verdict, More):
        assert verdict.payload == vector.octets("challenge")
        verdict = theirs.more(vector.wire)
    assert not isinstance(verdict, More)
    return verdict


@kind("server", "valid")
def test_server(vector: Vector) -> None:
    verdict = answer(vector)
    assert isinstance(verdict, Done), verdict
    identity = verdict.identity
    assert verdict.payload == vector.octets("done")
    assert (str(identity.name), str(identity.global_id)) == (vector["name"], vector["global_id"])
    assert identity.caps == vector["caps"]
    assert identity.desk is None
    assert verdict.keys == Keys(vector.octets("session_key"), vector.octets("connection_secret"))


@kind("server", "invalid")
def test_server_refuses(vector: Vector) -> None:
    verdict = answer(vector)
    assert isinstance(verdict, Denied)
    assert verdict.result == -13
    assert verdict.reason.endswith(f"[{vector.rule}]")


# Renewals


def holder_of(vector: Vector) -> CephxClient:
    """Return a client in the middle of a session, whose AUTH ticket is due if the vector says so."""
    wanted = vector["wanted"]
    client = CephxClient(ADMIN, key_in(vector, "key"), wanted)
    blob = TicketBlob.decode(vector.octets("auth_ticket"))
    renew_after = NOW if vector["auth_due"] else FAR
    auth = Ticket(EntityType.AUTH, key_in(vector, "auth_session_key"), blob, FAR, renew_after)
    client.keep(int(vector["global_id"]), {EntityType.AUTH: auth}, challenge=int(vector["server_challenge"]))
    return client


@kind("renewal", "valid")
def test_renewal(vector: Vector) -> None:
    client = holder_of(vector)
    before = client.tickets
    renewal = client.renewal(loaded_dice(vector.octets("client_dice")), NOW)
    assert renewal is not None
    assert renewal.payload == vector.octets("request")
    renewal.accept(vector.wire, result=0)
    kept = {int(service): bytes.fromhex(text) for service, text in vector["kept"].items()}
    renewed = {service: ticket for service, ticket in client.tickets.items() if ticket is not before.get(service)}
    assert {service: ticket.session_key.encode() for service, ticket in renewed.items()} == kept
    assert client.global_id == int(vector["global_id"])
    for service, ticket in renewed.items():
        lifetime = 259200 if service == EntityType.AUTH else 3600
        assert (ticket.expires, ticket.renew_after) == (NOW + lifetime, NOW + lifetime * 3 / 4)


@kind("renewal", "invalid")
def test_renewal_refused(vector: Vector) -> None:
    client = holder_of(vector)
    before = client.tickets
    renewal = client.renewal(loaded_dice(vector.octets("client_dice")), NOW)
    assert renewal is not None
    with refuses(vector):
        renewal.accept(vector.wire)
    assert client.tickets == before


@kind("monitor", "valid")
def test_desk(vector: Vector) -> None:
    keyring = Keyring()
    key = key_in(vector, "key")
    keyring.add(vector["name"], key, {"osd": "allow *"})
    secrets = RotatingSecrets(loaded_dice(vector.octets("secrets_dice")), key_type=KeyType.AES)
    office = CephxServer(keyring, secrets=secrets, global_ids=GlobalIds()).office
    bearer = Bearer(EntityName.parse(vector["name"]), int(vector["global_id"]), {}, key)
    desk = CephxDesk(office, bearer, int(vector["server_challenge"]), loaded_dice(b""))
    assert desk.answer(vector.wire, now=vector["now"]) == (vector["code"], vector.octets("reply"))


# Rotating secrets


def asked(vector: Vector) -> RotatingRequest:
    return RotatingRequest.of(EntityName(type=vector["service"], id="0"), key_in(vector, "key"))


@each("rotating", result="valid")
def test_rotating(vector: Vector) -> None:
    request = asked(vector)
    assert request.payload == b"\0\4"
    held = request.accept(vector.wire)
    assert held.service == vector["service"]
    assert [described(secret) for secret in held.secrets] == vector["secrets"]
    if "Captured" not in vector["flags"]:  # nanoseconds are more than we keep
        sealed = held.seal(key_in(vector, "key"), loaded_dice(vector.octets("confounder")))
        assert RotatingReply(sealed=sealed).encode() == vector.wire


def described(secret: RotatingSecret) -> list[Any]:
    seconds = int(secret.expires)
    return [secret.id, secret.key.encode().hex(), [seconds, pytest.approx((secret.expires - seconds) * 1e9, abs=500)]]


@each("rotating", result="invalid")
def test_rotating_refused(vector: Vector) -> None:
    with refuses(vector):
        asked(vector).accept(vector.wire)


def test_what_is_not_said_of_the_secrets() -> None:
    held: ServiceSecrets = asked(next(iter(each("rotating", result="valid").args[1]))).accept(
        next(iter(each("rotating", result="valid").args[1])).wire
    )
    assert held.secrets[0].key.secret.hex() not in repr(held)
