"""A scripted exchange, cut at every byte in either direction, and resumed: nothing lost, nothing twice, order kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, TypeAlias

import pytest

from msgr.session import Outcome, Policy
from tests.sessions_model.ends import SETUPS, Authority, End, Setup, Stream, client_and_server, peers

Ends: TypeAlias = Callable[[Authority], tuple[End, End]]
Way: TypeAlias = Literal["to the acceptor", "to the dialler"]
WAYS: Final[tuple[Way, Way]] = ("to the acceptor", "to the dialler")
BATCHES: Final = ((0, 0), (0, 700), (5, 40))
"""What the dialler sends: the priority above the ordinary, and the size, of two messages each."""
STRIDE: Final = 61


def osds(authority: Authority) -> tuple[End, End]:
    """Two ends that may both dial."""
    return peers(Policy.lossless_peer(), authority=authority)


def mds_and_client(authority: Authority) -> tuple[End, End]:
    """A client that dials, and a server that never does."""
    return client_and_server(authority=authority)


class Exchange:
    """Two ends, of which the first sends, and the second replies to each message as it comes."""

    def __init__(self, ends: tuple[End, End]) -> None:
        self.dialler, self.acceptor = ends
        self.replied = 0
        self.pushed = 0

    def play(self, stream: Stream, *, way: Way = "to the acceptor", budget: int | None = None) -> bool:
        """Go on to the end of the script, or until so many bytes went that way; tells whether it was the end."""
        self._go_on()
        tip = stream.acceptor if way == "to the acceptor" else stream.dialler
        while budget is None or tip.carried < budget:
            moved = stream.carry(tip, 1 << 20 if budget is None else budget - tip.carried)
            moved += stream.carry(stream.other(tip)) if budget is None or tip.carried < budget else 0
            if not self._go_on() and not moved:
                return True
        return False

    def _go_on(self) -> bool:
        """Reply to what came; send the next batch once all replies to the last one are there."""
        before = self.replied, self.pushed
        for message in self.acceptor.delivered[self.replied :]:
            self.replied += 1
            self.acceptor.count(self.dialler, message.tid + 100, 1, size=message.size)
        batch = self.pushed // 2
        if batch < len(BATCHES) and len(self.dialler.delivered) == self.pushed:
            above, size = BATCHES[batch]
            self.dialler.count(self.acceptor, self.pushed, 2, priority=127 + above, size=size)
            self.pushed += 2
        return (self.replied, self.pushed) != before

    def check(self) -> None:
        """Nothing is lost, twice or out of order, and the receipts say so."""
        count = 2 * len(BATCHES)
        assert self.acceptor.tids == list(range(count))
        assert self.dialler.tids == [tid + 100 for tid in range(count)]
        for end, other in ((self.dialler, self.acceptor), (self.acceptor, self.dialler)):
            outcomes = end.outcomes()
            assert outcomes[Outcome.ACKNOWLEDGED] == set(other.tids)
            assert not outcomes[Outcome.UNDELIVERED] | outcomes[Outcome.UNKNOWN] | outcomes[None]
            assert not end.resets
            assert end.session_with(other).traffic.counters.gaps == 0


def lengths(make: Ends, authority: Authority) -> dict[Way, int]:
    """Play the script without a cut; returns how many bytes went either way."""
    exchange = Exchange(make(authority))
    stream = exchange.dialler.dial(exchange.acceptor)
    assert exchange.play(stream)
    exchange.check()
    return {"to the acceptor": stream.acceptor.carried, "to the dialler": stream.dialler.carried}


def cut_and_resume(make: Ends, authority: Authority, way: Way, offset: int, *, back: bool) -> None:
    """Cut after `offset` bytes, lose what is on its way, and dial again: from the other end with `back`."""
    exchange = Exchange(make(authority))
    low, high = exchange.dialler, exchange.acceptor
    stream = low.dial(high)
    exchange.play(stream, way=way, budget=offset)
    stream.break_off()
    assert exchange.play(high.dial(low) if back else low.dial(high))
    exchange.check()


def cut_at(setup: Setup, way: Way, *, stride: int) -> None:
    """Cut at every `stride`th byte, from a peer's end, from the other's, and from a client's."""
    authority = Authority(setup)
    for make, back in ((osds, False), (osds, True), (mds_and_client, False)):
        for offset in range(0, lengths(make, authority)[way], stride):
            cut_and_resume(make, authority, way, offset, back=back)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("setup", SETUPS, ids=str)
def test_cut_here_and_there(setup: Setup, way: Way) -> None:
    cut_at(setup, way, stride=STRIDE)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("setup", SETUPS, ids=str)
def test_cut_at_every_byte(setup: Setup, way: Way) -> None:
    cut_at(setup, way, stride=1)
