"""Whether a retry makes sense, for every way in which a connection can fail: one cause, one kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeAlias

import pytest

from msgr.core import Limits, Timeouts, states
from msgr.core.admission import Reject
from msgr.errors import (
    AuthRefused,
    ConfigError,
    ConnectFailed,
    ConnectionLost,
    ConnectTimedOut,
    Displaced,
    FailureKind,
    KeyringError,
    MessageTooLarge,
    MsgrError,
    NoncesExhausted,
    OutcomeUnknown,
    StateError,
)
from msgr.frame import Frame, Mode, Tag
from msgr.payload import (
    Ack,
    AuthBadMethod,
    AuthDone,
    AuthReplyMore,
    AuthRequestMore,
    AuthSignature,
    CompressionDone,
    Hello,
    IdentMissingFeatures,
    NodeReject,
    RejectKind,
    SessionRetry,
    Wait,
    to_frame,
)
from msgr.session import PeerSession, Policy

from .pair import BEGIN, SERVER_AT, SETUPS, drain_events, error_of
from .reach import CLIENT_STEPS, client_in, server_in
from .script import (
    CLIENT,
    CLIENT_IDENT,
    EXTENDED_CLIENT,
    LATER,
    METHOD,
    NODE_HELLO,
    SERVER,
    SERVER_IDENT,
    Doorkeeper,
    Script,
    State,
    request,
)
from .test_simultaneous import LOW, Racers, dialling, racers

Cause: TypeAlias = Callable[[], MsgrError | None]
P: Final = FailureKind.PERMANENT
T: Final = FailureKind.TRANSIENT
S: Final = FailureKind.SESSION_MISMATCH


def why(script: Script) -> MsgrError | None:
    """Return why a connection ended, once its peer is gone."""
    script.end.receive_eof()
    script.collect()
    return error_of(script.events)


def client(state: State, *said: object, **settings: object) -> Cause:
    """Return what lets a client fail that is told this."""

    def fail() -> MsgrError | None:
        script = client_in(state, config=replace(CLIENT, **settings))  # type: ignore[arg-type]
        return told(script, said)

    return fail


def server(state: State, *said: object, **settings: object) -> Cause:
    """Return what lets a server fail that is told this."""

    def fail() -> MsgrError | None:
        script = server_in(state, config=replace(SERVER, **settings))  # type: ignore[arg-type]
        return told(script, said)

    return fail


def node(state: State, *said: object, **settings: object) -> Cause:
    """Return what lets a client fail on an extended connection."""

    def fail() -> MsgrError | None:
        script = client_in(state, config=replace(EXTENDED_CLIENT, **settings))  # type: ignore[arg-type]
        return told(script, said)

    return fail


def told(script: Script, said: tuple[object, ...]) -> MsgrError | None:
    """Say all of it; returns why the connection ended."""
    for each in said:
        if isinstance(each, bytes):
            script.feed(each)
        elif isinstance(each, Frame):
            script.frame(each)
        elif isinstance(each, float):
            script.end.handle_deadline(now=script.now + each)
        elif isinstance(each, ConnectionLost):
            script.end.lose(each)
        else:
            script.say(each)  # type: ignore[arg-type]
    return why(script)


def rejecting(kind: RejectKind) -> Cause:
    """Return what lets a client fail that rejects its peer's node."""
    return node(states.AwaitNodeHello, NODE_HELLO, node=Doorkeeper(Reject(kind=kind, rule="NODE-3", reason="no")))


def damaged(mode: Mode) -> MsgrError | None:
    """Return why a connection ends of which a byte is changed on the way."""
    script = client_in(states.Ready, mode=mode)
    sealed = bytearray(script.seal(to_frame(Ack(seq=0))))
    sealed[-1] ^= 1
    script.feed(bytes(sealed))
    return why(script)


def reconnecting(*said: object) -> Cause:
    """Return what lets a client fail that takes up a session."""
    return client(states.AwaitReconnectOk, *said, limits=Limits(reconnect_attempts=2))


def lossless(*said: object) -> Cause:
    """Return what lets a client fail that needs a lossless session."""

    def fail() -> MsgrError | None:
        session = PeerSession(Policy.lossless_peer(), (SERVER_AT,))
        script = Script(CLIENT, session=session)
        for step in CLIENT_STEPS[states.AwaitServerIdent]:
            step(script)
        return told(script, said)

    return fail


