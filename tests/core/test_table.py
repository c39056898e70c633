"""Every state and every tag, at both ends and in every mode: the legal step, or the one error there is (STATE-1).

The tables CLIENT and SERVER are what the connection goes by; EXPECTED is what they ought to be, said once more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import pytest

from msgr.core import (
    CLIENT,
    SERVER,
    Closed,
    Connected,
    KeepaliveAcked,
    Login,
    MessageReceived,
    Met,
    RemoteReset,
    states,
)
from msgr.errors import BannerError, PeerError, UnexpectedFrame
from msgr.frame import Frame, Mode, Revision, Tag, tag_name
from msgr.payload import (
    Ack,
    AuthBadMethod,
    AuthDone,
    AuthReplyMore,
    AuthRequestMore,
    CompressionDone,
    CompressionRequest,
    Control,
    Hello,
    IdentMissingFeatures,
    Keepalive,
    KeepaliveAck,
    SessionReconnect,
    SessionReconnectOk,
    SessionReset,
    SessionRetry,
    SessionRetryGlobal,
    Wait,
    to_frame,
)
from msgr.wire import Timestamp

from .reach import CLIENT_STEPS, SERVER_STEPS, client_in, server_in
from .script import CLIENT_IDENT, GLOBAL_ID, METHOD, SERVER_IDENT, Script, State, message, request

MODES: Final = tuple((mode, revision) for mode in Mode for revision in Revision)
UNKNOWN: Final = (0, 23, 99, 0xC0, 0xFF)
STAMP: Final = Timestamp(seconds=3, nanoseconds=4)
ADDRESS: Final = SERVER_IDENT.addresses[0]

SAMPLES: Final[Mapping[int, Control]] = {
    Tag.HELLO: Hello(entity_type=1, peer_address=ADDRESS),
    Tag.AUTH_BAD_METHOD: AuthBadMethod(
        method=METHOD, result=-13, allowed_methods=(METHOD, METHOD + 1), allowed_modes=(1, 2)
    ),
    Tag.AUTH_REPLY_MORE: AuthReplyMore(payload=b"next"),
    Tag.AUTH_REQUEST_MORE: AuthRequestMore(payload=b"D"),
    Tag.CLIENT_IDENT: CLIENT_IDENT,
    Tag.SERVER_IDENT: SERVER_IDENT,
    Tag.IDENT_MISSING_FEATURES: IdentMissingFeatures(features=1 << 7),
    Tag.SESSION_RECONNECT: SessionReconnect(
        addresses=CLIENT_IDENT.addresses, client_cookie=1, server_cookie=2, global_seq=3, connect_seq=4, msg_seq=5
    ),
    Tag.SESSION_RESET: SessionReset(full=True),
    Tag.SESSION_RETRY: SessionRetry(connect_seq=1),
    Tag.SESSION_RETRY_GLOBAL: SessionRetryGlobal(global_seq=1),
    Tag.SESSION_RECONNECT_OK: SessionReconnectOk(msg_seq=0),
    Tag.WAIT: Wait(),
    Tag.KEEPALIVE2: Keepalive(stamp=STAMP),
    Tag.KEEPALIVE2_ACK: KeepaliveAck(stamp=STAMP),
    Tag.ACK: Ack(seq=0),
    Tag.COMPRESSION_REQUEST: CompressionRequest(wanted=True, algorithms=(1, 3)),
    Tag.COMPRESSION_DONE: CompressionDone(on=False, algorithm=0),
}


def sample(script: Script, tag: int) -> Frame:
    """Return a frame with that tag which is right in all but, perhaps, its place."""
    if tag == Tag.MESSAGE:
        return message()
    if tag == Tag.AUTH_REQUEST:
        return to_frame(request(b"M", script.config.modes))
    if tag == Tag.AUTH_DONE:
        return to_frame(AuthDone(global_id=GLOBAL_ID, mode=script.config.modes[0], payload=b""))
    if tag == Tag.AUTH_SIGNATURE:
        return to_frame(script.signature())
    return to_frame(SAMPLES[tag]) if tag in SAMPLES else Frame(tag, (b"?",))


TRAFFIC: Final = {"MESSAGE": "Ready", "KEEPALIVE2": "Ready", "KEEPALIVE2_ACK": "Ready", "ACK": "Ready"}
CLIENT_EXPECTED: Final[Mapping[State, Mapping[str, str]]] = {
    states.AwaitBanner: {},
    states.AwaitHello: {"HELLO": "AwaitAuthReply"},
    states.AwaitAuthReply: {
        "AUTH_BAD_METHOD": "AwaitAuthReply",
        "AUTH_REPLY_MORE": "AwaitAuthStep",
        "AUTH_DONE": "AwaitSignature",
        "AUTH_REQUEST": "SimultaneousOpen SIMOPEN-3",
    },
    states.AwaitAuthStep: {
        "AUTH_BAD_METHOD": "AuthRefused AUTH-5",
        "AUTH_REPLY_MORE": "AwaitAuthStep",
        "AUTH_DONE": "AwaitSignature",
    },
    states.AwaitSignature: {"AUTH_SIGNATURE": "AwaitCompressionDone"},
    states.AwaitCompressionDone: {"COMPRESSION_DONE": "AwaitServerIdent"},
    states.AwaitServerIdent: {
        "SERVER_IDENT": "Ready",
        "IDENT_MISSING_FEATURES": "FeaturesMissing IDENT-3",
        "WAIT": "ToldToWait SESSION-WAIT-1",
    },
    states.AwaitReconnectOk: {
        "SESSION_RECONNECT_OK": "Ready",
        "SESSION_RESET": "AwaitServerIdent",
        "SESSION_RETRY": "AwaitReconnectOk",
        "SESSION_RETRY_GLOBAL": "AwaitReconnectOk",
        "WAIT": "ToldToWait SESSION-WAIT-1",
    },
    states.Ready: TRAFFIC,
    states.Ended: {},
}
SERVER_EXPECTED: Final[Mapping[State, Mapping[str, str]]] = {
    states.AwaitBanner: {},
    states.AwaitHello: {"HELLO": "AwaitAuthRequest"},
    states.AwaitAuthRequest: {"AUTH_REQUEST": "AwaitAuthMore"},
    states.AwaitAuthMore: {"AUTH_REQUEST_MORE": "AwaitSignature"},
    states.AwaitEnd: {},
    states.AwaitSignature: {"AUTH_SIGNATURE": "AwaitCompressionRequest"},
    states.AwaitCompressionRequest: {"COMPRESSION_REQUEST": "AwaitClientIdent"},
    states.AwaitClientIdent: {"CLIENT_IDENT": "Ready", "SESSION_RECONNECT": "AwaitClientIdent"},
    states.Ready: TRAFFIC,
    states.Ended: {},
}
EXPECTED: Final = {"client": CLIENT_EXPECTED, "server": SERVER_EXPECTED}
EVENTS: Final[Mapping[str, type]] = {
    "HELLO": Met,
    "AUTH_SIGNATURE": Login,
    "CLIENT_IDENT": Connected,
    "SERVER_IDENT": Connected,
    "SESSION_RECONNECT_OK": Connected,
    "SESSION_RESET": RemoteReset,
    "MESSAGE": MessageReceived,
    "KEEPALIVE2_ACK": KeepaliveAcked,
}
ANSWERS: Final[Mapping[tuple[str, str], Tag]] = {
    ("client", "HELLO"): Tag.AUTH_REQUEST,
    ("client", "AUTH_BAD_METHOD"): Tag.AUTH_REQUEST,
    ("client", "AUTH_REPLY_MORE"): Tag.AUTH_REQUEST_MORE,
    ("client", "AUTH_DONE"): Tag.AUTH_SIGNATURE,
    ("client", "AUTH_SIGNATURE"): Tag.COMPRESSION_REQUEST,
    ("client", "COMPRESSION_DONE"): Tag.CLIENT_IDENT,
    ("client", "SESSION_RESET"): Tag.CLIENT_IDENT,
    ("client", "SESSION_RETRY"): Tag.SESSION_RECONNECT,
    ("client", "SESSION_RETRY_GLOBAL"): Tag.SESSION_RECONNECT,
    ("server", "AUTH_REQUEST"): Tag.AUTH_REPLY_MORE,
    ("server", "AUTH_REQUEST_MORE"): Tag.AUTH_DONE,
    ("server", "COMPRESSION_REQUEST"): Tag.COMPRESSION_DONE,
    ("server", "CLIENT_IDENT"): Tag.SERVER_IDENT,
    ("server", "SESSION_RECONNECT"): Tag.SESSION_RESET,
    ("client", "KEEPALIVE2"): Tag.KEEPALIVE2_ACK,
    ("server", "KEEPALIVE2"): Tag.KEEPALIVE2_ACK,
}


@pytest.mark.parametrize(("role", "table"), [("client", CLIENT), ("server", SERVER)], ids=["client", "server"])
def test_the_table_is_what_it_ought_to_be(role: str, table: Mapping[State, Mapping[Tag, object]]) -> None:
    legal = {state: {tag.name for tag in row} for state, row in table.items()}
    assert legal == {state: set(row) for state, row in EXPECTED[role].items()}


def test_every_state_is_in_a_table_and_can_be_reached() -> None:
    assert CLIENT.keys() == CLIENT_STEPS.keys()
    assert SERVER.keys() == SERVER_STEPS.keys()
    extended = {states.AwaitNodeHello, states.AwaitOwner, states.AwaitNodeVerdict, states.Parting}
    assert CLIENT.keys() | SERVER.keys() | extended | {states.TurnServer} == set(states.State.__args__)


def cells() -> Iterator[tuple[str, State, int]]:
    """Yield the role, state and tag of every cell."""
    for role, table in EXPECTED.items():
        for state in table:
            for tag in (*Tag, *UNKNOWN):
                yield role, state, tag


def cell_name(cell: object) -> str:
    """Return how a cell is called in reports."""
    role, state, tag = cell if isinstance(cell, tuple) else ("", object, 0)
    return f"{role}-{state.__name__}-{tag_name(tag).replace(' ', '')}"


def bring(role: str, state: State, revision: Revision, mode: Mode) -> Script:
    """Return a connection of that role in that state."""
    if role == "client":
        return client_in(state, revision=revision, mode=mode)
    return server_in(state, revision=revision, mode=mode)


@pytest.mark.parametrize(("mode", "revision"), MODES, ids=[f"{mode.name.lower()}-{rev}" for mode, rev in MODES])
@pytest.mark.parametrize("cell", list(cells()), ids=cell_name)
def test_cell(cell: tuple[str, State, int], mode: Mode, revision: Revision) -> None:
    """Linux a5a373705081 (it has no CVE): a MESSAGE was let in before the session was open. Demand 74."""
    role, state, tag = cell
    script = bring(role, state, revision, mode)
    before = script.end.state
    events = script.frame(sample(script, tag))
    if state is states.Ended:
        assert events == []
        assert script.end.state is before
        return
    row = EXPECTED[role][state]
    if (step := row.get(tag_name(tag))) is None:
        check_refusal(script, state, tag, row)
    elif " " in step:
        check_error(script, step)
    else:
        assert type(script.end.state).__name__ == step
        kind = EVENTS.get(tag_name(tag))
        assert [type(event) for event in events] == ([] if kind is None else [kind])
        if (answer := ANSWERS.get((role, tag_name(tag)))) is not None:
            frames = [script.hear_first_frame()] if answer is Tag.AUTH_DONE else heard(script, role, tag)
            assert [frame.tag for frame in frames] == [answer]
        else:
            script.hear_nothing()


def heard(script: Script, role: str, tag: int) -> list[Frame]:
    """Return what a connection answered; after AUTH_DONE, in the mode that was agreed."""
    if (role, tag) == ("client", Tag.AUTH_DONE):
        script.switch(script.config.modes[0])
    return script.hear_frames()


def check_refusal(script: Script, state: State, tag: int, row: Mapping[str, str]) -> None:
    """Check that the connection ended over a frame in the wrong place, and says so in full."""
    (closed,) = script.events
    assert isinstance(closed, Closed)
    error = closed.error
    script.hear_nothing()
    if state is states.AwaitBanner:
        # No frame can be told from other garbage where a banner belongs.
        assert isinstance(error, BannerError)
        assert error.rule == "BANNER-1"
        return
    assert isinstance(error, UnexpectedFrame)
    assert (error.got, error.state, error.allowed) == (tag_name(tag), state.__name__, tuple(sorted(row)))
    takes = ", ".join(sorted(row)) or "nothing"
    assert str(error) == f"{tag_name(tag)} in {state.__name__}, which takes {takes} [STATE-1]"


def check_error(script: Script, step: str) -> None:
    """Check that the connection ended with the error of that name and rule, and said no more."""
    (closed,) = script.events
    assert isinstance(closed, Closed)
    assert isinstance(closed.error, PeerError)
    assert f"{type(closed.error).__name__} {closed.error.rule}" == step
    script.hear_nothing()


@pytest.mark.parametrize(("mode", "revision"), MODES)
@pytest.mark.parametrize("role", EXPECTED)
def test_an_aborted_message_is_dropped_and_the_session_goes_on(role: str, mode: Mode, revision: Revision) -> None:
    """Demand 64."""
    script = bring(role, states.Ready, revision, mode)
    withdrawn = message(1, b"front")
    assert script.frame(Frame(withdrawn.tag, withdrawn.segments, aborted=True)) == []
    (event,) = script.frame(message(1, b"again"))
    assert isinstance(event, MessageReceived)
    assert (event.message.seq, event.message.front) == (1, b"again")


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("role", EXPECTED)
def test_an_aborted_control_frame_is_refused(role: str, mode: Mode) -> None:
    """FRAME-16. In msgr2.1 no frame of one segment can be aborted."""
    script = bring(role, states.Ready, Revision.REV0, mode)
    frame = to_frame(Keepalive(stamp=STAMP))
    script.frame(Frame(frame.tag, frame.segments, aborted=True))
    check_error(script, "FrameError FRAME-16")


@pytest.mark.parametrize("role", EXPECTED)
@pytest.mark.parametrize("mode", Mode)
def test_a_control_frame_has_one_segment(role: str, mode: Mode) -> None:
    script = bring(role, states.Ready, Revision.REV1, mode)
    script.frame(Frame(Tag.ACK, (bytes(8), b"more")))
    check_error(script, "FrameError FRAME-14")


@pytest.mark.parametrize(("mode", "revision"), MODES)
@pytest.mark.parametrize("cell", [(role, state) for role, table in EXPECTED.items() for state in table])
def test_a_message_with_a_body_is_refused_before_the_session(
    cell: tuple[str, State], mode: Mode, revision: Revision
) -> None:
    """It is its size that gives it away: control frames, and no others, are let in by the limits."""
    role, state = cell
    if state in (states.Ready, states.Ended, states.AwaitBanner):
        return
    script = bring(role, state, revision, mode)
    script.frame(message(1, b"body"))
    check_error(script, "FrameTooLarge FRAME-9")
