"""Large messages in parts, and what both ends hold of them (demand 42)."""

from __future__ import annotations

from collections import defaultdict
from random import Random
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msgr.errors import PeerError
from msgr.frame import Frame, NodeTag, Tag
from msgr.payload import MessageHeader, PartHeader
from msgr.session import ChannelQuotas, LosslessSession, LossySession, Message, Outcome, PartLimits, Receipt
from msgr.session.channels import LARGEST_PART, SMALLEST_PART
from msgr.session.traffic import Traffic
from tests.session.helpers import ack_of, drain, feed

PART: Final = SMALLEST_PART
QUOTAS: Final = ChannelQuotas(part=PART)
ROOM: Final = 1 << 20
SEGMENTS: Final = (3 * PART, 3 * PART, 1 << 20)


def limits(*, peer: int = ROOM, own: int = ROOM, segments: tuple[int, int, int] = SEGMENTS) -> PartLimits:
    return PartLimits(peer=peer, own=own, segments=segments)


def opened(*, lossy: bool = False, quotas: ChannelQuotas | None = QUOTAS, peer: int = ROOM, own: int = ROOM) -> Traffic:
    session = LossySession(quotas) if lossy else LosslessSession(quotas)
    session.open(limits(peer=peer, own=own))
    return session


def content(number: int, size: int) -> bytes:
    return bytes((number + 7 * at) & 0xFF for at in range(size))


def message(channel: int, number: int, *body: int) -> Message:
    front, middle, data = (content(number + index, size) for index, size in enumerate((*body, 0, 0, 0)[:3]))
    return Message(type=1, tid=number, channel=channel, front=front, middle=middle, data=data)


def take(session: Traffic, frame: Frame) -> Message | None:
    """Let a session take one frame; returns the message that it delivers."""
    if frame.tag == NodeTag.MESSAGE_PART:
        session.admit_part(tuple(map(len, frame.segments)), compressed=False)
        session.receive_part(frame)
    elif frame.tag == Tag.ACK:
        session.acknowledge(ack_of(frame))
    else:
        return session.receive(frame)
    return None


def part(channel: int, offset: int, *body: int) -> Frame:
    return Frame.of(
        NodeTag.MESSAGE_PART, PartHeader(channel=channel, offset=offset).encode(), *(bytes(size) for size in body)
    )


def rest(channel: int, seq: int, *body: int) -> Frame:
    header = MessageHeader(seq=seq, type=1, reserved=channel)
    return Frame.of(Tag.MESSAGE, header.encode(), *(bytes(size) for size in body))


@pytest.mark.parametrize("lossy", [False, True])
@pytest.mark.parametrize(
    "body",
    [
        (),
        (0, 0, PART),
        (0, 0, PART + 1),
        (PART + 1,),
        (0, 2 * PART),
        (PART - 1, 2, PART - 1),
        (1, 0, 2 * PART),
        (5000,) * 3,
    ],
    ids=str,
)
def test_a_message_arrives_as_it_was_sent(body: tuple[int, ...], lossy: bool) -> None:
    """In as many parts as it has, and once; the parts are of the size that was asked for."""
    sender, receiver = opened(lossy=lossy), opened(lossy=lossy)
    sent = message(9, 3, *body)
    sender.push(sent)
    frames = drain(sender)
    arrived = [got for frame in frames if (got := take(receiver, frame)) is not None]
    assert [(got.channel, got.tid, bytes(got.front), bytes(got.middle), bytes(got.data)) for got in arrived] == [
        (9, 3, sent.front, sent.middle, sent.data)
    ]
    assert sender.counters.parts == receiver.counters.parts_received == max(0, sent.size - 1) // PART == len(frames) - 1
    assert {frame.size - 10 for frame in frames[:-1]} <= {PART}
    assert (sender.counters.sent, receiver.counters.received, sender.queue.size) == (1, 1, 0)


def test_a_small_message_passes_a_large_one() -> None:
    """It goes after the part that is on its way, and has its number first."""
    sender = opened()
    sender.push(message(1, 1, 0, 0, 10 * PART))
    assert sender.next_frame() is not None
    small = sender.push(message(2, 2, 10))
    frame = sender.next_frame()
    assert frame is not None
    assert frame.tag == Tag.MESSAGE
    assert small.seq == 1
    assert [frame.tag for frame in drain(sender)] == [NodeTag.MESSAGE_PART] * 8 + [Tag.MESSAGE]


def test_an_acknowledgement_does_not_wait_for_the_end_of_a_large_message() -> None:
    """Parts carry none, so it has a frame of its own."""
    for lossy in (False, True):
        session = opened(lossy=lossy)
        if isinstance(session, LossySession):
            session.acknowledges = True
        session.push(message(1, 1, 0, 0, 10 * PART))
        assert session.next_frame() is not None
        take(session, rest(5, 1))
        assert [frame.tag for frame in drain(session)][:2] == [Tag.ACK, NodeTag.MESSAGE_PART]


