"""Vectors of whole connections: handshakes and sessions, both directions, byte by byte; right ones and spoilt ones."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from struct import pack
from types import MappingProxyType
from typing import Any

from msgr.vectors.world import ENDS

from . import nodes, spoilt
from .recorder import Act, Asks, Recorder, Sends, Talks, Tampering, Waits, message
from .sealing import key
from .topic import Topic, Vector, topic

NOW = 1_700_000_000
SERVER = "v2:127.0.0.1:6789/0"
CLIENT = "v2:127.0.0.1:51234/0"
LISTENS = "v2:127.0.0.1:6800/77"
KEYS = {"aes": 1, "aes256k": 2}
ALL = ("2.1", "2.0")
CONNECTION = (
    "`setup` is what both ends are told, and in `connections` each has the dice that they throw (`client_dice`, "
    "`server_dice`, in the order of the throws; `secrets_dice` are those of the server's rotating secrets), the keys "
    "that come out, and `steps`: what an end says (`from`, `wire`; `frames` is the same, opened), what `arrives` of "
    "it where that is something else, which messages it `delivers` and which `events` it causes at the other end; what "
    "a `user` does; how many `seconds` pass. A connection is cut where its steps end."
)


def topics() -> list[Topic]:
    return [
        topic(
            "handshake",
            f"Whole handshakes. {CONNECTION}",
            [*handshakes(), *both_dial(), *node_handshakes(), *spoilt_handshakes(), *spoilt_node_handshakes()],
        ),
        topic(
            "session",
            f"Whole sessions, over one connection or several. {CONNECTION}",
            [*sessions(), *spoilt_sessions()],
        ),
    ]


def setup(
    method: str = "none",
    mode: str = "crc",
    revision: str = "2.1",
    *,
    policies: tuple[str, str] = ("lossy_client", "stateless_server"),
    address: str | None = None,
    compression: dict[str, Any] | None = None,
    **server: Any,
) -> dict[str, Any]:
    """What both ends are told; `method` is none or the type of a cephx key. `server` is told this instead."""
    cephx = method != "none"
    secret = b64encode(key(KEYS[method], "client.admin", NOW).wire).decode() if cephx else None
    both = {
        "methods": ["cephx" if cephx else "none"],
        "modes": [mode],
        "revisions": [revision],
        "compression": compression,
    }
    keyring = {"client.admin": {"key": secret, "caps": {"mon": "allow *"}}} if cephx else {}
    ours = {"name": "client.admin", "address": address, "seen_at": CLIENT, "policy": policies[0], "key": secret}
    theirs = {"name": "mon.a", "address": SERVER, "policy": policies[1], "keyring": keyring}
    return {
        "now": NOW,
        "client": ours | both,
        "server": theirs | {"secrets": method if cephx else "aes256k"} | both | server,
    }


def recorded(ident: str, rule: str, told: dict[str, Any], *flags: str, acts: Iterable[Act] = ()) -> Vector:
    """One connection."""
    recorder = Recorder(ident, told)
    recorder.connection(*acts)
    return right(recorder, rule, *flags)


def right(recorder: Recorder, rule: str, *flags: str) -> Vector:
    if recorder.refusal is not None:
        raise AssertionError(f"{recorder.ident}: {recorder.refusal}")
    return {"id": recorder.ident, "rule": rule, "flags": list(flags), "result": "valid", **recorder.written()}


def wrong(recorder: Recorder, *flags: str) -> Vector:
    """A transcript that ends in a refusal, of which the recorder knows the rule."""
    if recorder.refusal is None:
        raise AssertionError(f"{recorder.ident}: nobody refused")
    end, error = recorder.refusal
    outcome = {"result": "invalid", "error": type(error).__name__, "refused_by": end}
    return {"id": recorder.ident, "rule": error.rule, "flags": list(flags), **outcome, **recorder.written()}


# Handshakes


def keyed() -> Iterator[tuple[str, str, str]]:
    yield from (("none", "crc", revision) for revision in ALL)
    for method in KEYS:
        for mode in ("crc", "secure"):
            yield from ((method, mode, revision) for revision in ALL)


def handshakes() -> Iterator[Vector]:
    for method, mode, revision in keyed():
        rule = "AUTH-24" if method == "none" else "AUTH-23"
        yield recorded(f"handshake-{method}-{mode}-{revision}", rule, setup(method, mode, revision))
    older = setup("aes256k", "secure", revisions=["2.0"])
    older["client"]["revisions"] = list(ALL)
    yield recorded("handshake-server-speaks-2.0-only", "BANNER-5", older)
    choosy = setup("aes", "crc", modes=["crc"])
    choosy["client"]["modes"] = ["secure", "crc"]
    yield recorded("handshake-second-mode-is-taken", "AUTH-3", choosy)
    second = setup("aes", "crc", methods=["none"])
    second["client"]["methods"] = ["cephx", "none"]
    yield recorded("handshake-second-method-is-taken", "AUTH-5", second)
    for algorithm, method, mode in (("snappy", "none", "crc"), ("zlib", "aes256k", "secure")):
        wanted = {"algorithms": [algorithm], "minimum": 0}
        told = setup(method, mode, compression=wanted)
        yield recorded(f"handshake-{algorithm}-is-agreed", "COMPRESSION-3", told, "Compressed")
    told = setup("none", "crc", compression=None)
    told["client"]["compression"] = {"algorithms": ["snappy", "zlib"], "minimum": 0}
    yield recorded("handshake-no-compression-is-agreed", "COMPRESSION-3", told)


def both_dial() -> Iterator[Vector]:
    for revision in ALL:
        told = setup(revision=revision, policies=("lossless_peer", "lossless_peer"), address=LISTENS, dials=True)
        yield recorded(f"handshake-simultaneous-open-{revision}", "SIMOPEN-1", told)


def extended(
    method: str, mode: str, revision: str = "2.1", *, instead: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    """What both ends are told that offer the extension; `instead` has what one is told instead, or None."""
    told = setup(method, mode, revision)
    for end, host in (("client", "dials.example"), ("server", "accepts.example")):
        told[end]["node"] = {"hello": nodes.SILENT | {"cluster": "prod", "node": "7", "host": host}, "rejects": None}
        if end in instead:
            told[end]["node"] = instead[end]
    return told


def rejecting(host: str, kind: int, rule: str, reason: str) -> dict[str, Any]:
    rejects = {"kind": kind, "rule": rule, "reason": reason}
    return {"hello": nodes.SILENT | {"cluster": "test", "host": host}, "rejects": rejects}


def node_handshakes() -> Iterator[Vector]:
    for method, mode, revision in keyed():
        told = extended(method, mode, revision)
        yield recorded(f"handshake-node-{method}-{mode}-{revision}", "NODE-2", told, "Extended")
    for end in ("client", "server"):
        told = extended("aes256k", "secure", instead={end: None})
        yield recorded(f"handshake-node-the-{end}-does-not-offer-it", "NODE-1", told, "Extended")
    padded = {"hello": nodes.SILENT | {"padding_wanted": 3000, "padding": "a5" * 1000}, "rejects": None}
    yield recorded(
        "handshake-node-padding", "NODE-11", extended("aes256k", "secure", instead={"client": padded}), "Extended"
    )
    zlib = extended("aes", "secure")
    zlib["client"]["compression"] = zlib["server"]["compression"] = {"algorithms": ["zlib"], "minimum": 0}
    yield recorded("handshake-node-behind-compression", "NODE-2", zlib, "Extended", "Compressed")


def spoilt_node_handshakes() -> Iterator[Vector]:
    foreign = "cluster prod is not one of test"
    for end, rule, kind, reason in (("server", "NODE-3", 1, foreign), ("client", "NODE-5", 2, "nine was meant")):
        for method, mode in (("none", "crc"), ("aes256k", "secure")):
            told = extended(method, mode, instead={end: rejecting(f"{end}.example", kind, rule, reason)})
            yield spoilt_once(f"handshake-node-rejected-by-{end}-{method}", told, None, "Refused", "Extended")
    cut = spoilt.payload("2.1", lambda said: said[:-1])
    for end in ENDS:
        told = extended("none", "crc")
        tampering = Tampering(end, "NODE_HELLO", cut)
        yield spoilt_once(f"handshake-node-hello-cut-at-the-{end}", told, tampering, "Cut", "Extended")
    removed = Tampering("client", "BANNER", lambda seen: seen.raw[:16] + b"\0" + seen.raw[17:])
    told = extended("aes256k", "secure")
    yield spoilt_once("handshake-node-bit-removed", told, removed, "Downgrade", "Extended")
    turned = spoilt.as_tag("2.1", nodes.HELLO)
    told = extended("none", "crc", instead={"server": None})
    early = Tampering("server", "COMPRESSION_DONE", turned)
    yield spoilt_once("handshake-node-private-frame-without-the-bit", told, early, "Forged", "Extended")


def spoilt_handshakes() -> Iterator[Vector]:
    for method, mode, revision in (("aes256k", "secure", "2.1"), ("aes", "secure", "2.0"), ("aes256k", "crc", "2.1")):
        for place, flag, tampering in (*spoilt.of_handshakes(revision), *spoilt.behind_it(mode, revision)):
            ident = f"handshake-{method}-{mode}-{revision}-{place}"
            yield spoilt_once(ident, setup(method, mode, revision), tampering, flag)
    for revision in ALL:
        for place, flag, tampering in spoilt.without_keys(revision):
            ident = f"handshake-none-crc-{revision}-{place}"
            yield spoilt_once(ident, setup("none", "crc", revision), tampering, flag)
    told = setup("aes256k", "secure", revision="2.1")
    told["client"]["revisions"] = told["server"]["revisions"] = list(ALL)
    yield spoilt_once("handshake-revision-turned-down", told, spoilt.older_banner(), "Downgrade")
    told = setup("aes256k", "secure")
    told["client"]["modes"] = told["server"]["modes"] = ["secure", "crc"]
    yield spoilt_once("handshake-modes-turned-around", told, spoilt.modes_around(), "Downgrade")
    for revision in ALL:
        told = setup("aes256k", "secure", revision, keyring={})
        yield spoilt_once(f"handshake-unknown-client-{revision}", told, None, "Refused")
    other = {"client.admin": {"key": b64encode(key(2, "another", NOW).wire).decode(), "caps": {}}}
    yield spoilt_once("handshake-another-key", setup("aes256k", "secure", keyring=other), None, "Refused")
    yield spoilt_once("handshake-no-common-method", setup("aes256k", "crc", methods=["none"]), None, "Refused")
    yield spoilt_once("handshake-no-common-mode", setup("aes", "secure", modes=["crc"]), None, "Refused")


def spoilt_once(
    ident: str, told: dict[str, Any], tampering: Tampering | None, *flags: str, acts: Iterable[Act] = ()
) -> Vector:
    recorder = Recorder(ident, told)
    recorder.connection(*acts, tampering=tampering)
    return wrong(recorder, *flags)


# Sessions

LOSSLESS = ("lossless_client", "stateful_server")
TEXT = b"the quick brown fox jumps over the lazy dog. " * 24


def chat() -> Iterator[Act]:
    yield Sends("client", message(15, b"front"))
    yield Sends("client", message(7, b"", b"middle", bytes(100)))
    yield Talks()
    yield Sends("server", message(42, bytes(range(200)), b"m", b"data"))
    yield Talks()
    yield Waits(5)
    yield Asks("client")
    yield Talks()
    yield Sends("client", message(1))
    yield Sends("server", message(2, b"", b"", b"d"))
    yield Talks()


def sessions() -> Iterator[Vector]:
    for method, mode, revision in keyed():
        yield recorded(f"session-{method}-{mode}-{revision}", "MESSAGE-3", setup(method, mode, revision), acts=chat())
    lossless = (("none", "crc", "2.1"), ("none", "crc", "2.0"), ("aes256k", "secure", "2.1"), ("aes", "secure", "2.0"))
    for method, mode, revision in lossless:
        told = setup(method, mode, revision, policies=LOSSLESS)
        tail = f"{method}-{mode}-{revision}"
        yield recorded(f"session-lossless-{tail}", "ACK-1", told, acts=chat())
        yield replayed(f"session-replay-{tail}", told)
        yield again(f"session-server-restarted-{tail}", told, "server", "SESSION-RECONNECT-1")
    peers = setup(policies=("lossless_peer_reuse", "lossless_peer_reuse"), address=LISTENS)
    yield again("session-client-restarted", peers, "client", "SESSION-IDENT-10")
    yield unheard("session-server-ident-lost", "SERVER_IDENT")
    yield unheard("session-reconnect-ok-lost", "SESSION_RECONNECT_OK")
    yield told_to_retry("session-told-to-retry", "SESSION-RECONNECT-7", -16)
    yield told_to_retry("session-told-to-retry-global", "SESSION-RECONNECT-6", -24)
    yield dropped()
    yield from compressed()
    yield unprotected()
    told = extended("aes256k", "secure")
    yield recorded("session-node-aes256k-secure-2.1", "NODE-2", told, "Extended", acts=chat())


def replayed(ident: str, told: dict[str, Any]) -> Vector:
    """What is lost on the first connection goes out again on the second; what arrived does not come twice."""
    recorder = Recorder(ident, told)
    acts: list[Act] = [Sends("client", message(1, b"one")), Talks()]
    acts += [Sends("client", message(2, b"two")), Sends("client", message(3, b"three")), Talks(loses="client")]
    acts += [Sends("server", message(4, b"four")), Talks(loses="server")]
    recorder.connection(*acts)
    recorder.connection(Sends("client", message(5, b"five")), Talks())
    return right(recorder, "SESSION-REPLAY-1", "Replay")


def again(ident: str, told: dict[str, Any], restarted: Any, rule: str) -> Vector:
    """One end comes back without its sessions."""
    recorder = Recorder(ident, told)
    recorder.connection(Sends("client", message(1, b"one")), Talks(), Sends("server", message(2, b"two")), Talks())
    recorder.connection(Sends("client", message(3, b"three")), Talks(), restarted=[restarted])
    return right(recorder, rule, "Reset")


def unheard(ident: str, name: str) -> Vector:
    """The last frame of a handshake is lost, and the client comes again."""
    recorder = Recorder(ident, setup(policies=LOSSLESS))
    lost = Tampering("server", name, lambda seen: b"")
    first = name == "SERVER_IDENT"
    if not first:
        recorder.connection(Sends("client", message(1, b"one")), Talks())
    recorder.connection(tampering=lost)
    recorder.connection(Sends("client", message(2, b"two")), Talks())
    return right(recorder, "SESSION-IDENT-11" if first else "SESSION-RECONNECT-9", "Replay")


def told_to_retry(ident: str, rule: str, place: int) -> Vector:
    """A number of SESSION_RECONNECT arrives as 0, and the server says what it has to be."""
    recorder = Recorder(ident, setup(policies=LOSSLESS))
    recorder.connection(Sends("client", message(1, b"one")), Talks())
    recorder.connection()
    lower = spoilt.payload("2.1", lambda said: said[:place] + bytes(8) + said[place + 8 :])
    recorder.connection(
        Sends("client", message(2, b"two")), Talks(), tampering=Tampering("client", "SESSION_RECONNECT", lower)
    )
    return right(recorder, rule, "Unprotected")


def dropped() -> Vector:
    """A client that came back without its numbers looks like an old one: it is let in when it comes again."""
    told = setup(policies=("lossless_peer_reuse", "lossless_peer_reuse"), address=LISTENS)
    recorder = Recorder("session-client-restarted-and-dropped", told)
    recorder.connection(Sends("client", message(1, b"one")), Talks())
    recorder.connection()
    recorder.connection(restarted=["client"])
    recorder.connection(Sends("client", message(2, b"two")), Talks())
    return right(recorder, "SESSION-IDENT-15", "Reset")


def compressed() -> Iterator[Vector]:
    acts: list[Act] = [
        Sends("client", message(1, TEXT)),
        Talks(),
        Sends("server", message(2, b"short", TEXT, bytes(500))),
    ]
    acts += [Talks(), Asks("server"), Talks()]
    for algorithm, minimum, method, mode, revision in (
        ("snappy", 0, "none", "crc", "2.1"),
        ("snappy", 1024, "none", "crc", "2.0"),
        ("zlib", 0, "none", "crc", "2.1"),
        ("snappy", 0, "aes256k", "secure", "2.1"),
        ("zlib", 1024, "aes", "secure", "2.0"),
    ):
        told = setup(method, mode, revision, compression={"algorithms": [algorithm], "minimum": minimum})
        ident = f"session-{algorithm}-from-{minimum}-{method}-{mode}-{revision}"
        yield recorded(ident, "COMPRESSION-4", told, "Compressed", acts=acts)


def unprotected() -> Vector:
    """In crc mode, whoever stands between the ends can change a message."""
    recorder = Recorder("session-crc-does-not-protect", setup("aes256k", "crc"))
    changed = Tampering("client", "MESSAGE", spoilt.segment("2.1", 1, b"pwned"))
    recorder.connection(Sends("client", message(1, b"front")), Talks(), tampering=changed)
    return right(recorder, "FRAME-5", "Unprotected")


def spoilt_sessions() -> Iterator[Vector]:
    acts: list[Act] = [Sends("client", message(1, b"one", b"", b"data")), Talks()]
    acts += [
        Sends("client", message(2, b"two")),
        Sends("client", message(3, b"three")),
        Talks(),
        Asks("server"),
        Talks(),
    ]
    for method, mode, revision in (("none", "crc", "2.1"), ("aes", "secure", "2.0"), ("aes256k", "secure", "2.1")):
        for place, flag, tampering in spoilt.in_sessions(mode, revision):
            ident = f"session-{method}-{mode}-{revision}-{place}"
            told = setup(method, mode, revision, policies=LOSSLESS)
            yield spoilt_once(ident, told, tampering, flag, acts=acts)
    for revision in ALL:
        for place, flag, tampering in spoilt.said_wrongly(revision):
            told = setup("none", "crc", revision, policies=LOSSLESS)
            yield spoilt_once(f"session-none-crc-{revision}-{place}", told, tampering, flag, acts=acts)
    recorder = Recorder("session-received-what-was-never-sent", setup(policies=LOSSLESS))
    recorder.connection(Sends("client", message(1, b"one")), Talks())
    late = spoilt.payload("2.1", lambda _: pack("<Q", 9))
    recorder.connection(tampering=Tampering("server", "SESSION_RECONNECT_OK", late))
    yield wrong(recorder, "Forged")
    peers = setup(policies=("lossless_peer_reuse", "lossless_peer_reuse"), address=LISTENS)
    recorder = Recorder("session-told-to-wait", peers)
    recorder.connection(Sends("client", message(1, b"one")), Talks())
    recorder.connection()
    same = spoilt.payload("2.1", lambda said: said[:-16] + pack("<Q", 1) + said[-8:])
    recorder.connection(tampering=Tampering("client", "SESSION_RECONNECT", same))
    yield wrong(recorder, "Refused")
    wanted = {"algorithms": ["snappy"], "minimum": 0}
    for place, body in (("bomb", b"\xff\xff\xff\x7f"), ("damaged", b"\x05\x10ab")):
        change = spoilt.compressed_segment(body)
        told = setup(compression=wanted)
        text: list[Act] = [Sends("client", message(1, TEXT)), Talks()]
        tampering = Tampering("client", "MESSAGE", change)
        yield spoilt_once(
            f"session-snappy-{place}", told, tampering, "Bomb" if place == "bomb" else "Damaged", acts=text
        )
