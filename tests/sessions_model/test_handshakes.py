"""Sessions between two ends without sockets: begun, lost at every step, and taken up again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from msgr.core import Connected
from msgr.errors import ConnectionLost, IdentError, Refused
from msgr.frame import Mode, Revision
from msgr.session import Message, Outcome, Policy
from tests.sessions_model.ends import (
    HIGH,
    LOW,
    NOW,
    Authority,
    End,
    Setup,
    client_and_server,
    lossless,
    peers,
    restarted,
)
from tests.sessions_model.steps import connect, resumed, settled, until_asked, until_identified

PEERS = [Policy.lossless_peer(), Policy.lossless_peer_reuse()]


def test_messages_flow_both_ways_and_are_acknowledged() -> None:
    a, b = peers()
    a.count(b, 0, 3)
    stream = connect(a, b)
    b.count(a, 0, 2)
    stream.pump()
    settled(a, b, 3, 2)
    assert resumed(a) == resumed(b) == [False]
    assert not a.resets + b.resets


@pytest.mark.parametrize("policy", PEERS, ids=lambda policy: policy.name)
def test_server_ident_lost_and_the_client_comes_again(policy: Policy) -> None:
    """Demand 74p."""
    a, b = peers(policy)
    a.count(b, 0, 2)
    b.count(a, 0, 2)
    stream = a.dial(b)
    until_identified(stream)
    stream.break_off()
    cookie = a.session_with(b).client_cookie
    assert b.session_with(a).client_cookie == cookie
    connect(a, b).pump()
    settled(a, b, 2, 2)
    assert a.session_with(b).client_cookie == cookie  # SESSION-IDENT-11
    assert resumed(b) == [False, False]
    assert not a.resets + b.resets


@pytest.mark.parametrize("policy", PEERS, ids=lambda policy: policy.name)
def test_server_ident_lost_and_the_server_dials_back(policy: Policy) -> None:
    a, b = peers(policy)
    b.count(a, 0, 3)
    stream = a.dial(b)
    until_identified(stream)
    stream.break_off()
    cookie = a.session_with(b).client_cookie
    assert lossless(b.session_with(a)).has_messages
    connect(b, a).pump()
    settled(a, b, 0, 3)
    assert b.session_with(a).client_cookie == a.session_with(b).client_cookie == cookie
    assert not a.session_with(b).traffic.counters.duplicates
    assert not a.resets + b.resets


def test_after_a_server_dialled_back_it_is_a_client_and_its_messages_are_not_sent_to_a_restarted_peer() -> None:
    # As the server that it was, it could still believe that nothing ever arrived, and send everything again.
    a, b = peers()
    stream = a.dial(b)
    until_identified(stream)
    stream.break_off()
    b.count(a, 0, 2)
    stream = b.dial(a)
    until_identified(stream)
    stream.carry(stream.dialler)
    stream.carry(stream.acceptor)  # the messages arrive
    assert a.tids == [0, 1]
    stream.break_off()  # the acknowledgements do not
    again = restarted(a)
    dialling = again.dial(b)
    until_asked(dialling)  # so it has a cookie of its own, and answers RESET(0)
    b.dial(again).pump()
    dialling.pump()
    assert dialling.ready
    assert [reset.full for reset in b.resets] == [False]
    assert b.outcomes()[Outcome.UNKNOWN] == {0, 1}
    assert again.tids == []


@pytest.mark.parametrize("back", [False, True], ids=["the client", "the server"])
@pytest.mark.parametrize("policy", PEERS, ids=lambda policy: policy.name)
def test_a_lost_connection_is_made_anew_from_either_end(policy: Policy, back: bool) -> None:
    a, b = peers(policy)
    stream = connect(a, b)
    a.count(b, 0, 3)
    b.count(a, 0, 3)
    stream.write(stream.dialler)
    stream.write(stream.acceptor)
    stream.cut(keep_acceptor=100, keep_dialler=150)  # one whole message one way, two the other, and a bit more
    stream.pump()
    stream = connect(b, a) if back else connect(a, b)
    stream.pump()
    settled(a, b, 3, 3)
    assert resumed(a) == resumed(b) == [False, True]
    assert a.session_with(b).connect_seq == b.session_with(a).connect_seq == 1
    assert not a.resets + b.resets


def test_the_cookies_keep_their_names_whoever_dials() -> None:
    a, b = peers()
    connect(a, b).break_off()
    cookies = a.session_with(b).client_cookie, a.session_with(b).server_cookie
    connect(b, a)
    for end, peer in ((a, b), (b, a)):
        assert (end.session_with(peer).client_cookie, end.session_with(peer).server_cookie) == cookies


def test_a_restarted_server_resets_its_client() -> None:
    """Demand 21."""
    client, server = client_and_server()
    stream = connect(client, server)
    client.count(server, 0, 2)
    stream.write(stream.dialler)
    stream.break_off()
    client.count(server, 2, 2)
    again = restarted(server)
    connect(client, again)
    assert [reset.full for reset in client.resets] == [True]
    assert client.outcomes()[Outcome.UNKNOWN] == {0, 1}
    assert client.outcomes()[Outcome.UNDELIVERED] == {2, 3}
    assert again.tids == []
    assert not again.resets


@pytest.mark.parametrize("policy", PEERS, ids=lambda policy: policy.name)
def test_a_restarted_client_resets_its_server_at_the_second_try(policy: Policy) -> None:
    a, b = peers(policy)
    connect(a, b).break_off()
    stream = connect(a, b)
    b.count(a, 0, 2)
    stream.write(stream.acceptor)
    stream.break_off()
    b.count(a, 2, 2)
    again = restarted(a)
    again.dial(b).pump()  # its numbers began anew: SESSION-IDENT-8
    assert isinstance(b.errors[-1], IdentError)
    assert not b.resets
    connect(again, b).pump()
    assert [reset.full for reset in b.resets] == [policy.resetcheck]
    assert b.outcomes()[Outcome.UNKNOWN] == {0, 1}
    left = {2, 3}
    assert b.outcomes()[Outcome.UNDELIVERED if policy.resetcheck else Outcome.ACKNOWLEDGED] == left
    assert again.tids == ([] if policy.resetcheck else [2, 3])


def client_message() -> Message:
    return Message(type=1, tid=5)


def test_an_unregistered_server_keeps_no_session() -> None:
    server = End("osd.0", LOW, Policy.stateless_server())
    client = End("client.x", HIGH, Policy.lossy_client())
    connect(client, server)
    assert len(server.table) == 0


def test_a_lossless_client_refuses_a_lossy_server() -> None:
    client = End("client.x", HIGH, Policy.lossless_client())
    server = End("osd.0", LOW, Policy.stateless_server())
    client.dial(server).pump()
    error = client.errors[0]
    assert isinstance(error, Refused)
    assert error.rule == "SESSION-POLICY-2"
    assert client.session_with(server).server_cookie == 0


def test_a_lossy_client_acknowledges_to_a_lossless_server_and_keeps_no_cookie() -> None:
    client = End("client.x", HIGH, Policy.lossy_client())
    server = End("mds.a", LOW, Policy.stateful_server())
    stream = connect(client, server)
    receipt = server.push(client, client_message())
    stream.pump()
    assert receipt.outcome is Outcome.ACKNOWLEDGED
    assert client.session_with(server).server_cookie == 0


def test_features_of_the_session_survive_the_connection() -> None:
    a, b = peers()
    common = a.client.supported & ~1
    a.client = replace(a.client, supported=common)
    connect(a, b).break_off()
    connect(b, a)
    for end in (a, b):
        assert [event.peer.features for event in end.of(Connected)] == [common, common]


def test_a_client_without_an_address_keeps_the_one_that_it_made_up() -> None:
    client, server = client_and_server()
    client.client = replace(client.client, addresses=())
    connect(client, server).break_off()
    server.push(restarted(client), client_message())  # to the address by which it is not known
    connect(client, server)
    assert resumed(client) == resumed(server) == [False, True]
    assert not client.resets


def test_a_frame_cut_in_the_middle_leaves_nothing_behind() -> None:
    a, b = peers()
    stream = connect(a, b)
    a.count(b, 0, 1, size=10_000)
    assert stream.carry(stream.acceptor, 5_000) == 5_000
    stream.break_off()
    assert isinstance(b.errors[0], ConnectionLost)
    connect(a, b).pump()
    assert b.tids == [0]
    assert a.session_with(b).traffic.counters.resent == 1


@pytest.mark.parametrize("revision", list(Revision), ids=str)
@pytest.mark.parametrize("back", [False, True])
def test_every_connection_has_keys_of_its_own(back: bool, revision: Revision) -> None:
    a, b = peers(authority=Authority(Setup(True, Mode.SECURE, revision)))
    stream = connect(a, b)
    a.count(b, 0, 2, size=100)
    b.count(a, 0, 2, size=100)
    stream.write(stream.dialler)
    first = bytes(stream.acceptor.inbound)
    stream.break_off()
    stream = b.dial(a) if back else a.dial(b)
    until_asked(stream)
    stream.carry(stream.acceptor)
    tip = stream.dialler if back else stream.acceptor
    stream.write(stream.other(tip))
    assert first not in bytes(tip.inbound)
    stream.pump()
    settled(a, b, 2, 2)


def test_a_lossless_server_that_gives_no_cookie_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    client, server = client_and_server()
    monkeypatch.setattr("msgr.core.server_session.random_cookie", lambda dice: 0)
    client.dial(server).pump()
    error = client.errors[0]
    assert isinstance(error, IdentError)
    assert error.rule == "SESSION-COOKIE-1"


def test_a_restarted_client_that_missed_its_server_ident_is_reported_once() -> None:
    a, b = peers()
    stream = connect(a, b)
    stream.dialler.connection.send_keepalive(now=NOW)
    stream.pump()  # so that the server knows that the client has the session
    stream.break_off()
    again = restarted(a)
    again.table.global_seqs.next(above=a.table.global_seqs.last)
    b.count(again, 0, 2)
    stream = again.dial(b)
    until_identified(stream)
    assert len(b.resets) == 1
    stream.break_off()
    connect(b, again).pump()  # it never was in this session, so nothing was lost in it
    assert len(b.resets) == 1
    settled(again, b, 0, 2)
