"""A scripted exchange over real sockets, cut at every byte in either direction, and resumed: nothing lost or twice.

`tests/sessions_model/test_cuts.py` does the same without sockets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import anyio
import pytest

from msgr import Message, Messenger, Mode, Outcome, Policy, Receipt, Revision, Session, Timeouts

from ..net.world import FORMS, LOOPBACK, keyring
from .scissors import Cut, Scissors, Way, scissors

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

SOON: Final = 20.0
QUICK: Final = Timeouts(initial_backoff=0.001, max_backoff=0.01, close=1.0)
RING: Final = keyring("osd.0", "osd.1")
BATCHES: Final = (2, 1)
"""How many messages the dialler sends at once, each time all replies to the last batch are there."""
COUNT: Final = sum(BATCHES)
REPLY: Final = 100
"""The tid of a reply is that of its message and this."""
PAIRS: Final = {
    "client": (Policy.lossless_client(), Policy.stateful_server()),
    "peer": (Policy.lossless_peer(), Policy.lossless_peer()),
}
"""The policies of who dials, and of who accepts; of peers both may dial after the cut."""


class End:
    """One end of an exchange: what it sent, and what it was sent."""

    def __init__(self) -> None:
        self.receipts: dict[int, Receipt] = {}
        self.heard: list[int] = []

    async def say(self, session: Session, tid: int) -> None:
        """Send a small message."""
        self.receipts[tid] = await session.send(Message(type=2, tid=tid, front=bytes(tid % 7)))

    async def hear(self, session: Session) -> int:
        """Note the next message."""
        self.heard.append((await session.receive()).tid)
        return self.heard[-1]

    async def outcomes(self) -> dict[Outcome, set[int]]:
        """Wait until all outcomes are known, and return the tids of each."""
        found: dict[Outcome, set[int]] = {outcome: set() for outcome in Outcome}
        for tid, receipt in self.receipts.items():
            found[await receipt].add(tid)
        return found


class Theatre:
    """A messenger that accepts, behind scissors, where one exchange after another is played."""

    def __init__(self, form: tuple[Mode, Revision], policies: tuple[Policy, Policy], blades: Scissors) -> None:
        self._mode, self._revision = form
        self._dialling, accepting = policies
        self.blades = blades
        self.acceptor = self._node("osd.1", accepting, listen=f"{LOOPBACK}/9", advertise=f"{blades.address}/9")

    def _node(self, name: str, policy: Policy, *, listen: str | None, advertise: str | None = None) -> Messenger:
        return Messenger(
            name,
            auth=RING,
            policy=policy,
            listen=listen,
            advertise=advertise,
            modes=(self._mode,),
            revisions=frozenset({self._revision}),
            timeouts=QUICK,
        )

    async def play(self, cut: Cut | None = None) -> None:
        """Play the exchange once, with the first connection cut there, and check it."""
        self.blades.next_cut = cut
        low, high = End(), End()
        listen = None if self._dialling == Policy.lossless_client() else f"{LOOPBACK}/1"
        async with self._node("osd.0", self._dialling, listen=listen) as dialler:
            near = dialler.session(f"{self.blades.address}/9")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._reply, high)
                await self._ask(near, low)
                await check(low, high)
                tasks.cancel_scope.cancel()
            (far,) = self.acceptor.sessions
            for session in (near, far):
                counters = session.stats.counters
                assert (counters.resets, counters.gaps) == (0, 0)
                session.abort()

    async def _reply(self, end: End) -> None:
        far = await anext(self.acceptor)
        while True:
            await end.say(far, await end.hear(far) + REPLY)

    async def _ask(self, near: Session, end: End) -> None:
        for batch in BATCHES:
            first = len(end.receipts)
            for tid in range(first, first + batch):
                await end.say(near, tid)
            while len(end.heard) < len(end.receipts):
                await end.hear(near)

    async def lengths(self) -> tuple[int, int]:
        """Play it without a cut; returns how many bytes went either way."""
        await self.play()
        to_acceptor, to_dialler = self.blades.carried
        return to_acceptor, to_dialler


async def check(low: End, high: End) -> None:
    """Nothing is lost, twice or out of order, and the receipts say so."""
    for end, other, first in ((low, high, 0), (high, low, REPLY)):
        sent = set(range(first, first + COUNT))
        outcomes = await end.outcomes()
        assert Counter(tid for tids in outcomes.values() for tid in tids) == Counter(sent)
        assert other.heard == sorted(sent)
        assert outcomes[Outcome.ACKNOWLEDGED] == set(other.heard)


@asynccontextmanager
async def theatre(form: tuple[Mode, Revision], pair: str) -> AsyncIterator[Theatre]:
    """Hold a theatre."""
    async with scissors() as blades:
        stage = Theatre(form, PAIRS[pair], blades)
        async with stage.acceptor:
            blades.port = stage.acceptor.listening[0].port
            yield stage


async def cut_at(form: tuple[Mode, Revision], pair: str, *, stride: int) -> None:
    """Cut at every `stride`th byte either way, from another byte on in each mode; with a FIN and an RST in turns."""
    async with theatre(form, pair) as stage:
        phase = FORMS.index(form) % stride
        for way, length in zip(Way, await stage.lengths(), strict=True):
            before, tries = stage.blades.cuts, 0
            for tries, offset in enumerate(range(phase, length, stride), 1):
                try:
                    with anyio.fail_after(SOON):
                        await stage.play(Cut(way, offset, reset=tries % 2 == 0))
                except BaseException as error:
                    error.add_note(f"cut after {offset} bytes of {length} {way.name}")
                    raise
            # Acknowledgements travel alone or with a message, as it comes: a play may be shorter than the first one.
            assert stage.blades.cuts - before > 0.8 * tries


every_form = pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form[0].name.lower()}-{form[1]}")


@every_form
@pytest.mark.parametrize("pair", PAIRS)
async def test_cut_here_and_there(form: tuple[Mode, Revision], pair: str) -> None:
    await cut_at(form, pair, stride=67)


@pytest.mark.slow
@pytest.mark.timeout(900)
@every_form
async def test_cut_at_every_byte(form: tuple[Mode, Revision]) -> None:
    await cut_at(form, "client", stride=1)


@pytest.mark.slow
@pytest.mark.timeout(900)
@every_form
async def test_peers_cut_at_every_seventh_byte(form: tuple[Mode, Revision]) -> None:
    await cut_at(form, "peer", stride=7)
