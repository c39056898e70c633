"""Peers that talk to each other through proxies which cut their connections."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import combinations
from random import Random
from typing import Final, TypeAlias

import anyio
import anyio.abc

from ..auth import CryptoKey, Keyring
from ..core import Timeouts
from ..errors import MsgrError
from ..frame import Mode, Revision
from ..net import Messenger, Session
from ..session import Policy
from ..testing import Chaos, ChaosProxy
from .ledger import Kind, Lane, Ledger

_WINDOW: Final = 16
"""Requests that one peer has open with another."""
_URGENT_EVERY: Final = 16
_DRAIN: Final = 60.0
"""Seconds in which all that was sent has to arrive, once nothing more is sent."""
_LOOK: Final = 0.05
_TICK: Final = 0.001
_DEBT: Final = 1.0
"""Seconds for which cuts are made up for."""
_CHAOS: Final = Chaos(
    cut_early=0.1,
    split_every=5_000,
    merge_every=20_000,
    delay_every=100_000,
    longest_delay=0.01,
)
_TIMEOUTS: Final = Timeouts(initial_backoff=0.01, max_backoff=0.1)
"""Less patient than by default: what is to be tried is the connections, not the waiting for them."""

Progressed: TypeAlias = Callable[[float], None]
"""Is told how many seconds are over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be run."""

    seconds: float
    seed: int
    peers: int
    cuts_per_second: float
    mode: Mode
    revision: Revision


@dataclass(slots=True, kw_only=True)
class Figures:
    """What came of it. `reconnects` are connections after the first of each link."""

    sent: int = 0
    received: int = 0
    lost: int = 0
    duplicated: int = 0
    reordered: int = 0
    reconnects: int = 0
    resets: int = 0
    cuts: int = 0
    resent: int = 0
    unsure: int = 0
    """Messages whose receipt does not say that they were acknowledged."""
    errors: list[str] = field(default_factory=list)
    """Why sessions ended, or what arrived was refused: there should be nothing."""
    links: int = 0
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether every message arrived once, and in order."""
        return not (self.lost or self.duplicated or self.reordered or self.unsure or self.errors)