@pytest.mark.parametrize(("quotas", "peer"), [(None, ROOM), (QUOTAS, 0), (QUOTAS, 10 * PART - 1)], ids=str)
def test_it_goes_whole_where_nothing_is_shared_or_the_peer_does_not_take_it_in_parts(
    quotas: ChannelQuotas | None, peer: int
) -> None:
    sender, receiver = opened(quotas=quotas, peer=peer), opened()
    sender.push(message(1, 1, 0, 0, 10 * PART))
    (frame,) = drain(sender)
    got = take(receiver, frame)
    assert got is not None
    assert (got.channel, len(got.data)) == (1, 10 * PART)


def test_a_plain_connection_sees_neither_channels_nor_parts() -> None:
    """Byte for byte what a session without channels writes (CHANNEL-1)."""
    with_channels, without = LosslessSession(QUOTAS), LosslessSession()
    with_channels.open(None)
    for session in (with_channels, without):
        for number, size in enumerate((0, 10 * PART, 3)):
            session.push(message(number if session is with_channels else 0, number, size))
    assert drain(with_channels) == drain(without)


def test_messages_in_parts_wait_for_room_at_the_peer_and_none_starves() -> None:
    """Three of 10 parts, room for two: the third begins when one is over, before a fourth that would fit sooner."""
    sender, receiver = opened(peer=25 * PART), opened(own=25 * PART)
    for channel, parts in ((1, 10), (2, 10), (3, 10), (4, 5)):
        sender.push(message(channel, channel, 0, 0, parts * PART))
    sender.push(message(5, 5, 10))
    arrived, begun = list[int](), list[int]()
    for frame in drain(sender):
        if frame.tag == NodeTag.MESSAGE_PART and (header := PartHeader.decode(frame.segments[0])).offset == 0:
            begun.append(header.channel)
        if (got := take(receiver, frame)) is not None:
            arrived.append(got.tid)
    assert begun == [1, 2, 3, 4]
    assert sorted(arrived) == [1, 2, 3, 4, 5]
    assert arrived[0] == 5


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6 * PART)), min_size=1, max_size=25),
    st.integers(0, 12 * PART),
    st.randoms(use_true_random=False),
    st.booleans(),
)
def test_any_interleaving_over_any_cut_gives_each_message_once_in_the_order_of_its_channel(
    plan: list[tuple[int, int]], room: int, dice: Random, answers: bool
) -> None:
    """Demand 36: connections end anywhere, with what was on its way; in the end all is there, and receipts say so."""
    sender, receiver = LosslessSession(QUOTAS), LosslessSession(QUOTAS)
    receipts, arrived = list[Receipt](), defaultdict[int, list[int]](list)

    def carry(frames: int) -> None:
        for _ in range(frames):
            frame = sender.next_frame()
            if frame is None:
                break
            got = take(receiver, frame)
            if got is not None:
                arrived[got.channel].append(got.tid)
                assert bytes(got.data) == content(got.tid + 2, len(got.data))
            if answers and (back := receiver.next_frame()) is not None:
                take(sender, back)

    def reconnect() -> None:
        sender.lose_connection()
        receiver.lose_connection()
        sender.resume(receiver.in_seq)
        sender.open(limits(peer=room))
        receiver.open(limits(own=room))

    for end, other in ((sender, room), (receiver, room)):
        end.open(limits(peer=other, own=other))
    for number, (channel, size) in enumerate(plan):
        receipts.append(sender.push(message(channel, number, 0, 0, size)))
        carry(dice.randrange(6))
        if dice.random() < 0.3:
            for _ in range(dice.randrange(4)):
                sender.next_frame()  # lost on its way
            reconnect()
    carry(1000)
    reconnect()
    carry(1000)
    sender.acknowledge(receiver.in_seq)
    for channel, line in arrived.items():
        assert line == [number for number, (where, _) in enumerate(plan) if where == channel]
    assert sum(map(len, arrived.values())) == len(plan)
    assert {receipt.outcome for receipt in receipts} == {Outcome.ACKNOWLEDGED}
    assert sender.held_bytes == receiver.counters.duplicates == 0


@pytest.mark.parametrize("lossy", [False, True])
def test_a_message_in_the_middle_of_its_parts_is_certainly_undelivered_at_the_end(lossy: bool) -> None:
    """It never had a number (CHANNEL-7), and neither had the one that waited for room."""
    sender = opened(lossy=lossy, peer=15 * PART)
    receipts = [sender.push(message(channel, channel, 0, 0, 10 * PART)) for channel in (1, 2)]
    for _ in range(3):
        frame = sender.next_frame()
        assert frame is not None
        assert frame.tag == NodeTag.MESSAGE_PART
    sender.end()
    assert [receipt.outcome for receipt in receipts] == [Outcome.UNDELIVERED] * 2
    assert sender.counters.undelivered == 2
    assert not sender.has_output


