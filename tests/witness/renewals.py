"""Vectors of what a client and a monitor say about tickets in an open session."""

from __future__ import annotations

from collections.abc import Iterator
from struct import pack
from typing import Any

from .encoder import blob
from .sealing import Key, authorize, authorizer, grant, key, ticket_blob, ticket_inside, ticket_reply
from .topic import Topic, Vector, invalid, topic, valid

NOW = 1_700_000_000
GLOBAL_ID = 4176
CHALLENGE = 0x7F07574A79CC2594
CLIENT_CHALLENGE = 0x0123456789ABCDEF
NONCE = 0x1122334455667788
AUTH = 0x20
SERVICES = {1: "mon", 2: "mds", 4: "osd", 16: "mgr"}


def topics() -> list[Topic]:
    renewal = (
        "Requests and answers about tickets, the contents of MAuth and MAuthReply. A client with an AUTH ticket asks "
        "for `wanted`; `wire` is the answer, and `kept` the session keys of the tickets that come of it. A monitor's "
        "`wire` is the request, answered with `code` and `reply`; `secrets_dice` makes its secrets for AUTH."
    )
    rotating = "What a monitor answers a daemon that asks for the rotating secrets of its kind, and the secrets in it."
    return [
        topic("renewal", renewal, [*clients(), *clients_refuse(), *monitors()]),
        topic("rotating", rotating, [*secrets(), *secrets_refused()]),
    ]


class Side:
    """A client of one kind of key, and its AUTH ticket."""

    def __init__(self, kind: int) -> None:
        self.kind = kind
        self.key = key(kind, "client key")
        self.session_key = key(kind, "auth session key", NOW)
        self.ticket = ticket_blob(2, bytes(range(48)))
        self.new_session_key = key(kind, "new auth session key", NOW)

    def blob(self, service: int) -> bytes:
        return ticket_blob(2, bytes([service]) * 32)

    def service_key(self, service: int, kind: int | None = None) -> Key:
        return key(kind or self.kind, f"session key of {SERVICES[service]}", NOW)

    def grants(self, principal: Key, *services: int, kind: int | None = None) -> list[bytes]:
        return [
            grant(service, principal, self.service_key(service, kind), self.blob(service), validity=3600, old=None)
            for service in services
        ]

    def auth_grant(self, old: Key | None) -> bytes:
        return grant(AUTH, self.key, self.new_session_key, self.blob(AUTH), validity=259200, old=old)

    def services_request(self, wanted: int) -> bytes:
        shown = authorizer(self.session_key, GLOBAL_ID, AUTH, self.ticket, authorize(NONCE, None))
        return pack("<H", 0x0200) + shown + pack("<BI", 1, wanted)

    def services_reply(self, *grants: bytes, status: int = 0, operation: int = 0x0200) -> bytes:
        return pack("<Hi", operation, status) + ticket_reply(*grants)

    def auth_request(self, wanted: int) -> bytes:
        proof = self.key.prove(CHALLENGE, CLIENT_CHALLENGE)
        return pack("<HBQQ", 0x0100, 3, CLIENT_CHALLENGE, proof) + self.ticket + pack("<I", wanted | AUTH)

    def auth_reply(self, extra: bytes, *, old: Key | None, secret: bytes = b"") -> bytes:
        return pack("<Hi", 0x0100, 0) + ticket_reply(self.auth_grant(old)) + blob(secret) + blob(extra)

    def fields(self, wanted: int, *, auth_due: bool) -> dict[str, Any]:
        dice = pack("<Q", CLIENT_CHALLENGE) if auth_due else pack("<Q", NONCE) + self.session_key.confounder
        request = self.auth_request(wanted) if auth_due else self.services_request(wanted)
        return {
            "kind": "client",
            "key": self.key.wire.hex(),
            "global_id": str(GLOBAL_ID),
            "server_challenge": str(CHALLENGE),
            "auth_session_key": self.session_key.wire.hex(),
            "auth_ticket": self.ticket.hex(),
            "auth_due": auth_due,
            "wanted": wanted,
            "client_dice": dice.hex(),
            "request": request.hex(),
        }

    def kept(self, *services: int, auth: bool = False, kind: int | None = None) -> dict[str, Any]:
        session_keys = {service: self.service_key(service, kind).wire.hex() for service in services}
        if auth:
            session_keys[AUTH] = self.new_session_key.wire.hex()
        return {"kept": {str(service): session_keys[service] for service in sorted(session_keys)}}


