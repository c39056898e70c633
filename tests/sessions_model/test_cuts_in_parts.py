"""Channels and messages in parts, cut at every byte in either direction: nothing lost, nothing twice (demand 36)."""

from __future__ import annotations

from typing import Final

import pytest

from msgr.session import Message, Outcome
from tests.sessions_model.ends import EXTENDED, Authority, End, Setup, Stream
from tests.sessions_model.test_cuts import WAYS, Ends, Way, mds_and_client, osds

SENT: Final = ((1, 9000), (2, 5), (1, 0), (2, 4500))
"""Channel and size of what the dialler sends: in three parts, whole, behind the first, in two parts."""
STRIDE: Final = 101
ENDS: Final[tuple[tuple[Ends, bool], ...]] = ((osds, False), (osds, True), (mds_and_client, False))
"""Who talks, and whether the other end dials after the cut."""


def content(tid: int, size: int) -> bytes:
    return bytes((tid + at) & 0xFF for at in range(size))


class Exchange:
    """The first end sends all at once; the second sends each message back in the channel in which it came."""

    def __init__(self, ends: tuple[End, End]) -> None:
        self.dialler, self.acceptor = ends
        self.replied = 0
        for tid, (channel, size) in enumerate(SENT):
            self.dialler.push(
                self.acceptor,
                Message(type=1, tid=tid, channel=channel, front=content(tid, size // 2), data=content(tid, size)),
            )

    def play(self, stream: Stream, *, way: Way = "to the acceptor", budget: int | None = None) -> bool:
        """Go on to the end, or until so many bytes went that way; tells whether it was the end."""
        tip = stream.acceptor if way == "to the acceptor" else stream.dialler
        while budget is None or tip.carried < budget:
            moved = stream.carry(tip, 1 << 20 if budget is None else budget - tip.carried)
            moved += stream.carry(stream.other(tip)) if budget is None or tip.carried < budget else 0
            if not self._reply() and not moved:
                return True
        return False

    def _reply(self) -> bool:
        new = self.acceptor.delivered[self.replied :]
        for message in new:
            self.replied += 1
            back = Message(
                type=1, tid=message.tid + 100, channel=message.channel, front=message.front, data=message.data
            )
            self.acceptor.push(self.dialler, back)
        return bool(new)

    def check(self) -> None:
        """All of each channel has arrived, once, in order and as it was; the receipts say so."""
        for end, other, first in ((self.acceptor, self.dialler, 0), (self.dialler, self.acceptor, 100)):
            for channel in (1, 2):
                line = [message.tid - first for message in end.delivered if message.channel == channel]
                assert line == [tid for tid, (where, _) in enumerate(SENT) if where == channel]
            assert len(end.delivered) == len(SENT)
            for message in end.delivered:
                tid = message.tid - first
                assert bytes(message.front) == content(tid, SENT[tid][1] // 2)
                assert bytes(message.data) == content(tid, SENT[tid][1])
            outcomes = other.outcomes()
            assert outcomes[Outcome.ACKNOWLEDGED] == set(end.tids)
            assert not outcomes[Outcome.UNDELIVERED] | outcomes[Outcome.UNKNOWN] | outcomes[None]
            counters = other.session_with(end).traffic.counters
            assert counters.gaps == 0
            assert counters.parts >= 4


def cut_at(setup: Setup, way: Way, *, stride: int) -> None:
    authority = Authority(setup)
    for make, back in ENDS:
        whole = Exchange(make(authority))
        stream = whole.dialler.dial(whole.acceptor)
        assert whole.play(stream)
        whole.check()
        tip = stream.acceptor if way == "to the acceptor" else stream.dialler
        for offset in range(0, tip.carried, stride):
            exchange = Exchange(make(authority))
            low, high = exchange.dialler, exchange.acceptor
            stream = low.dial(high)
            exchange.play(stream, way=way, budget=offset)
            stream.break_off()
            assert exchange.play(high.dial(low) if back else low.dial(high))
            exchange.check()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("setup", EXTENDED, ids=str)
def test_cut_here_and_there(setup: Setup, way: Way) -> None:
    cut_at(setup, way, stride=STRIDE)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("setup", EXTENDED, ids=str)
def test_cut_at_every_seventh_byte(setup: Setup, way: Way) -> None:
    """Seven and the sixteen bytes of a block have nothing in common: every place in a block is cut at."""
    cut_at(setup, way, stride=7)
