"""What channels and parts do to a connection: nothing where the peer is plain, and an end where it breaks a rule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from msgr.core.states import Ready
from msgr.errors import MsgrError, PeerError, UnexpectedFrame
from msgr.frame import Frame, NodeTag
from msgr.payload import PartHeader
from msgr.session import Message, Outcome, PeerSession
from tests.sessions_model.ends import EXTENDED, QUOTAS, Authority, End, Stream, Tip, client_and_server, peers
from tests.sessions_model.steps import connect

MESSAGES = [Message(type=1, tid=tid, channel=tid, data=bytes(size)) for tid, size in enumerate((0, 20_000, 7))]


class Overheard(Stream):
    """A stream that keeps what is written to it."""

    def __init__(self, stream: Stream) -> None:
        self.wire = {True: b"", False: b""}
        self.dialler, self.acceptor, self.tips = stream.dialler, stream.acceptor, stream.tips
        self.severed = False

    def write(self, tip: Tip) -> None:
        target, before = self.other(tip), len(self.other(tip).inbound)
        super().write(tip)
        self.wire[tip.dialled] += bytes(target.inbound[before:])


def talk(near: End, far: End) -> dict[bool, bytes]:
    """Connect, send some messages there and one back, and return all bytes of both directions."""
    stream = Overheard(near.dial(far))
    for message in MESSAGES:
        near.push(far, message)
    stream.pump()
    assert stream.ready
    far.push(near, MESSAGES[1])
    stream.pump()
    assert far.tids == [0, 1, 2]
    return stream.wire


def with_channels(end: End) -> End:
    """Give an end channels, but not the extension."""
    end.channels = QUOTAS
    end.server, end.client = replace(end.server, channels=QUOTAS), replace(end.client, channels=QUOTAS)
    return end


def test_a_plain_peer_sees_the_same_bytes_with_channels_and_without() -> None:
    """Demand 42: golden; whole messages, in the order in which they came, and no channel in their headers."""
    near, far = client_and_server()
    plain = talk(near, far)
    again, other = client_and_server()
    assert talk(with_channels(again), with_channels(other)) == plain
    assert [message.channel for message in other.delivered] == [0, 0, 0]


def test_an_extended_connection_that_meets_a_plain_peer_sends_no_private_frame() -> None:
    """The banner differs in its bit, and nothing else does."""
    near, far = client_and_server()
    plain = talk(near, far)
    again, other = client_and_server(authority=Authority(EXTENDED[0]))
    again.server, again.client = replace(again.server, node=None), replace(again.client, node=None)
    offered = talk(again, other)
    assert offered[True] == plain[True]
    assert offered[False][26:] == plain[False][26:]  # behind the banner


def refusal(frame: Frame, *, extended: bool = True, limit: int | None = None) -> MsgrError:
    """Send a frame by hand in a session; returns why the other end closed."""
    a, b = peers(authority=Authority(EXTENDED[0] if extended else replace(EXTENDED[0], extended=False)))
    if limit is not None:
        b.server = replace(b.server, limits=replace(b.server.limits, parts=limit))
    stream = connect(a, b)
    stream.dialler.connection._context.transport.send(frame)
    stream.pump()
    (error,) = b.errors
    return error


def part(size: int) -> Frame:
    return Frame(NodeTag.MESSAGE_PART, (PartHeader(channel=1, offset=0).encode(), bytes(size)))


@pytest.mark.parametrize(
    ("frame", "limit", "rule"),
    [
        (part(4095), None, "CHANNEL-5"),
        (part((1 << 20) + 1), None, "CHANNEL-5"),
        (part(8192), 8191, "CHANNEL-6"),
        (part(4096), 0, "CHANNEL-6"),
        (Frame(NodeTag.MESSAGE_PART, (PartHeader(channel=1, offset=5).encode(), bytes(4096))), None, "CHANNEL-4"),
    ],
    ids=["too small", "too large", "more than is held", "none is taken", "not the next"],
)
def test_a_part_that_breaks_a_rule_ends_the_connection(frame: Frame, limit: int | None, rule: str) -> None:
    error = refusal(frame, limit=limit)
    assert isinstance(error, PeerError)
    assert error.rule == rule


def test_a_part_to_a_plain_end_is_out_of_place() -> None:
    assert isinstance(refusal(part(4096), extended=False), UnexpectedFrame)


def test_a_part_is_refused_by_its_preamble_before_a_byte_of_it_came() -> None:
    """The lengths are enough, so nothing is waited for or kept."""
    a, b = peers(authority=Authority(EXTENDED[0]))
    stream = connect(a, b)
    stream.dialler.connection._context.transport.send(part(2 << 20))
    stream.carry(stream.acceptor, 32)
    (error,) = b.errors
    assert isinstance(error, PeerError)
    assert error.rule == "CHANNEL-5"


def test_what_both_ends_hold_in_parts_is_what_they_told_each_other() -> None:
    """The sender keeps to the limit of the receiver, whose session then never has to refuse."""
    a, b = peers(authority=Authority(EXTENDED[0]))
    stream = connect(a, b)
    receipts = [a.push(b, Message(type=1, tid=tid, channel=tid, data=bytes(20_000))) for tid in range(5)]
    stream.pump()
    assert {receipt.outcome for receipt in receipts} == {Outcome.ACKNOWLEDGED}
    state = stream.acceptor.connection.state
    assert isinstance(state, Ready)
    assert isinstance(state.session, PeerSession)
    assert state.session.traffic.counters.parts_received == 20