def clients() -> Iterator[Vector]:
    for kind, name in ((1, "aes"), (2, "aes256k")):
        side = Side(kind)
        held, new = side.session_key, side.new_session_key

        def good(ident: str, rule: str, reply: bytes, fields: dict[str, Any], name: str = name) -> Vector:
            return valid(f"client-{name}-{ident}", rule, reply, **fields)

        asked = side.fields(4, auth_due=False)
        reply = side.services_reply(*side.grants(held, 4))
        yield good("osd", "RENEWAL-1", reply, asked | side.kept(4))
        asked = side.fields(0x17, auth_due=False)
        reply = side.services_reply(*side.grants(held, 1, 2, 4, 16))
        yield good("all-services", "RENEWAL-1", reply, asked | side.kept(1, 2, 4, 16))
        yield good("fewer", "RENEWAL-3", side.services_reply(*side.grants(held, 4)), asked | side.kept(4))
        yield good("none", "RENEWAL-3", side.services_reply(), asked | side.kept())
        asked = side.fields(0, auth_due=True)
        yield good("auth", "RENEWAL-2", side.auth_reply(b"", old=held), asked | side.kept(auth=True))
        asked = side.fields(0x14, auth_due=True)
        reply = side.auth_reply(ticket_reply(*side.grants(new, 4, 16)), old=held)
        yield good("auth-and-services", "RENEWAL-2", reply, asked | side.kept(4, 16, auth=True))
    strong = Side(2)
    reply = strong.services_reply(*strong.grants(strong.session_key, 4, kind=1))
    fields = strong.fields(4, auth_due=False) | strong.kept(4, kind=1)
    yield valid("client-aes256k-weaker-service", "RENEWAL-1", reply, **fields)


def clients_refuse() -> Iterator[Vector]:
    side = Side(2)
    held, new = side.session_key, side.new_session_key
    (osd,), (mgr,) = side.grants(held, 4), side.grants(held, 16)
    services, auth = side.fields(4, auth_due=False), side.fields(4, auth_due=True)

    def bad(ident: str, rule: str, reply: bytes, fields: dict[str, Any], error: str = "AuthError") -> Vector:
        return invalid(f"client-{ident}", rule, reply, error, **fields)

    good = side.services_reply(osd)
    yield bad("status", "RENEWAL-3", side.services_reply(status=-13), services, "AuthRefused")
    yield bad("status-above", "RENEWAL-3", side.services_reply(osd, status=1), services)
    yield bad("operation", "RENEWAL-3", side.services_reply(osd, operation=0x0100), services)
    yield bad("empty", "WIRE-1", b"", services, "ShortRead")
    yield bad("cut", "WIRE-1", good[:-1], services, "ShortRead")
    yield bad("longer", "CEPHX-15", good + b"\0", services, "DecodeError")
    yield bad("count-huge", "WIRE-2", good[:7] + pack("<I", 2**32 - 1) + good[11:], services, "ShortRead")
    yield bad("unwanted", "CEPHX-14", side.services_reply(mgr), services)
    yield bad("twice", "CEPHX-14", side.services_reply(osd, osd), services)
    yield bad("auth-unasked", "CEPHX-14", side.services_reply(side.auth_grant(None)), services)
    yield bad("of-own-key", "CEPHX-6", side.services_reply(*side.grants(side.key, 4)), services)
    sealed = grant(4, held, side.service_key(4), side.blob(4), validity=3600, old=held)
    yield bad("sealed-service-ticket", "CEPHX-23", side.services_reply(sealed), services)
    yield bad("auth-plain", "CEPHX-23", side.auth_reply(b"", old=None), auth)
    yield bad("auth-sealed-with-other", "CEPHX-6", side.auth_reply(b"", old=new), auth)
    extra = ticket_reply(*side.grants(held, 4))
    yield bad("extra-of-old-key", "CEPHX-6", side.auth_reply(extra, old=held), auth)
    extra = ticket_reply(*side.grants(new, 16))
    yield bad("extra-unwanted", "CEPHX-14", side.auth_reply(extra, old=held), auth)
    yield bad("services-for-auth", "RENEWAL-3", good, auth)
    yield bad("auth-for-services", "RENEWAL-3", side.auth_reply(b"", old=held), services)


