"""Two connections, pumped by hand."""

from __future__ import annotations

import pytest

from msgr.core import Closed, Timeouts
from msgr.errors import ConnectionLost, TimedOut
from msgr.frame import Revision
from msgr.session import Message, Outcome, PeerSession, Policy, SessionTable
from msgr.testing import ConnectionPair

from .ends import AT, client, messages, pair, server


@pytest.mark.parametrize("revision", Revision, ids=str)
@pytest.mark.parametrize("piece", [None, 1, 7, 100])
def test_a_session_in_pieces(revision: Revision, piece: int | None) -> None:
    both = pair(revision)
    assert both.pump(piece=piece) > 0
    assert both.client.ready
    assert both.server.ready
    both.client.connection.send_message(Message(type=1, front=b"there"))
    both.server.connection.send_message(Message(type=2, data=b"back"))
    both.pump(piece=piece)
    assert [bytes(message.front) for message in messages(both.server)] == [b"there"]
    assert [bytes(message.data) for message in messages(both.client)] == [b"back"]
    assert both.pump() == 0


def test_what_crosses_the_wire_is_the_same_on_every_run() -> None:
    def run() -> list[bytes]:
        both, seen = pair(), []
        while both.client.inbound or both.server.inbound:
            seen.append(bytes(both.server.inbound))
            both.carry(both.server)
            seen.append(bytes(both.client.inbound))
            both.carry(both.client)
        return seen

    assert run() == run()


def test_as_many_bytes_as_are_asked_for() -> None:
    both = pair()
    assert both.carry(both.server, 3) == 3
    assert both.server.received == 3
    assert not both.server.ended


def test_a_close_shows_at_the_other_end() -> None:
    both = pair()
    both.pump()
    both.client.connection.close()
    both.pump()
    assert both.server.events[-1] == Closed(error=None)
    assert both.client.ended
    assert both.server.ended


def test_a_cut_loses_what_is_on_its_way_and_a_session_outlives_it() -> None:
    table = SessionTable()
    session = PeerSession(Policy.lossless_client(), (AT,))
    first = ConnectionPair(client(session), server(table))
    first.pump()
    receipts = [first.client.connection.send_message(Message(type=1, tid=tid)) for tid in range(3)]
    first.settle()
    first.cut()
    ended = first.client.events[-1]
    assert isinstance(ended, Closed)
    assert isinstance(ended.error, ConnectionLost)
    session.connect_seq += 1
    second = ConnectionPair(client(session, seed=3), server(table, seed=4))
    second.pump()
    assert [message.tid for message in messages(first.server) + messages(second.server)] == [0, 1, 2]
    assert {receipt.outcome for receipt in receipts} == {Outcome.ACKNOWLEDGED}


def test_a_turn_of_the_clock_ends_a_handshake() -> None:
    both = ConnectionPair(client(timeouts=Timeouts(handshake=3)), server())
    both.turn(2.9)
    assert not both.client.ended
    both.turn(0.2)
    ended = both.client.events[-1]
    assert isinstance(ended, Closed)
    assert isinstance(ended.error, TimedOut)