def test_what_has_a_number_is_written_again_whole_before_all_parts() -> None:
    sender = opened()
    sender.push(message(1, 1, 0, 0, 3 * PART))
    drain(sender)
    sender.push(message(1, 2, 0, 0, 3 * PART))
    sender.next_frame()
    assert isinstance(sender, LosslessSession)
    sender.lose_connection()
    sender.resume(0)
    sender.open(limits())
    frames = drain(sender)
    assert [frame.tag for frame in frames] == [Tag.MESSAGE, *[NodeTag.MESSAGE_PART] * 2, Tag.MESSAGE]
    assert PartHeader.decode(frames[1].segments[0]).offset == 0
    receiver = opened()
    assert [got.tid for frame in frames if (got := take(receiver, frame)) is not None] == [1, 2]


BAD: Final[dict[str, tuple[list[Frame], str]]] = {
    "empty": ([part(1, 0)], "CHANNEL-5"),
    "too small": ([part(1, 0, 0, 0, SMALLEST_PART - 1)], "CHANNEL-5"),
    "too large": ([part(1, 0, 0, 0, LARGEST_PART + 1)], "CHANNEL-5"),
    "more than is held": ([part(1, 0, 0, 0, 10 * PART)] * 1 + [part(2, 0, 0, 0, 7 * PART)], "CHANNEL-6"),
    "front too long": ([part(1, 0, 2 * PART), part(1, 2 * PART, 2 * PART)], "CHANNEL-6"),
    "middle too long": ([part(1, 0, 0, 2 * PART), part(1, 2 * PART, 0, 2 * PART)], "CHANNEL-6"),
    "front too long with the rest": ([part(1, 0, 3 * PART), rest(1, 1, 1)], "CHANNEL-6"),
    "not the next": ([part(1, 0, 0, 0, PART), part(1, 2 * PART, 0, 0, PART)], "CHANNEL-4"),
    "begun anew": ([part(1, 0, 0, 0, PART), part(1, 0, 0, 0, PART)], "CHANNEL-4"),
    "not begun": ([part(1, PART, 0, 0, PART)], "CHANNEL-4"),
    "no header": ([Frame(NodeTag.MESSAGE_PART, (b"\1\0", bytes(PART)))], "WIRE-1"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_peer_that_breaks_a_rule(name: str) -> None:
    """With a typed error that names the rule; what it held before is all that it holds."""
    frames, expected = BAD[name]
    receiver = opened(own=16 * PART)
    for frame in frames[:-1]:
        take(receiver, frame)
    with pytest.raises(PeerError, match=expected):
        take(receiver, frames[-1])
    assert receiver._extension is not None
    assert receiver._extension._assembler.held == sum(frame.size - 10 for frame in frames[:-1])


def test_a_peer_that_was_told_to_send_no_parts() -> None:
    with pytest.raises(PeerError, match="CHANNEL-6"):
        take(opened(own=0), part(1, 0, PART))


def test_the_lengths_of_a_compressed_part_say_little() -> None:
    """It may be a little longer than a part, or very short; once decompressed, it is looked at again."""
    receiver = opened()
    receiver.admit_part((10, 0, 0, 20), compressed=True)
    receiver.admit_part((10, 0, 0, LARGEST_PART + 64), compressed=True)
    with pytest.raises(PeerError, match="CHANNEL-5"):
        receiver.admit_part((10, 0, 0, LARGEST_PART + LARGEST_PART // 2), compressed=True)


def test_a_part_of_what_came_before_completes_a_duplicate_too() -> None:
    """Who writes again what was received takes its parts along: they are not left for the next message."""
    receiver = opened()
    take(receiver, part(1, 0, 0, 0, PART))
    assert take(receiver, rest(1, 1, 0, 0, 1)) is not None
    take(receiver, part(1, 0, 0, 0, PART))
    assert take(receiver, rest(1, 1, 0, 0, 1)) is None
    got = take(receiver, rest(1, 2, 0, 0, 5))
    assert got is not None
    assert len(got.data) == 5


def test_parts_that_came_are_forgotten_with_the_connection() -> None:
    receiver = opened()
    take(receiver, part(1, 0, 0, 0, PART))
    assert isinstance(receiver, LosslessSession)
    receiver.lose_connection()
    receiver.open(limits())
    assert feed(receiver, [rest(1, 1, 0, 0, 3)]) == [0]
    take(receiver, part(1, 0, 0, 0, PART))


def test_a_session_without_the_extension_has_nothing_to_do_with_parts() -> None:
    for session in (LosslessSession(), LossySession()):
        session.open(None)
        session.admit_part((10, 0, 0, 1), compressed=False)
        session.receive_part(part(1, 0, 1))
        assert session.counters.parts_received == 0