def monitors() -> Iterator[Vector]:
    """Seen at monitors of 16.2.15 and 18.2.7, with another client and other keys."""
    side = Side(1)
    stored = [key(1, f"auth secret {number}") for number in (1, 2, 3)]
    side.ticket = ticket_blob(2, stored[1].seal(0x30, ticket_inside(side.session_key, GLOBAL_ID, caps=None)))
    fields = {
        "kind": "monitor",
        "now": NOW,
        "name": "client.admin",
        "key": side.key.wire.hex(),
        "global_id": str(GLOBAL_ID),
        "server_challenge": str(CHALLENGE),
        "secrets_dice": b"".join(secret.secret for secret in stored).hex(),
    }

    def shown(session_key: Key = side.session_key, **changes: Any) -> bytes:
        head: dict[str, Any] = {"global_id": GLOBAL_ID, "service": AUTH, "ticket": side.ticket} | changes
        return pack("<H", 0x0200) + authorizer(session_key, sealed=authorize(NONCE, None), **head)

    def proves(proof: int | None = None, ticket: bytes = side.ticket) -> bytes:
        number = side.key.prove(CHALLENGE, CLIENT_CHALLENGE) if proof is None else proof
        return pack("<HBQQ", 0x0100, 3, CLIENT_CHALLENGE, number) + ticket + pack("<I", AUTH)

    def said(ident: str, rule: str, request: bytes, result: int, reply: bytes = b"") -> Vector:
        return valid(f"monitor-{ident}", rule, request, **fields, code=result, reply=reply.hex())

    def asks(keys: int) -> bytes:
        return shown() + pack("<BI", 1, keys)

    refused, empty = side.services_reply(status=-13), side.services_reply()
    for ident, keys, result, reply in (
        ("only-client", 8, -13, refused),
        ("auth-and-client", 0x28, -13, refused),
        ("only-auth", AUTH, 0, empty),
        ("nothing", 0, 0, empty),
    ):
        yield said(ident, "RENEWAL-5", asks(keys), result, reply)
    tail = pack("<BI", 1, 4)
    yield said("other-key", "RENEWAL-4", shown(key(1, "other")) + tail, -13)
    yield said("other-service", "RENEWAL-4", shown(service=4) + tail, -13)
    yield said("other-global-id", "RENEWAL-4", shown(global_id=5) + tail, -13)
    yield said("unknown-secret", "RENEWAL-4", shown(ticket=ticket_blob(99, bytes(96))) + tail, -13)
    yield said("authorizer-cut", "RENEWAL-4", shown()[:40], -13)
    yield said("authorizer-missing", "RENEWAL-4", shown()[:2], -13)
    yield said("mask-cut", "RENEWAL-7", asks(4)[:-2], -1)
    yield said("mask-missing", "RENEWAL-7", asks(4)[:-5], -1)
    yield said("empty", "RENEWAL-7", b"", -1)
    yield said("one-byte", "RENEWAL-7", b"\0", -1)
    yield said("unknown-operation", "RENEWAL-7", b"\0\7", -22)
    yield said("proof-cut", "CEPHX-19", b"\0\1\3", -1)
    yield said("wrong-proof", "RENEWAL-6", proves(6), -13)
    yield said("no-ticket", "RENEWAL-6", proves(ticket=ticket_blob(0, b"")), -13)
    yield said("ticket-of-unknown-secret", "RENEWAL-6", proves(ticket=ticket_blob(99, bytes(96))), -13)
    yield said("rotating-for-client", "ROTATING-1", b"\0\4", -13, b"\0\4\0\0\0\0")


# Rotating secrets

