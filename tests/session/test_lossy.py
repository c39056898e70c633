"""A session that ends with its connection: numbers, duplicates, acknowledgements."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from msgr.frame import Frame, Tag
from msgr.payload import Ack, MessageHeader, of_frame
from msgr.session import LossySession, Message, Policy


def header_of(frame: Frame | None) -> MessageHeader:
    """Return the header of a MESSAGE frame."""
    assert frame is not None
    assert frame.tag == Tag.MESSAGE
    return MessageHeader.decode(frame.segments[0])


def message(seq: int, *, priority: int = 127) -> Frame:
    """Return a frame of a message with that number."""
    return Message(type=1, priority=priority).to_frame(seq=seq, ack_seq=0)


def test_numbers_are_given_in_the_order_of_sending() -> None:
    """Contiguously, from 1: kernel clients insist on it."""
    session = LossySession()
    for tid, priority in enumerate([64, 127, 255]):
        session.queue.push(Message(type=1, tid=tid, priority=priority))
    assert session.out_seq == 0
    headers = [header_of(session.next_frame()) for _ in range(3)]
    assert [(header.seq, header.tid) for header in headers] == [(1, 2), (2, 1), (3, 0)]
    assert session.out_seq == 3
    assert session.next_frame() is None


def test_every_message_tells_what_was_received() -> None:
    """Filled even on lossy sessions, as Ceph does."""
    session = LossySession()
    session.queue.push(Message(type=1))
    assert header_of(session.next_frame()).ack_seq == 0
    session.receive(message(7))
    session.queue.push(Message(type=1))
    assert header_of(session.next_frame()).ack_seq == 7


def test_a_lossy_session_acknowledges_nothing() -> None:
    session = LossySession()
    session.receive(message(1))
    assert session.next_frame() is None


def test_one_acknowledgement_for_all_that_came() -> None:
    """ACK-1."""
    session = LossySession(acknowledges=True)
    assert session.next_frame() is None
    for seq in (1, 2, 3):
        session.receive(message(seq))
    frame = session.next_frame()
    assert frame is not None
    assert of_frame(frame) == Ack(seq=3)
    assert session.next_frame() is None


def test_a_message_acknowledges_too() -> None:
    session = LossySession(acknowledges=True)
    session.receive(message(1))
    session.queue.push(Message(type=1))
    assert header_of(session.next_frame()).ack_seq == 1
    assert session.next_frame() is None


def test_a_duplicate_is_not_acknowledged_again() -> None:
    session = LossySession(acknowledges=True)
    session.receive(message(1))
    session.next_frame()
    assert session.receive(message(1)) is None
    assert session.next_frame() is None


@given(st.lists(st.integers(0, 20)))
def test_each_number_is_taken_once_and_only_forward(seqs: list[int]) -> None:
    """MESSAGE-2."""
    session = LossySession()
    taken = [seq for seq in seqs if session.receive(message(seq)) is not None]
    assert taken == sorted(set(taken))
    highest = 0
    expected = []
    for seq in seqs:
        if seq > highest:
            highest = seq
            expected.append(seq)
    assert taken == expected
    assert session.in_seq == highest


def test_policies() -> None:
    client, server = Policy.lossy_client(), Policy.stateless_server()
    assert (client.lossy, client.server) == (True, False)
    assert (server.lossy, server.server) == (True, True)


def test_whether_there_is_something_to_send() -> None:
    session = LossySession(acknowledges=True)
    assert not session.has_output
    session.receive(message(1))
    assert session.has_output
    session.next_frame()
    assert not session.has_output
    session.queue.push(Message(type=1))
    assert session.has_output
    session.next_frame()
    assert not session.has_output
