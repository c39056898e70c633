"""A session that ends with its connection."""

from __future__ import annotations

import pytest

from msgr.errors import PeerError
from msgr.frame import Tag
from msgr.session import LossySession, Outcome
from tests.session.helpers import ack_of, drain, feed, header_of, numbered


def test_what_is_written_is_unknown_and_kept_nowhere() -> None:
    session = LossySession()
    receipt = session.push(numbered(1, size=10))
    assert (receipt.outcome, session.held_bytes, session.outstanding) == (None, 10, 1)
    assert session.has_output
    assert session.has_messages
    (frame,) = drain(session)
    assert header_of(frame).seq == receipt.seq == session.out_seq == 1
    assert receipt.outcome is Outcome.UNKNOWN
    assert (session.held_bytes, session.unacknowledged, session.has_output) == (0, 0, False)


def test_what_was_never_written_is_undelivered_at_the_end() -> None:
    session = LossySession()
    receipts = [session.push(numbered(number)) for number in range(3)]
    session.next_frame()
    session.end()
    assert [receipt.outcome for receipt in receipts] == [Outcome.UNKNOWN, *[Outcome.UNDELIVERED] * 2]
    assert (session.counters.sent, session.counters.unknown, session.counters.undelivered) == (1, 1, 2)
    session.end()
    assert session.counters.undelivered == 2


def test_duplicates_are_dropped_gaps_are_counted_and_nothing_is_acknowledged() -> None:
    session, peer = LossySession(), LossySession()
    for number in range(4):
        peer.push(numbered(number))
    frames = drain(peer)
    assert feed(session, [frames[0], frames[0], frames[3], frames[1]]) == [0, 3]
    assert (session.counters.received, session.counters.duplicates, session.counters.gaps) == (2, 2, 2)
    assert session.next_frame() is None


def test_towards_a_lossless_server_it_acknowledges() -> None:
    session, peer = LossySession(acknowledges=True), LossySession()
    peer.push(numbered(0))
    peer.push(numbered(1))
    first, second = drain(peer)
    feed(session, [first])
    assert session.has_output
    (frame,) = drain(session)
    assert frame.tag == Tag.ACK
    assert ack_of(frame) == 1
    feed(session, [second])
    session.push(numbered(5))
    (frame,) = drain(session)  # the message carries it
    assert header_of(frame).ack_seq == 2


def test_an_ack_of_what_was_never_sent_is_refused() -> None:
    session = LossySession()
    session.acknowledge(0)
    with pytest.raises(PeerError, match="ACK-2"):
        session.acknowledge(1)
