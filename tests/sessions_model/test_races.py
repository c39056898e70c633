"""Connections that meet: dialled at once, late, displaced, asked to come again, or not the owner's."""

from __future__ import annotations

import pytest

from msgr.core.states import AwaitClientIdent, AwaitServerIdent, Ended
from msgr.errors import Displaced, IdentError, PeerError, ToldToWait
from msgr.session import Message, Outcome, Policy
from tests.sessions_model.ends import (
    HIGH,
    LOW,
    End,
    client_and_server,
    peers,
)
from tests.sessions_model.steps import connect, resumed, settled, until_asked


def test_an_old_connection_that_comes_late_is_dropped() -> None:
    a, b = peers()
    late = a.dial(b)
    until_asked(late)
    late.cut(keep_acceptor=1 << 20)
    late.carry(late.dialler)  # the client gave up; what it said is still on its way
    connect(a, b).break_off()
    stream = connect(a, b)
    late.carry(late.acceptor)
    error = b.errors[-1]
    assert isinstance(error, IdentError)
    assert error.rule == "SESSION-IDENT-8"
    assert stream.ready
    a.count(b, 0, 1)
    stream.pump()
    assert b.tids == [0]


def test_retry_with_a_higher_connect_seq() -> None:
    """Demand 70."""
    a, b = peers()
    connect(a, b).break_off()
    b.session_with(a).connect_seq = 7
    stream = connect(a, b)
    assert a.session_with(b).connect_seq == b.session_with(a).connect_seq == 8
    assert stream.ready
    assert resumed(a) == [False, True]


def test_retry_with_a_higher_global_seq() -> None:
    a, b = peers()
    connect(a, b).break_off()
    b.session_with(a).peer_global_seq = 40
    connect(a, b)
    assert a.table.global_seqs.last == a.session_with(b).global_seq == 41
    assert resumed(a) == [False, True]


@pytest.mark.parametrize("counter", ["connect_seq", "peer_global_seq"])
def test_a_server_cannot_use_up_the_numbers_of_its_client(counter: str) -> None:
    a, b = peers()
    connect(a, b).break_off()
    setattr(b.session_with(a), counter, (1 << 64) - 1)
    a.dial(b).pump()
    error = a.errors[-1]
    assert isinstance(error, PeerError)
    assert error.rule == "SESSION-SEQ-1"
    assert a.table.global_seqs.last < 10


def test_a_client_cannot_use_up_the_numbers_of_its_server() -> None:
    a, b = peers()
    connect(a, b).break_off()
    a.session_with(b).connect_seq = (1 << 63) - 1
    a.dial(b).pump()
    error = b.errors[-1]
    assert isinstance(error, PeerError)
    assert error.rule == "SESSION-SEQ-1"
    assert b.session_with(a).connect_seq == 0


def test_a_server_that_asks_for_too_many_tries_is_left() -> None:
    a, b = peers()
    connect(a, b).break_off()
    stream = a.dial(b)
    while not isinstance(a.errors[-1], PeerError):
        b.session_with(a).connect_seq = a.session_with(b).connect_seq + 1
        assert stream.carry(stream.acceptor) + stream.carry(stream.dialler)
    assert str(a.errors[-1]) == "the server asks for reconnect 9, 8 are allowed [SESSION-RETRY-2]"
    assert a.session_with(b).server_cookie  # the session is still there


@pytest.mark.parametrize("low_first", [True, False])
def test_simultaneous_first_dials_leave_the_connection_of_the_smaller_address(low_first: bool) -> None:
    a, b = peers()
    a.count(b, 0, 2)
    b.count(a, 0, 2)
    ours, theirs = a.dial(b), b.dial(a)
    until_asked(ours)
    until_asked(theirs)
    for stream in (ours, theirs) if low_first else (theirs, ours):
        stream.carry(stream.acceptor)
        stream.carry(stream.dialler)
    ours.pump()
    theirs.pump()
    assert ours.ready
    assert theirs.over
    settled(a, b, 2, 2)
    assert isinstance(b.errors[0], Displaced if low_first else ToldToWait)
    assert not a.resets + b.resets


@pytest.mark.parametrize("low_first", [True, False])
def test_simultaneous_reconnects_leave_the_connection_of_the_smaller_address(low_first: bool) -> None:
    a, b = peers()
    connect(a, b).break_off()
    a.count(b, 0, 2)
    b.count(a, 0, 2)
    ours, theirs = a.dial(b), b.dial(a)
    until_asked(ours)
    until_asked(theirs)
    for stream in (ours, theirs) if low_first else (theirs, ours):
        stream.carry(stream.acceptor)
        stream.carry(stream.dialler)
    ours.pump()
    theirs.pump()
    assert ours.ready
    assert theirs.over
    settled(a, b, 2, 2)
    assert resumed(a) == resumed(b) == [False, True]


def test_told_to_wait_the_server_leaves_the_stream_open() -> None:
    a, b = peers()
    ours, theirs = a.dial(b), b.dial(a)
    until_asked(ours)
    until_asked(theirs)
    theirs.carry(theirs.acceptor)
    assert isinstance(theirs.acceptor.connection.state, AwaitClientIdent)
    assert isinstance(theirs.dialler.connection.state, AwaitServerIdent)


def test_a_displaced_connection_says_nothing_more() -> None:
    a, b = peers()
    old = connect(a, b)
    old.severed = True  # half open: neither end knows
    b.count(a, 0, 1)
    stream = a.dial(b)
    assert isinstance(old.dialler.connection.state, Ended)
    stream.pump()
    for tip in old.tips:
        state = tip.connection.state
        assert isinstance(state, Ended)
        assert isinstance(state.error, Displaced)
        assert not tip.connection.data_to_send()
        assert not tip.connection.has_output
    assert stream.ready
    assert a.tids == [0]


def test_a_registered_lossy_session_gives_way_to_a_newer_one_of_the_same_address() -> None:
    server = End("osd.0", LOW, Policy.stateless_registered_server())
    client = End("client.x", HIGH, Policy.lossy_client())
    old = connect(client, server)
    old.severed = True
    lost = server.push(client, old_message := Message(type=1, tid=5))
    client.table.remove(client.session_with(server))
    stream = connect(client, server)
    assert old.acceptor.over
    old.settle()
    assert isinstance(server.errors[-1], Displaced)
    assert lost.outcome is Outcome.UNDELIVERED
    server.push(client, old_message)
    stream.pump()
    assert client.tids == [5]
    assert len(server.table) == 1


@pytest.mark.parametrize("reconnect", [False, True])
def test_a_session_is_not_given_to_somebody_else(reconnect: bool) -> None:
    client, server = client_and_server()
    stream = connect(client, server)
    thief = End("client.y", HIGH, Policy.lossless_client())
    if reconnect:
        thief.table.register(client.session_with(server))
        client.session_with(server).link = None
    thief.table.global_seqs.next(above=100)
    thief.dial(server).pump()
    error = server.errors[-1]
    assert isinstance(error, IdentError)
    assert str(error) == "client.y asks for a session of client.x [SESSION-OWNER-1]"
    assert stream.acceptor.ready
    assert not server.resets
