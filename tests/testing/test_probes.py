"""At a named step of the protocol a test can go on, fail or stop."""

from __future__ import annotations

import pytest

from msgr.core import Closed, Connection, Direction
from msgr.errors import ConnectionLost, StateError
from msgr.frame import Tag
from msgr.session import Message, PeerSession, Policy, SessionTable
from msgr.testing import ConnectionPair, Probe, Probes, Then

from .ends import AT, client, messages, pair, server

HANDLING, SENDING = Direction.HANDLING, Direction.SENDING


def last_error(both: ConnectionPair) -> Exception | None:
    """Return why the server's connection ended; it must have ended."""
    event = both.server.events[-1]
    assert isinstance(event, Closed)
    return event.error


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("piece", [None, 1])
def test_a_handshake_is_held_and_goes_on(direction: Direction, piece: int | None) -> None:
    tag = Tag.SERVER_IDENT if direction is SENDING else Tag.CLIENT_IDENT
    probes = Probes()
    probe = probes.at(direction, tag)
    both = pair(trace=probes)
    assert not probe.was_hit
    both.pump(piece=piece)
    assert probe.was_hit
    assert not both.client.ready
    assert both.server.ready is (direction is SENDING)  # what is held is the frame: the state is another already
    probe.go_on()
    both.pump(piece=piece)
    assert both.client.ready
    assert both.server.ready
    assert probes.passed(direction, tag) == 1


@pytest.mark.parametrize("then", [Then.FAIL, Then.STOP])
@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize(
    ("direction", "tag"),
    [
        (SENDING, Tag.HELLO),
        (HANDLING, Tag.AUTH_REQUEST),
        (SENDING, Tag.AUTH_DONE),
        (SENDING, Tag.SERVER_IDENT),
        (HANDLING, Tag.MESSAGE),
        (SENDING, Tag.MESSAGE),
    ],
)
def test_an_end_at_any_step(direction: Direction, tag: Tag, then: Then, held: bool) -> None:
    probes = Probes()
    probe = probes.at(direction, tag, then=Then.HOLD if held else then)
    both = pair(trace=probes)
    both.pump()
    for end in (both.client, both.server):
        if end.ready:
            end.connection.send_message(Message(type=1))
    both.pump()
    assert probe.was_hit
    if held:
        assert not both.server.ended
        (probe.fail if then is Then.FAIL else probe.stop)()
        both.pump()
    assert both.client.ended
    assert both.server.ended
    if then is Then.FAIL:
        assert isinstance(last_error(both), ConnectionLost)
        assert tag.name in str(last_error(both))
    else:
        assert last_error(both) is None


def test_the_occurrence_that_is_meant() -> None:
    probes = Probes()
    probe = probes.at(HANDLING, Tag.MESSAGE, nth=3)
    noted = probes.at(HANDLING, Tag.MESSAGE, nth=5, then=Then.GO_ON)
    both = pair(trace=probes)
    both.pump()
    for tid in range(6):
        both.client.connection.send_message(Message(type=1, tid=tid))
    both.pump()
    assert [message.tid for message in messages(both.server)] == [0, 1]
    assert not noted.was_hit
    probe.go_on()
    both.pump()
    assert [message.tid for message in messages(both.server)] == list(range(6))
    assert noted.was_hit
    assert probes.passed(HANDLING, Tag.MESSAGE) == 6
    assert probes.passed(SENDING, Tag.MESSAGE) == 0


def test_messages_that_are_sent_are_held_from_there_on() -> None:
    probes = Probes()
    probe = probes.at(SENDING, Tag.MESSAGE, nth=3)
    both = pair(trace=probes)
    both.pump()
    for tid in range(6):
        both.server.connection.send_message(Message(type=1, tid=tid))
    both.pump()
    assert messages(both.client) == []  # what was sealed together is held together
    assert probes.passed(SENDING, Tag.MESSAGE) == 3
    probe.go_on()
    both.pump()
    assert [message.tid for message in messages(both.client)] == list(range(6))


@pytest.mark.parametrize("dialled", [True, False])
def test_the_end_that_is_meant(dialled: bool) -> None:
    probes = Probes()
    probe = probes.at(SENDING, Tag.HELLO, dialled=dialled, then=Then.GO_ON)
    both = pair(trace=probes)
    both.pump()
    assert probe.was_hit is not dialled
    assert probes.passed(SENDING, Tag.HELLO, dialled=False) == 1
    assert probes.passed(SENDING, Tag.HELLO, dialled=True) == 0


def test_a_session_fails_where_a_message_is_handled_and_resumes() -> None:
    """The peers' own ReconnectTest, without sockets."""
    table, session = SessionTable(), PeerSession(Policy.lossless_client(), (AT,))
    probes = Probes()
    probes.at(HANDLING, Tag.MESSAGE, nth=2, then=Then.FAIL)
    first = ConnectionPair(client(session), server(table, trace=probes))
    first.pump()
    for tid in range(4):
        first.client.connection.send_message(Message(type=1, tid=tid))
    first.pump()
    session.connect_seq += 1
    second = ConnectionPair(client(session, seed=3), server(table, seed=4, trace=probes))
    second.pump()
    assert [message.tid for end in (first.server, second.server) for message in messages(end)] == [0, 1, 2, 3]
    assert probes.passed(HANDLING, Tag.SESSION_RECONNECT) == 1
    assert probes.passed(SENDING, Tag.SESSION_RECONNECT_OK) == 1


def test_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="first is 1"):
        Probes().at(HANDLING, Tag.MESSAGE, nth=0)
    probe = Probes().at(HANDLING, Tag.MESSAGE)
    steps = (Probe.go_on, Probe.fail, Probe.stop)
    for step in steps:
        with pytest.raises(StateError, match="handling MESSAGE"):
            step(probe)


@pytest.mark.parametrize("verb", [Connection.pause, Connection.resume])
def test_only_a_connection_that_is_traced_can_be_held(verb: object) -> None:
    assert callable(verb)
    with pytest.raises(StateError, match="traced"):
        verb(client())