class Peers:
    """Messengers that know each other, each behind a proxy, with one session between any two."""

    def __init__(self, plan: Plan, proxies: list[ChaosProxy], nodes: list[Messenger]) -> None:
        self.plan = plan
        self.ledger = Ledger(plan.seed)
        self.proxies = proxies
        self.sessions = {
            (here, there): node.session(f"{proxies[there].address}/{there + 1}")
            for here, node in enumerate(nodes)
            for there in range(len(nodes))
            if here != there
        }
        self.links = list(combinations(range(len(nodes)), 2))
        self._talking = len(self.sessions)
        self._errors: list[str] = []

    async def run(self, progressed: Progressed) -> Figures:
        """Talk for as long as planned, then wait until everything has arrived; returns what came of it."""
        begin = time.monotonic()
        until = begin + self.plan.seconds
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._cut)
            for (here, there), session in self.sessions.items():
                window = anyio.Semaphore(_WINDOW)
                tasks.start_soon(self._note, partial(self._ask, here, there, session, window, until))
                tasks.start_soon(self._note, partial(self._answer, here, there, session, window))
            while not self._is_done() and time.monotonic() < until + _DRAIN:
                progressed(time.monotonic() - begin)
                await anyio.sleep(_LOOK)
            tasks.cancel_scope.cancel()
        return self._figures(time.monotonic() - begin)

    async def _note(self, talk: Callable[[], Awaitable[None]]) -> None:
        """Talk, and keep what goes wrong: it is a result."""
        try:
            await talk()
        except MsgrError as error:
            self._errors.append(f"{type(error).__name__}: {error}")

    async def _ask(self, here: int, there: int, session: Session, window: anyio.Semaphore, until: float) -> None:
        asked = 0
        while time.monotonic() < until:
            await window.acquire()
            await session.send(self.ledger.write(Lane(here, there, Kind.REQUEST)))
            asked += 1
            if asked % _URGENT_EVERY == 0:
                await session.send(self.ledger.write(Lane(here, there, Kind.URGENT)))
        self._talking -= 1

    async def _answer(self, here: int, there: int, session: Session, window: anyio.Semaphore) -> None:
        async for message in session:
            lane = self.ledger.read(there, here, message)
            if lane.kind is Kind.REQUEST:
                await session.send(self.ledger.write(Lane(here, there, Kind.REPLY)))
            elif lane.kind is Kind.REPLY:
                window.release()
        self._errors.append(f"the session of peer {here} with peer {there} ended")

    def _is_done(self) -> bool:
        if self._errors:
            return True
        if self._talking:
            return False
        settled = not any(session.core.traffic.outstanding for session in self.sessions.values())
        return settled and self.ledger.sent == self.ledger.received

    async def _cut(self) -> None:
        """Cut connections at random moments, while messages are sent; what nothing was there for is made up for, soon.

        But not later than a second: on a machine too busy to connect in time, no connection would ever live again.
        """
        rate = self.plan.cuts_per_second * len(self.links)
        if not rate:
            return
        dice = Random(self.plan.seed)
        due = time.monotonic()
        while self._talking:
            await anyio.sleep(max(_TICK, due - time.monotonic()))
            due = max(due, time.monotonic() - _DEBT)
            if found := [link for proxy in self.proxies for link in proxy.links if not link.over]:
                dice.choice(found).cut(reset=dice.random() < 0.5)
                due += dice.expovariate(rate)

    def _figures(self, seconds: float) -> Figures:
        ledger = self.ledger
        counts = {pair: session.stats.counters for pair, session in self.sessions.items()}
        connections = [max(counts[a, b].connections, counts[b, a].connections) for a, b in self.links]
        return Figures(
            sent=ledger.sent,
            received=ledger.received,
            lost=ledger.sent - ledger.received,
            duplicated=ledger.duplicated,
            reordered=ledger.reordered,
            reconnects=sum(max(0, count - 1) for count in connections),
            resets=sum(each.resets for each in counts.values()),
            cuts=sum(proxy.stats.cuts for proxy in self.proxies),
            resent=sum(each.resent for each in counts.values()),
            unsure=ledger.sent - sum(each.acknowledged for each in counts.values()),
            errors=self._errors,
            links=len(self.links),
            seconds=round(seconds, 3),
        )


@asynccontextmanager
async def linked(plan: Plan) -> AsyncIterator[Peers]:
    """Hold linked peers while the body runs. Each peer authenticates each other with cephx."""
    names = [f"osd.{number}" for number in range(plan.peers)]
    keyring = Keyring()
    for name in names:
        keyring.add(name, CryptoKey.generate(secrets.token_bytes, time.time()))
    async with AsyncExitStack() as stack:
        proxies: list[ChaosProxy] = []
        nodes: list[Messenger] = []
        for number, name in enumerate(names):
            chaos = replace(_CHAOS if plan.cuts_per_second else Chaos(), seed=plan.seed * 1000 + number)
            proxy = await stack.enter_async_context(ChaosProxy(chaos))
            # The nonces differ, as those of processes do.
            node = Messenger(
                name,
                auth=keyring,
                policy=Policy.lossless_peer(),
                listen=f"v2:127.0.0.1:0/{number + 1}",
                advertise=f"{proxy.address}/{number + 1}",
                modes=(plan.mode,),
                revisions=frozenset({plan.revision}),
                timeouts=_TIMEOUTS,
            )
            await stack.enter_async_context(node)
            proxy.target = str(node.listening[0])
            proxies.append(proxy)
            nodes.append(node)
        yield Peers(plan, proxies, nodes)
        for proxy in proxies:
            proxy.chaos = Chaos()  # the farewells are not what is tried