CAPTURED_KEY = "010089be016b000000001000593b5d0a3e98e131c49b92aca2dcf14f"
CAPTURED_REPLY = (
    "000400000000a0000000e72e2c2904aa790b9711ed86bb447f33c5130b396d045f17e8eb8b660355add46f9328c93eac"
    "ae8c57c1aa917469d390c4d9933095ad2faf219ed747f7d7a0627663d67e2d5b866971e07db2676dc8ed2cc4f5b633ab"
    "113e3a6a10ae61e78eb92e195e5d671dd0caca34e9d8b02f9e97fa071aadd195bcce401d256cee9b24318e3812d45a1e"
    "b005fc62b08c4942a142902787f85636d0f398fe0737a3b234aa"
)
CAPTURED_SECRETS = [
    [1, "010089be016b1a08100b10007bf3e8d69a039e659ae1152630145c78", [1795280025, 185599676]],
    [2, "010089be016bb412100b1000cc4683c39d077f4f04352f19314bc911", [1795283625, 185599676]],
    [3, "010089be016b3016100b1000c6aa80915e1559cb23a99ecd8fbfa706", [1795287225, 185599676]],
]


def rotating_list(*secrets: tuple[int, Key, int]) -> bytes:
    body = b"".join(
        pack("<QB", number, 1) + sealing.wire + pack("<II", expires, 0) for number, sealing, expires in secrets
    )
    newest = max((number for number, _, _ in secrets), default=0)
    return pack("<BI", 1, len(secrets)) + body + pack("<Q", newest)


def told(daemon: Key, body: bytes) -> bytes:
    return pack("<Hi", 0x0400, 0) + daemon.framed(0x20, body)


def three(kind: int) -> list[tuple[int, Key, int]]:
    return [(number, key(kind, f"secret {number}", NOW), NOW + 3600 * number) for number in (4, 5, 6)]


def secrets() -> Iterator[Vector]:
    captured = {"key": CAPTURED_KEY, "service": 4, "secrets": CAPTURED_SECRETS}
    yield valid("captured-16", "ROTATING-1", bytes.fromhex(CAPTURED_REPLY), "Captured", confounder="", **captured)
    for kind, sealed, name in ((1, 1, "aes"), (2, 2, "aes256k"), (1, 2, "aes-holds-aes256k")):
        daemon = key(kind, "daemon")
        fields = {
            "key": daemon.wire.hex(),
            "service": 16,
            "confounder": daemon.confounder.hex(),
            "secrets": [[number, secret.wire.hex(), [ends, 0]] for number, secret, ends in three(sealed)],
        }
        yield valid(f"rotating-{name}", "ROTATING-2", told(daemon, rotating_list(*three(sealed))), **fields)


def secrets_refused() -> Iterator[Vector]:
    daemon = key(2, "daemon")
    one, two, last = three(2)

    def bad(ident: str, rule: str, wire: bytes, error: str = "AuthError") -> Vector:
        return invalid(f"rotating-{ident}", rule, wire, error, key=daemon.wire.hex(), service=16)

    good = told(daemon, rotating_list(one, two, last))
    yield bad("status", "RENEWAL-3", pack("<Hi", 0x0400, -13), "AuthRefused")
    yield bad("operation", "RENEWAL-3", pack("<H", 0x0200) + good[2:])
    yield bad("empty", "WIRE-1", b"", "ShortRead")
    yield bad("header-alone", "WIRE-1", good[:6], "ShortRead")
    yield bad("cut", "WIRE-1", good[:-1], "ShortRead")
    yield bad("longer", "CEPHX-15", good + b"\0", "DecodeError")
    yield bad("other-key", "CEPHX-6", told(key(2, "other"), rotating_list(one, two, last)))
    yield bad("other-usage", "CEPHX-6", pack("<Hi", 0x0400, 0) + daemon.framed(0x30, rotating_list(one, two, last)))
    yield bad("none", "ROTATING-2", told(daemon, rotating_list()))
    yield bad("twice", "ROTATING-2", told(daemon, rotating_list(one, one, last)))
    yield bad("falling", "ROTATING-2", told(daemon, rotating_list(two, one, last)))
    yield bad("empty-secret", "ROTATING-2", told(daemon, rotating_list(one, (5, Key(2, b""), NOW), last)))
    yield bad("more-inside", "CEPHX-15", told(daemon, rotating_list(one, two) + b"\0"), "DecodeError")
    yield bad("less-inside", "WIRE-1", told(daemon, rotating_list(one, two)[:-1]), "ShortRead")
    yield bad("count-huge", "WIRE-2", told(daemon, pack("<BI", 1, 2**32 - 1)), "ShortRead")
