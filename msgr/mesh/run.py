"""The course of a run: join, talk, rename node by node meanwhile, refuse a stranger, finish, and count."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import anyio

from ..auth import CryptoKey, Keyring
from ..errors import ConnectionLost, TimedOut
from .crew import Crew, Member
from .figures import Figures, NodeFigures
from .plan import CLUSTER, FOREIGN, RENAMED, Plan

_JOIN: Final = 60.0
_DRAIN: Final = 120.0
_LOOK: Final = 0.05
_SETTLE: Final = 0.2


@dataclass(slots=True, kw_only=True)
class Stage:
    """Where a run stands, for those who look on."""

    plan: Plan
    step: str = "starting"
    done: float = 0.0
    """Seconds of traffic so far."""
    nodes: list[NodeFigures] = field(default_factory=list)

    @property
    def figures(self) -> Figures:
        """What there is so far."""
        return Figures(plan=self.plan, nodes=self.nodes, volume=_volume(self.nodes))


Looker: TypeAlias = Callable[[Stage], None]


def _volume(nodes: list[NodeFigures]) -> Counter[int]:
    total: Counter[int] = Counter()
    for node in nodes:
        total.update(node.volume)
    return total


class _Run:
    def __init__(self, plan: Plan, look: Looker) -> None:
        self.plan = plan
        self.stage = Stage(plan=plan)
        self._look = look
        self._crew = Crew(plan, _keyring(plan), self._show)
        self._members: list[Member] = []
        self._strangers: list[str] = []

    def _show(self) -> None:
        self.stage.nodes = [member.figures for member in self._members if member.figures is not None]
        self._look(self.stage)

    async def run(self) -> Figures:
        async with AsyncExitStack() as stack:
            self.stage.step = "starting"
            for number in range(1, self.plan.nodes + 1):
                self._members.append(await stack.enter_async_context(self._crew.member(number, CLUSTER)))
            await self._join()
            before = _volume(self.stage.nodes)
            begin = time.monotonic()
            async with anyio.create_task_group() as tasks:
                if self.plan.roll:
                    tasks.start_soon(self._roll, begin)
                tasks.start_soon(self._knock)
                await self._talk(begin)
            seconds, volume = time.monotonic() - begin, _volume(self.stage.nodes) - before
            await self._finish()
            return Figures(
                plan=self.plan,
                nodes=list(self.stage.nodes),
                volume=volume,
                strangers=self._strangers,
                seconds=round(seconds, 3),
            )

    async def _join(self) -> None:
        self.stage.step = "joining"
        peers = {member.number: member.address for member in self._members}
        for member in self._members:
            await member.order({"do": "join", "peers": peers})
        await self._until(lambda: self.stage.figures.sessions == self.plan.links, _JOIN, "the mesh is joined")

    async def _talk(self, begin: float) -> None:
        self.stage.step = "talking"
        while (done := time.monotonic() - begin) < self.plan.seconds:
            self._check()
            self.stage.done = done
            await anyio.sleep(min(_LOOK, self.plan.seconds - done))

    async def _roll(self, begin: float) -> None:
        """Rename the cluster: first every node takes the new name and accepts the old one, then only the new one."""
        orders = list(self._renames())
        pause = self.plan.seconds / (len(orders) + 1)
        for number, (member, accepted, step) in enumerate(orders, 1):
            await anyio.sleep(max(0.0, begin + number * pause - time.monotonic()))
            self.stage.step = step
            await member.order({"do": "become", "cluster": RENAMED, "accepted": accepted})

    def _renames(self) -> Iterator[tuple[Member, list[str], str]]:
        for member in self._members:
            yield member, [CLUSTER], f"node {member.number} is renamed"
        for member in self._members:
            yield member, [], f"node {member.number} forgets the old name"

    async def _knock(self) -> None:
        """Have a node of another cluster knock at the first one, and note how either end tells of it."""
        host = self._members[0]
        async with self._crew.member(self.plan.nodes + 1, FOREIGN) as stranger:
            await stranger.order({"do": "join", "peers": {host.number: host.address}, "all": True})
            await self._until(lambda: bool(_told(stranger)[1] and _told(host)[0]), _JOIN, "the stranger is refused")
            self._strangers = [*_told(host)[0][:1], *_told(stranger)[1][:1]]

    async def _finish(self) -> None:
        self.stage.step = "settling"
        for member in self._members:
            await member.order({"do": "finish"})
        with anyio.move_on_after(_DRAIN):  # what is still open then is lost, and said so
            while not all(member.done for member in self._members) or self.stage.figures.lost:
                self._check()
                await anyio.sleep(_LOOK)
        await anyio.sleep(_SETTLE)

    async def _until(self, there: Callable[[], bool], seconds: float, what: str) -> None:
        until = time.monotonic() + seconds
        while not there():
            self._check()
            if time.monotonic() > until:
                raise TimedOut(f"after {seconds:g} s it is not yet so that {what}")
            await anyio.sleep(_LOOK)

    def _check(self) -> None:
        """Raise ConnectionLost where a process has gone."""
        for member in self._members:
            if member.gone:
                raise ConnectionLost(f"the process of node {member.number} has ended")


def _told(member: Member) -> tuple[list[str], list[str]]:
    """Return what a node says of those it refused, and of what went wrong for itself."""
    figures = member.figures
    return ([], []) if figures is None else (figures.refused, figures.errors)


def _keyring(plan: Plan) -> str:
    keyring = Keyring()
    for number in range(1, plan.nodes + 2):
        keyring.add(f"osd.{number}", CryptoKey.generate(secrets.token_bytes, time.time()), {"osd": "allow *"})
    return keyring.dumps()


async def run(plan: Plan, look: Looker = lambda stage: None) -> Figures:
    """Run a mesh as planned; raises MsgrError where it does not come about. Cancelling it ends all processes."""
    return await _Run(plan, look).run()
