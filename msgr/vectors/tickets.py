"""Checks of what follows a cephx login: service connections, renewals, rotating secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..auth import (
    CephxClient,
    CephxServiceServer,
    Denied,
    Done,
    GlobalIds,
    Keyring,
    Keys,
    KeyType,
    More,
    Renewal,
    RotatingRequest,
    RotatingSecret,
    RotatingSecrets,
    Ticket,
)
from ..auth.cephx.desk import CephxDesk
from ..auth.cephx.office import Bearer
from ..auth.cephx.renewal_structs import RotatingReply
from ..auth.cephx.server import CephxServer
from ..auth.cephx.service_client import CephxServiceClientConversation
from ..auth.cephx.structs import TicketBlob
from ..frame import Mode
from ..wire import EntityName, EntityType
from .cephx import NOW, key_in
from .files import Vector
from .outcome import LoadedDice, Mismatch, expect, expect_refusal, expect_valid

_FAR: Final = 1e12
"""A time at which no ticket is good any more."""
_DENIED: Final = -13
_HOLDER: Final = EntityName.parse("client.admin")


# Authorizers


def _visit(vector: Vector) -> Keys:
    """Let a client go through a dialogue with a service."""
    ticket = Ticket(vector["service"], key_in(vector), TicketBlob.decode(vector.octets("ticket")), _FAR, _FAR)
    dice = LoadedDice(vector.octets("client_dice"))
    client = CephxServiceClientConversation(ticket, int(vector["global_id"]), dice)
    expect("the first authorizer", client.begin(), vector.octets("first"))
    if vector["challenge"] is not None:
        expect("the second authorizer", client.more(vector.octets("challenge")), vector.octets("second"))
    return client.done(vector.wire, global_id=int(vector["granted"]), mode=Mode(vector["mode"]))


def _visitor(vector: Vector) -> None:
    if vector.is_valid:
        expect("the keys", _visit(vector), Keys(key_in(vector).secret, vector.octets("connection_secret")))
    else:
        expect_refusal(vector, lambda: _visit(vector))


class _OneSecret:
    """A source that holds the secret of a vector."""

    def __init__(self, vector: Vector) -> None:
        self.service = vector["service"]
        self.secret = RotatingSecret(int(vector["secret_id"]), key_in(vector, "secret"), _FAR)

    def find(self, service: EntityType, secret_id: int, now: float) -> RotatingSecret | None:
        """Return the secret, if it is the one asked for."""
        return self.secret if (service, secret_id) == (self.service, self.secret.id) else None


def _service(vector: Vector) -> None:
    server = CephxServiceServer(EntityType(vector["service"]), _OneSecret(vector))
    theirs = server.converse(LoadedDice(vector.octets("server_dice")), now=vector["now"])
    verdict = theirs.begin(vector.octets("first"), mode=Mode(vector["mode"]))
    if isinstance(verdict, More):
        expect("the challenge", verdict.payload, vector.octets("challenge"))
        verdict = theirs.more(vector.wire)
    if not vector.is_valid:
        if not isinstance(verdict, Denied):
            raise Mismatch("let in")
        expect("the result", int(verdict.result), _DENIED)
        expect("the rule", verdict.reason.rpartition("[")[2].rstrip("]"), vector.rule)
        return
    if not isinstance(verdict, Done):
        raise Mismatch(f"denied: {verdict}")
    identity = verdict.identity
    expect("the answer", verdict.payload, vector.octets("done"))
    expect("the name", (str(identity.name), str(identity.global_id)), (vector["name"], vector["global_id"]))
    expect("the capabilities", identity.caps, vector["caps"])
    expect("the desk", identity.desk, None)
    expect("the keys", verdict.keys, Keys(vector.octets("session_key"), vector.octets("connection_secret")))


def check_authorizer(vector: Vector) -> None:
    """Check one dialogue with a service, seen from either end."""
    {"client": _visitor, "server": _service}[vector["kind"]](vector)


# Renewals


def _asker(vector: Vector) -> tuple[CephxClient, Renewal]:
    """Return a client in the middle of a session, whose AUTH ticket is due if the vector says so, and what it asks."""
    client = CephxClient(_HOLDER, key_in(vector), vector["wanted"])
    blob = TicketBlob.decode(vector.octets("auth_ticket"))
    renew_after = NOW if vector["auth_due"] else _FAR
    auth = Ticket(EntityType.AUTH, key_in(vector, "auth_session_key"), blob, _FAR, renew_after)
    client.keep(int(vector["global_id"]), {EntityType.AUTH: auth}, challenge=int(vector["server_challenge"]))
    renewal = client.renewal(LoadedDice(vector.octets("client_dice")), NOW)
    if renewal is None:
        raise Mismatch("the client asks for nothing")
    expect("the request", renewal.payload, vector.octets("request"))
    return client, renewal


def _renewal(vector: Vector) -> None:
    client, renewal = _asker(vector)
    before = dict(client.tickets)
    if not vector.is_valid:
        expect_refusal(vector, lambda: renewal.accept(vector.wire))
        expect("the tickets", dict(client.tickets), before)
        return
    renewal.accept(vector.wire, result=0)
    kept = {int(service): bytes.fromhex(text) for service, text in vector["kept"].items()}
    renewed = {service: ticket for service, ticket in client.tickets.items() if ticket is not before.get(service)}
    expect("the new session keys", {service: each.session_key.encode() for service, each in renewed.items()}, kept)
    expect("the global id", client.global_id, int(vector["global_id"]))
    for service, ticket in renewed.items():
        lifetime = 259200 if service == EntityType.AUTH else 3600
        expect("the ticket's times", (ticket.expires, ticket.renew_after), (NOW + lifetime, NOW + lifetime * 3 / 4))


def _monitor(vector: Vector) -> None:
    expect_valid(vector)
    keyring, key = Keyring(), key_in(vector)
    keyring.add(vector["name"], key, {"osd": "allow *"})
    secrets = RotatingSecrets(LoadedDice(vector.octets("secrets_dice")), key_type=KeyType.AES)
    office = CephxServer(keyring, secrets=secrets, global_ids=GlobalIds()).office
    bearer = Bearer(EntityName.parse(vector["name"]), int(vector["global_id"]), {}, key)
    desk = CephxDesk(office, bearer, int(vector["server_challenge"]), LoadedDice(b""))
    found = desk.answer(vector.wire, now=vector["now"])
    expect("the code and the answer", found, (vector["code"], vector.octets("reply")))


def check_renewal(vector: Vector) -> None:
    """Check one request about tickets and its answer, seen from either end."""
    {"client": _renewal, "monitor": _monitor}[vector["kind"]](vector)


# Rotating secrets


def check_rotating(vector: Vector) -> None:
    """Check what a monitor answers a daemon that asks for rotating secrets."""
    request = RotatingRequest.of(EntityName(type=vector["service"], id="0"), key_in(vector))
    expect("the request", request.payload, b"\0\4")
    if not vector.is_valid:
        expect_refusal(vector, lambda: request.accept(vector.wire))
        return
    held = request.accept(vector.wire)
    expect("the service", held.service, vector["service"])
    found = [(each.id, each.key.encode().hex(), round(each.expires, 3)) for each in held.secrets]
    # Nanoseconds are more than a float keeps.
    due = [(number, key, round(seconds + nano / 1e9, 3)) for number, key, (seconds, nano) in vector["secrets"]]
    expect("the secrets", found, due)
    if "Captured" not in vector.flags:
        sealed = held.seal(key_in(vector), LoadedDice(vector.octets("confounder")))
        expect("what is written", RotatingReply(sealed=sealed).encode(), vector.wire)


CHECKS: Final[Mapping[str, Any]] = {
    "authorizer": check_authorizer,
    "renewal": check_renewal,
    "rotating": check_rotating,
}
