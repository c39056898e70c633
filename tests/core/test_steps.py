"""Every handshake that fails says how far it came: the state, which end dialled, and the bytes of both directions."""

from __future__ import annotations

from typing import Final

import pytest

from msgr.core import states
from msgr.errors import AuthRefused, ConnectionLost, MsgrError, TimedOut
from msgr.frame import Frame, Mode, Revision

from .pair import error_of
from .reach import EXTENDED_CLIENT_STEPS, EXTENDED_SERVER_STEPS
from .script import Script, State
from .test_extended_table import bring

TABLES: Final = {"client": EXTENDED_CLIENT_STEPS, "server": EXTENDED_SERVER_STEPS}
PLACES: Final = [
    (role, state)
    for role, table in TABLES.items()
    for state in table
    if state not in (states.Ready, states.Ended, states.Parting)
]
STEPS: Final = [place for place in PLACES if place[1] is not states.AwaitEnd]


def check_step(script: Script, role: str, state: State, error: MsgrError) -> None:
    """Check what the error says of the step that it came at."""
    step = error.step
    assert step is not None
    assert (step.state, step.dialled, step.received) == (state.__name__, role == "client", script.said)
    assert step.sent > 0
    way = "outgoing" if step.dialled else "incoming"
    said = f"{way}, in {state.__name__}, {step.received} bytes received, {step.sent} sent"
    assert error.explain() == f"{error} ({error.kind.value}; {said})"


def test_there_are_steps_enough() -> None:
    assert len(STEPS) >= 14


@pytest.mark.parametrize("cut", [0, 5])
@pytest.mark.parametrize(("role", "state"), STEPS, ids=str)
def test_a_peer_that_stalls(role: str, state: State, cut: int) -> None:
    """Demand 25, and demand 23: the text of the time-out names the step, and the error the direction."""
    script = bring(role, state, Revision.REV1, Mode.SECURE)
    # What begins as a banner or a frame, and does not go on.
    script.feed((b"ceph " if state is states.AwaitBanner else script.seal(Frame(1, (bytes(9),))))[:cut])
    deadline = script.end.next_deadline
    assert deadline == script.now + script.config.timeouts.handshake
    script.end.handle_deadline(now=deadline - 0.01)
    assert script.collect() == []
    script.end.handle_deadline(now=deadline)
    script.collect()
    error = error_of(script.events)
    assert isinstance(error, TimedOut)
    middle = ", in the middle of a frame" if cut else ""
    assert str(error) == f"no session after 10 s: in {state.__name__}, after {script.said} bytes{middle} [LIMIT-3]"
    check_step(script, role, state, error)


@pytest.mark.parametrize(("role", "state"), STEPS, ids=str)
def test_a_peer_that_leaves(role: str, state: State) -> None:
    """Demand 29: the end of the stream is told with the state, and with what had come in."""
    script = bring(role, state, Revision.REV1, Mode.SECURE)
    script.end.receive_eof()
    script.collect()
    error = error_of(script.events)
    assert isinstance(error, ConnectionLost)
    assert f"in {state.__name__}, after {script.said} bytes" in str(error)
    check_step(script, role, state, error)


@pytest.mark.parametrize(("role", "state"), STEPS, ids=str)
def test_a_stream_that_breaks(role: str, state: State) -> None:
    script = bring(role, state, Revision.REV1, Mode.CRC)
    script.end.lose(ConnectionLost("connection reset by peer"))
    script.collect()
    error = error_of(script.events)
    assert isinstance(error, ConnectionLost)
    check_step(script, role, state, error)


@pytest.mark.parametrize(("role", "state"), STEPS, ids=str)
def test_a_peer_that_breaks_a_rule(role: str, state: State) -> None:
    """The step is that of the fault; what is waited for afterwards does not count. Demand 74a."""
    script = bring(role, state, Revision.REV1, Mode.SECURE)
    script.feed(b"garbage".ljust(32) if state is states.AwaitBanner else script.seal(Frame(99, (b"?",))))
    script.end.receive_eof()
    script.collect()
    error = error_of(script.events)
    assert error is not None
    check_step(script, role, state, error)


@pytest.mark.parametrize("how", ["eof", "time"])
def test_a_refusal_stays_the_reason_while_its_peer_is_waited_for(how: str) -> None:
    script = bring("server", states.AwaitEnd, Revision.REV1, Mode.SECURE)
    if how == "eof":
        script.end.receive_eof()
    else:
        script.end.handle_deadline(now=script.now + 3600)
    script.collect()
    error = error_of(script.events)
    assert isinstance(error, AuthRefused)
    check_step(script, "server", states.AwaitEnd, error)


def test_a_session_that_ends_is_no_handshake() -> None:
    script = bring("client", states.Ready, Revision.REV1, Mode.SECURE)
    script.frame(Frame(99, (b"?",)))
    error = error_of(script.events)
    assert error is not None
    assert error.step is None
    assert error.explain() == f"{error} (permanent)"
