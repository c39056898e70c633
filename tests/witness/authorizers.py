"""Vectors of service connections: whole dialogues, seen from the client and from the service."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from struct import pack
from typing import Any

from .encoder import blob, flipped
from .sealing import Key, authorize, authorizer, key, ticket_blob, ticket_inside
from .topic import Topic, Vector, invalid, topic, valid

NONCE = 0x1122334455667788
CHALLENGE = 0xFEDCBA9876543210
LAST = 2**64 - 1
SECRET = bytes(range(64))
NOW = 1_700_000_000
MONITORS_ID = 2**64 - 1
CAPTURED = Key(1, bytes.fromhex("30e35b0ed19ec6aaf5ad443da96a9a38"))
CAPTURED_TICKET = (
    "01020000000000000070000000"
    "4827a1cb111ccafad2c5c97fa3473ad7ec42fa0ad8660c2e0700b56b36ba263d0953f3952ccbe472712b56b621d0a665"
    "6b7db70c6ab0c556e3986d5cf2415308870637a6ebcc51736329efc0e667bb40231a38ae792b79387c5c37222f5a7e69"
    "6aaffdbf167e1bde1c29608eca8e5946"
)
CAPTURED_CHALLENGE = "fe35b1065515d245a76b516858d359f2a482c58c46e89d4781f65bc500dc479a"
CAPTURED_DONE = (
    "60000000aeccdf88a9bad9eb2d54c112407febcf46804a75e771a9f73ad836b19b540da72db44183cc163fe26cca3220"
    "107d28032ff1449de643cedd72f7d84c24986523bec801a827d89d9532a7a9d33ad3bfa27c42ce20da621b6d704c60f6"
    "2aa69ccd"
)
CAPTURED_SECRET = (
    "5b653081e236420c21d0645ea7f1a868ff2128c703c4a6d1387072bf5c33452030a70f769ec5f03bd15d2fcf1587ab2e"
    "6b275dc015e82dd7d7be0161eebe9884"
)


def topics() -> list[Topic]:
    about = (
        "The handshake with a service that takes tickets. `first` and `second` are the authorizers, `challenge` and "
        "`done` what the service says to each; a client's `wire` is `done`, a service's is `second`. `key` is the "
        "session key in the ticket; a service opens the ticket with `secret`. The dice of either end show what "
        "`client_dice` and `server_dice` say, in the order of the throws. 64-bit numbers are decimal strings."
    )
    return [topic("authorizer", about, [*clients(), *clients_refuse(), *services(), *services_refuse()])]


@dataclass(frozen=True)
class Dialogue:
    """A handshake as it goes where nobody does anything wrong; the fields are what may differ."""

    kind: int = 1
    sealing: int = 1
    service: int = 4
    mode: int = 2
    secret_id: int = 2
    global_id: int = 4176
    nonce: int = NONCE
    challenge_number: int = CHALLENGE

    @property
    def key(self) -> Key:
        return key(self.kind, "session key", NOW)

    @property
    def secret(self) -> Key:
        return key(self.sealing, "rotating secret")

    def inside(self, **changes: Any) -> bytes:
        return ticket_inside(self.key, self.global_id, **changes)

    def ticket(self, inside: bytes | None = None) -> bytes:
        return ticket_blob(self.secret_id, self.secret.seal(0x30, self.inside() if inside is None else inside))

    def shown(self, sealed: bytes, *, ticket: bytes | None = None, **changes: Any) -> bytes:
        head = {"global_id": self.global_id, "service": self.service} | changes
        return authorizer(self.key, ticket=self.ticket() if ticket is None else ticket, sealed=sealed, **head)

    def first(self, **changes: Any) -> bytes:
        return self.shown(authorize(self.nonce, None), **changes)

    def second(self, **changes: Any) -> bytes:
        return self.shown(authorize(self.nonce, (self.challenge_number + 1) % 2**64), **changes)

    @property
    def challenge(self) -> bytes:
        return self.key.seal(0x11, pack("<BQ", 1, self.challenge_number))

    @property
    def connection_secret(self) -> bytes:
        return SECRET if self.mode == 2 else b""

    @property
    def done(self) -> bytes:
        return self.answered((self.nonce + 1) % 2**64, self.connection_secret)

    def answered(self, number: int, secret: bytes, more: bytes = b"") -> bytes:
        body = pack("<BQ", 2 if secret else 1, number) + (blob(secret) if secret else b"") + more
        return self.key.framed(0x12, body)

    def client(self) -> dict[str, Any]:
        return {
            "kind": "client",
            "key": self.key.wire.hex(),
            "service": self.service,
            "global_id": str(self.global_id),
            "ticket": self.ticket().hex(),
            "mode": self.mode,
            "client_dice": (pack("<Q", self.nonce) + 2 * self.key.confounder).hex(),
            "first": self.first().hex(),
            "challenge": self.challenge.hex(),
            "second": self.second().hex(),
            "granted": str(self.global_id),
            "connection_secret": self.connection_secret.hex(),
        }

    def server(self) -> dict[str, Any]:
        dice = pack("<Q", self.challenge_number) + self.key.confounder + self.connection_secret + self.key.confounder
        return {
            "kind": "server",
            "service": self.service,
            "secret": self.secret.wire.hex(),
            "secret_id": str(self.secret_id),
            "now": NOW,
            "mode": self.mode,
            "server_dice": dice.hex(),
            "first": self.first().hex(),
            "challenge": self.challenge.hex(),
        }


def dialogues() -> Iterator[tuple[str, Dialogue]]:
    for kind, sealing, name in ((1, 1, "aes"), (2, 2, "aes256k"), (1, 2, "aes-sealed-aes256k")):
        for mode, word in ((2, "secure"), (1, "crc")):
            yield f"{name}-{word}", Dialogue(kind=kind, sealing=sealing, mode=mode)
    yield "challenge-wraps", Dialogue(challenge_number=LAST)
    yield "nonce-wraps", Dialogue(nonce=LAST)
    yield "mgr", Dialogue(service=16)
    yield "mds", Dialogue(service=2)


def clients() -> Iterator[Vector]:
    captured = {
        "kind": "client",
        "key": CAPTURED.wire.hex(),
        "service": 4,
        "global_id": "4176",
        "ticket": CAPTURED_TICKET,
        "mode": 2,
        "client_dice": pack("<Q", NONCE).hex(),
        "challenge": CAPTURED_CHALLENGE,
        "granted": "4176",
        "connection_secret": CAPTURED_SECRET,
    }
    ticket = bytes.fromhex(CAPTURED_TICKET)
    for name, answer in (("first", None), ("second", 0xDCF5592441166FA9)):
        captured[name] = authorizer(CAPTURED, 4176, 4, ticket, authorize(NONCE, answer)).hex()
    yield valid("client-captured-16", "AUTHORIZER-5", bytes.fromhex(CAPTURED_DONE), "Captured", **captured)
    for ident, said in dialogues():
        yield valid(f"client-{ident}", "AUTHORIZER-5", said.done, **said.client())


def clients_refuse() -> Iterator[Vector]:
    for kind in (1, 2):
        secure, crc = Dialogue(kind=kind, sealing=kind), Dialogue(kind=kind, sealing=kind, mode=1)
        other = key(kind, "other")
        sealed_wrong = "CEPHX-4" if kind == 1 else "CEPHX-6"
        plus_one = secure.nonce + 1

        def bad(ident: str, rule: str, said: Dialogue, done: bytes, error: str = "AuthError", **changes: Any) -> Vector:
            fields = said.client() | changes
            kinds = {1: "aes", 2: "aes256k"}
            return invalid(f"client-{kinds[said.kind]}-{ident}", rule, done, error, **fields)

        yield bad("nonce-itself", "AUTHORIZER-5", secure, secure.answered(secure.nonce, SECRET))
        yield bad("nonce-plus-two", "AUTHORIZER-5", secure, secure.answered(plus_one + 1, SECRET))
        yield bad("no-secret", "AUTHORIZER-6", secure, secure.answered(plus_one, b""))
        yield bad("short-secret", "AUTHORIZER-6", secure, secure.answered(plus_one, bytes(39)))
        yield bad("secret-in-crc", "AUTHORIZER-6", crc, crc.answered(plus_one, SECRET))
        yield bad("more-after-it", "CEPHX-15", crc, crc.answered(plus_one, b"", b"\0"), "DecodeError")
        yield bad("more-after-secret", "CEPHX-15", secure, secure.answered(plus_one, SECRET, b"\0"), "DecodeError")
        yield bad("more-after-envelope", "CEPHX-15", secure, secure.done + b"\0", "DecodeError")
        yield bad("raw", "WIRE-1", secure, secure.done[4:], "ShortRead")
        yield bad("cut", "WIRE-1", secure, secure.done[:-1], "ShortRead")
        yield bad("empty", "WIRE-1", secure, b"", "ShortRead")
        yield bad("other-global-id", "AUTHORIZER-5", secure, secure.done, granted="4177")
        yield bad("other-key", sealed_wrong, secure, other.framed(0x12, pack("<BQ", 1, plus_one)))
        challenge = other.seal(0x11, pack("<BQ", 1, CHALLENGE)).hex()
        yield bad("challenge-of-other-key", sealed_wrong, secure, secure.done, challenge=challenge)
        framed = blob(secure.challenge).hex()
        rule = "CEPHX-5" if kind == 1 else "CEPHX-6"
        yield bad("challenge-framed", rule, secure, secure.done, challenge=framed)
        longer = secure.key.seal(0x11, pack("<BQB", 1, CHALLENGE, 0)).hex()
        yield bad("challenge-longer", "CEPHX-15", secure, secure.done, "DecodeError", challenge=longer)
        yield bad("no-challenge", "AUTHORIZER-3", secure, secure.done, challenge=None)
    usage = Dialogue(kind=2, sealing=2)
    wire = usage.key.framed(0x11, pack("<BQ", 1, NONCE + 1) + blob(SECRET))
    yield invalid("client-aes256k-other-usage", "CEPHX-6", wire, "AuthError", **usage.client())


def services() -> Iterator[Vector]:
    def good(ident: str, said: Dialogue, name: str, caps: dict[str, str], *flags: str, **changes: Any) -> Vector:
        outcome = {
            "done": said.done.hex(),
            "name": name,
            "global_id": str(said.global_id),
            "caps": caps,
            "session_key": said.key.secret.hex(),
            "connection_secret": said.connection_secret.hex(),
        }
        wire = changes.pop("second", said.second())
        return valid(f"server-{ident}", "AUTHORIZER-4", wire, *flags, **said.server() | outcome | changes)

    services = {4: "osd", 16: "mgr", 2: "mds"}
    for ident, said in dialogues():
        yield good(ident, said, "client.admin", {services[said.service]: "allow *"})
    monitors = Dialogue(service=1, secret_id=MONITORS_ID, global_id=0)
    ticket = monitors.ticket(monitors.inside(name=(1, "")))
    shown = {"first": monitors.first(ticket=ticket).hex(), "second": monitors.second(ticket=ticket)}
    yield good("monitors", monitors, "mon.", {"mon": "allow *"}, **shown)
    said = Dialogue()
    ticket = said.ticket(said.inside(caps=None))
    shown = {"first": said.first(ticket=ticket).hex(), "second": said.second(ticket=ticket)}
    yield good("no-caps", said, "client.admin", {}, **shown)
    allow = {"osd": "allow *"}
    for version in (2, 9):
        shown = {"first": said.first(version=version).hex(), "second": said.second(version=version)}
        yield good(f"first-byte-{version}", said, "client.admin", allow, "NotSent", **shown)
    yield good("just-expired", said, "client.admin", allow, now=NOW + 3600 + 29)
    old = said.shown(pack("<BQ", 1, NONCE)).hex()
    yield good("old-first", said, "client.admin", allow, "NotSent", first=old)


def services_refuse() -> Iterator[Vector]:
    said = Dialogue(kind=2, sealing=2)

    def bad(ident: str, rule: str, second: bytes | None = None, **changes: Any) -> Vector:
        wire = said.second() if second is None else second
        return invalid(f"server-{ident}", rule, wire, "AuthError", **said.server() | changes)

    def shows(ident: str, rule: str, inside: bytes, **changes: Any) -> Vector:
        return bad(ident, rule, first=said.first(ticket=said.ticket(inside)).hex(), **changes)

    for byte in (0, 10, 255):
        yield bad(f"first-byte-{byte}", "AUTHORIZER-1", first=said.first(version=byte).hex())
    yield bad("empty", "AUTHORIZER-1", first="")
    yield bad("cut", "AUTHORIZER-1", first=said.first()[:-1].hex())
    yield bad("other-service", "AUTHORIZER-7", first=said.first(service=16).hex())
    yield bad("unknown-secret", "AUTHORIZER-7", first=said.first(ticket=ticket_blob(99, bytes(48))).hex())
    yield bad("ticket-of-other-secret", "CEPHX-6", secret=key(2, "other").wire.hex())
    yield bad("other-global-id", "AUTHORIZER-8", first=said.first(global_id=4177).hex())
    yield bad("expired", "CEPHX-20", now=NOW + 3600 + 30)
    yield bad("monitors-ticket", "AUTHORIZER-10", first=said.first(ticket=ticket_blob(MONITORS_ID, bytes(48))).hex())
    yield shows("auid", "CEPHX-20", said.inside(auid=0))
    yield shows("allow-all", "CEPHX-20", said.inside(allow_all=1))
    yield shows("flags", "CEPHX-20", said.inside(flags=1))
    yield shows("expires-before-created", "CEPHX-20", said.inside(lifetime=-1))
    yield shows("no-session-key", "CEPHX-16", ticket_inside(Key(0, b""), said.global_id))
    yield shows("caps-cut", "WIRE-1", said.inside(caps_blob=pack("<I", 9)))
    yield shows("caps-longer", "CEPHX-15", said.inside(caps_blob=blob(b"allow") + b"\0"))
    yield bad("first-answers", "AUTHORIZER-2", first=said.second().hex())
    other = authorizer(key(2, "other"), said.global_id, 4, said.ticket(), authorize(NONCE, None))
    yield bad("first-of-other-key", "CEPHX-6", first=other.hex())
    yield bad("second-empty", "AUTHORIZER-1", b"")
    yield bad("second-answers-not", "AUTHORIZER-2", said.first())
    yield bad("second-of-version-1", "AUTHORIZER-2", said.shown(pack("<BQ", 1, NONCE)))
    yield bad("second-other-ticket", "AUTHORIZER-2", said.second(ticket=said.ticket(said.inside(flags=1))))
    yield bad("second-other-global-id", "AUTHORIZER-2", said.second(global_id=1))
    for ident, number in (("itself", CHALLENGE), ("plus-two", CHALLENGE + 2), ("zero", 0)):
        yield bad(f"second-challenge-{ident}", "AUTHORIZER-4", said.shown(authorize(NONCE, number)))
    for place in (-1, -24, -40):
        yield bad(f"second-bit-{-place}", "CEPHX-6", flipped(said.second(), (len(said.second()) + place) * 8))
    monitors = Dialogue(service=1, secret_id=MONITORS_ID, global_id=0)
    among: dict[str, Any] = {"service": 1, "secret": monitors.secret.wire.hex(), "secret_id": str(MONITORS_ID)}
    for ident, inside in (
        ("client", monitors.inside()),
        ("global-id", ticket_inside(monitors.key, 7, name=(1, ""))),
    ):
        shown = monitors.first(ticket=monitors.ticket(inside), global_id=7 if ident == "global-id" else 0)
        yield bad(f"monitors-{ident}", "AUTHORIZER-10", **among, first=shown.hex())
    granted = Dialogue(service=1)
    yield bad("monitors-granted", "AUTHORIZER-10", **among, first=granted.first().hex())
