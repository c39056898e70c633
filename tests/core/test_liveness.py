"""A session's connection judged by the clock: keepalives by timer, a dead peer, idleness (LIVE-1 … LIVE-3)."""

from __future__ import annotations

from dataclasses import replace

from msgr.core import Closed, Timeouts, states
from msgr.core.liveness import Liveness, Verdict
from msgr.errors import TimedOut
from msgr.payload import Keepalive

from .reach import client_in
from .script import CLIENT, Script


def test_nothing_is_judged_unless_it_is_asked_for() -> None:
    liveness = Liveness(Timeouts(), 5.0)
    assert liveness.deadline is None
    assert liveness.judge(1e9, 0) is Verdict.FINE


def test_a_silent_peer_is_asked_and_then_given_up() -> None:
    liveness = Liveness(Timeouts(keepalive=10.0, dead_peer=25.0), 0.0)
    assert liveness.deadline == 10.0
    assert liveness.judge(9.9, 0) is Verdict.FINE
    assert liveness.judge(10.0, 0) is Verdict.ASK
    assert liveness.deadline == 20.0
    liveness.heard = 12.0
    assert liveness.deadline == 22.0
    assert liveness.judge(22.0, 0) is Verdict.ASK
    assert liveness.judge(32.0, 0) is Verdict.ASK
    assert liveness.deadline == 37.0
    assert liveness.judge(37.0, 0) is Verdict.DEAD


def test_messages_keep_a_connection_from_being_idle() -> None:
    liveness = Liveness(Timeouts(idle=10.0), 0.0)
    assert liveness.judge(10.0, 3) is Verdict.FINE
    assert liveness.deadline == 20.0
    assert liveness.judge(20.0, 3) is Verdict.IDLE


def ready(timeouts: Timeouts) -> Script:
    return client_in(states.Ready, config=replace(CLIENT, timeouts=timeouts))


def ended(script: Script) -> str:
    """What a connection says that ended by a deadline."""
    event = script.end.next_event()
    assert isinstance(event, Closed)
    assert isinstance(event.error, TimedOut)
    return str(event.error)


def test_the_connection_asks() -> None:
    script = ready(Timeouts(keepalive=10.0))
    deadline = script.end.next_deadline
    assert deadline is not None
    script.end.handle_deadline(now=deadline)
    script.hear(Keepalive)
    assert script.end.next_deadline == deadline + 10.0


def test_the_connection_gives_up() -> None:
    for timeouts, rule in ((Timeouts(dead_peer=7.0), "LIVE-2"), (Timeouts(idle=7.0), "LIVE-3")):
        script = ready(timeouts)
        deadline = script.end.next_deadline
        assert deadline is not None
        script.end.handle_deadline(now=deadline - 0.1)
        script.hear_nothing()
        script.end.handle_deadline(now=deadline)
        assert rule in ended(script)
        assert script.end.next_deadline is None