def to_itself() -> MsgrError | None:
    """Return why a socket ends that is connected to itself."""
    race = Racers(*racers(SETUPS[0]), at=(LOW, LOW))
    race.pump()
    return race.errors()[0]


def translated() -> MsgrError | None:
    """Return why two ends give up whose addresses somebody translates."""
    script = dialling("v2:10.0.0.9:6800/0", "v2:127.0.0.1:6800/0")
    script.frame(to_frame(request(b"M", (Mode.CRC,))))
    return why(script)


def dead(timeouts: Timeouts, seconds: float) -> Cause:
    """Return what lets a session fail in which nothing comes for so long."""

    def fail() -> MsgrError | None:
        script = client_in(states.Ready, config=replace(CLIENT, timeouts=timeouts))
        script.end.handle_deadline(now=BEGIN + seconds)
        return error_of(drain_events(script.end))

    return fail


def stands(error: MsgrError) -> Cause:
    """Return a cause that lies outside of the connection."""
    return lambda: error


BAD: Final = AuthBadMethod(method=METHOD, result=-13, allowed_methods=(), allowed_modes=())
UNKNOWN: Final = Frame(99, (b"?",))
CAUSES: Final[dict[str, tuple[FailureKind, Cause]]] = {
    "a banner of msgr v1": (P, client(states.AwaitBanner, b"ceph v027" + bytes(40))),
    "no banner at all": (P, server(states.AwaitBanner, b"GET / HTTP/1.1\r\n\r\n")),
    "a banner that requires the unknown": (
        P,
        client(states.AwaitBanner, b"ceph v2\n\x10\x00" + bytes(8) + b"\xff" * 8),
    ),
    "a revision that is not allowed": (P, client(states.AwaitBanner, b"ceph v2\n\x10\x00" + bytes(16))),
    "a banner that is too long": (P, client(states.AwaitBanner, b"ceph v2\n\xff\xff")),
    "another entity type": (P, client(states.AwaitHello, Hello(entity_type=8, peer_address=SERVER_AT), expect=1)),
    "a checksum that does not match": (T, lambda: damaged(Mode.CRC)),
    "an AES-GCM tag that does not match": (T, lambda: damaged(Mode.SECURE)),
    "a frame that is too large": (P, server(states.AwaitAuthRequest, Frame(Tag.AUTH_REQUEST, (bytes(70_000),)))),
    "an unknown tag": (P, client(states.AwaitHello, UNKNOWN)),
    "a frame in the wrong place": (P, client(states.AwaitServerIdent, Ack(seq=0))),
    "a payload that is cut short": (P, client(states.AwaitHello, Frame(Tag.HELLO, (b"\x01",)))),
    "a control frame of two segments": (P, client(states.Ready, Frame(Tag.ACK, (bytes(8), b"?")))),
    "a message whose header has another size": (P, client(states.Ready, Frame(Tag.MESSAGE, (b"?",)))),
    "a refusal by the server": (P, client(states.AwaitAuthStep, BAD)),
    "a refusal of what was granted earlier": (T, stands(AuthRefused("no", result=-13, again=True))),
    "a refusal of another method": (P, client(states.AwaitAuthStep, replace(BAD, method=3))),
    "a refusal that is none": (P, client(states.AwaitAuthStep, replace(BAD, result=0))),
    "a client that is refused": (P, server(states.AwaitAuthMore, AuthRequestMore(payload=b"no"))),
    "too many steps": (
        P,
        client(states.AwaitAuthStep, AuthReplyMore(payload=b"next"), limits=Limits(auth_rounds=1)),
    ),
    "a mode that was not offered": (P, client(states.AwaitAuthReply, AuthDone(global_id=1, mode=1, payload=b""))),
    "a global id without an end": (
        P,
        client(states.AwaitAuthReply, AuthDone(global_id=1 << 63, mode=2, payload=b"")),
    ),
    "a step with the wrong content": (P, client(states.AwaitAuthReply, AuthReplyMore(payload=b"fail"))),
    "a signature that does not match": (P, client(states.AwaitSignature, AuthSignature(signature=bytes(32)))),
    "compression that nobody asked for": (
        P,
        client(states.AwaitCompressionDone, CompressionDone(on=True, algorithm=1)),
    ),
    "a server that is somebody else": (P, client(states.AwaitServerIdent, replace(SERVER_IDENT, addresses=()))),
    "features that we lack": (P, client(states.AwaitServerIdent, IdentMissingFeatures(features=1 << 40))),
    "features that the server lacks": (P, client(states.AwaitServerIdent, replace(SERVER_IDENT, supported=0))),
    "to be told to wait": (T, client(states.AwaitServerIdent, Wait())),
    "a server that forgets": (P, lossless(SERVER_IDENT)),
    "a server that gives no cookie": (P, lossless(replace(SERVER_IDENT, flags=0))),
    "too many retries": (P, reconnecting(*[SessionRetry(connect_seq=number) for number in range(3)])),
    "a counter without an end": (P, reconnecting(SessionRetry(connect_seq=1 << 63))),
    "a client without an address": (P, server(states.AwaitClientIdent, replace(CLIENT_IDENT, addresses=()))),
    "a client that means another server": (
        P,
        server(states.AwaitClientIdent, replace(CLIENT_IDENT, target=replace(SERVER_AT, port=1))),
    ),
    "to be rejected for good": (P, node(states.AwaitNodeHello, NodeReject(kind=1))),
    "to be rejected for now": (T, node(states.AwaitNodeVerdict, NodeReject(kind=2))),
    "to be rejected with the session": (S, node(states.AwaitServerIdent, NodeReject(kind=3))),
    "to be rejected in a way unknown": (P, node(states.AwaitNodeHello, NodeReject(kind=9))),
    "a node that is rejected for good": (P, rejecting(RejectKind.PERMANENT)),
    "a node that is rejected for now": (T, rejecting(RejectKind.TRANSIENT)),
    "a node whose session is gone": (S, rejecting(RejectKind.SESSION_MISMATCH)),
    "both ends dialled, neither is a server": (T, client(states.AwaitAuthReply, request(b"M"))),
    "both ends dialled, addresses are translated": (T, translated),
    "a socket connected to itself": (T, to_itself),
    "the end of the stream in a handshake": (T, client(states.AwaitAuthReply)),
    "the end of the stream in a frame": (T, client(states.Ready, b"\x01\x02\x03")),
    "a broken stream": (T, server(states.AwaitSignature, ConnectionLost("reset"))),
    "a late answer": (T, client(states.AwaitCompressionDone, 11.0)),
    "an owner who never says": (T, node(states.AwaitOwner, 11.0, node=LATER)),
    "an acknowledgement of what was not sent": (P, lossless(replace(SERVER_IDENT, flags=0, cookie=5), Ack(seq=7))),
    "a silent peer": (T, dead(Timeouts(dead_peer=30.0), 31.0)),
    "an idle session": (T, dead(Timeouts(idle=60.0), 61.0)),
    "an older connection of the session": (T, stands(Displaced("the session goes on elsewhere"))),
    "nonces that are used up": (T, stands(NoncesExhausted("no nonce is left"))),
    "nobody there": (T, stands(ConnectFailed("connection refused"))),
    "nobody who answers": (T, stands(ConnectTimedOut("no answer"))),
    "a command without an answer": (T, stands(OutcomeUnknown("lost"))),
    "a setting that makes no sense": (P, stands(ConfigError("no"))),
    "a keyring without the key": (P, stands(KeyringError("no"))),
    "a call at the wrong time": (P, stands(StateError("no"))),
    "a message that is too large": (P, stands(MessageTooLarge("no"))),
}


def test_there_are_causes_enough() -> None:
    assert len(CAUSES) >= 40
    assert {kind for kind, _ in CAUSES.values()} == set(FailureKind)


@pytest.mark.parametrize("name", CAUSES)
def test_every_cause_has_its_kind(name: str) -> None:
    """Demand 24, and demand 20: who meets a permanent failure does not try again."""
    kind, cause = CAUSES[name]
    error = cause()
    assert error is not None
    assert error.kind is kind, repr(error)
    assert kind.value in error.explain()
