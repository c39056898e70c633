"""Machines of a cluster, each with a session to every other, and traffic on all of them that never rests."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import anyio
import anyio.abc

from msgr import (
    Interconnect,
    Meant,
    Message,
    Messenger,
    MsgrError,
    Node,
    NodeRefused,
    Outcome,
    Policy,
    Receipt,
    Session,
    Timeouts,
)
from msgr.core import Login
from msgr.net.tasks import quiet_tasks
from msgr.payload import NodeHello

from ..net.leaks import until
from ..net.world import LOOPBACK, keyring

IDS: Final = range(1, 9)
RING: Final = keyring(*(f"osd.{id}" for id in IDS))
HURRIED: Final = Timeouts(handshake=5.0, initial_backoff=0.01, max_backoff=0.05, close=2.0)
WITHIN: Final = 20.0
"""More seconds than one step of a roll takes."""
_WINDOW: Final = 8
"""Messages of one direction whose outcome is open."""


@dataclass(frozen=True, slots=True)
class Config:
    """What is rolled out to a machine."""

    cluster: str
    accepts: tuple[str, ...] = ()
    nodes: frozenset[int] = frozenset(IDS)
    """The machines that there are."""


class Machine:
    """A machine, which runs one process at a time."""

    def __init__(self, id: int) -> None:
        self.id = id
        self.messenger: Messenger | None = None
        self.port = 0
        self.links: dict[int, Session] = {}
        """The session with each other machine."""
        self.heard: defaultdict[int, list[int]] = defaultdict(list)
        """What came from each machine, in its order."""
        self.said: defaultdict[int, list[Receipt]] = defaultdict(list)
        """The receipts of what was sent to each machine; the numbers count from 1."""
        self.saying: set[int] = set()
        """The machines to which it sends at the moment."""
        self._nodes: frozenset[int] = frozenset()
        self._stop = anyio.Event()
        self._gone = anyio.Event()
        self._silent = False

    @property
    def up(self) -> Messenger:
        """Its process."""
        assert self.messenger is not None, f"machine {self.id} is down"
        return self.messenger

    @property
    def address(self) -> str:
        """Where it listens, or did before it went down."""
        return f"v2:127.0.0.1:{self.port}"

    async def run(self, config: Config, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Be a process with a configuration, until `go_down`."""
        self._stop, self._gone, self._silent = anyio.Event(), anyio.Event(), False
        self._nodes = config.nodes
        messenger = Messenger(
            f"osd.{self.id}",
            auth=RING,
            policy=Policy.lossless_peer(),
            listen=self.address if self.port else LOOPBACK,
            interconnect=Interconnect(node=self._node(config), authorize=self._is_registered),
            timeouts=HURRIED,
        )
        try:
            async with messenger, quiet_tasks() as tasks:
                self.messenger, self.port = messenger, messenger.addresses[0].port
                tasks.start_soon(self._take, tasks)
                task_status.started()
                await self._stop.wait()
                tasks.cancel_scope.cancel()
        finally:
            self.messenger = None
            self.links.clear()
            self._gone.set()

    def roll_out(self, config: Config) -> None:
        """Give the running process a configuration."""
        self._nodes = config.nodes
        self.up.become(self._node(config))

    async def go_down(self) -> None:
        """Stop in good order: what is queued is sent first."""
        self._silent = True
        self._stop.set()
        await self._gone.wait()

    def dial(self, other: Machine, tasks: anyio.abc.TaskGroup) -> None:
        """Begin the session with another machine, and the traffic on it."""
        self._use(other.id, self.up.session(other.address, meant=Meant(other.id, f"h{other.id}")), tasks)

    async def knock(self, other: Machine) -> NodeRefused | None:
        """Ask another machine to be let in; returns why not, or None."""
        session = self.up.session(other.address, meant=Meant(other.id))
        try:
            with anyio.fail_after(WITHIN):
                await session.ready()
        except NodeRefused as error:
            return error
        session.abort()
        return None

    def _node(self, config: Config) -> Node:
        return Node(id=self.id, cluster=config.cluster, accepted_clusters=config.accepts, host=f"h{self.id}")

    async def _is_registered(self, hello: NodeHello, login: Login) -> str | None:
        named = login.identity is None or str(login.identity.name) == f"osd.{hello.node}"
        return None if hello.node in self._nodes and named else f"machine {hello.node} is not one of the cluster"

    async def _take(self, tasks: anyio.abc.TaskGroup) -> None:
        async for session in self.up:
            node = session.peer.node
            assert node is not None
            self._use(node.node, session, tasks)

    def _use(self, other: int, session: Session, tasks: anyio.abc.TaskGroup) -> None:
        self.links[other] = session
        tasks.start_soon(self._hear, other, session)
        tasks.start_soon(self._say, other, session)

    async def _hear(self, other: int, session: Session) -> None:
        try:
            async for message in session:
                self.heard[other].append(message.tid)
        except MsgrError:
            pass  # who asks looks at the session

    async def _say(self, other: int, session: Session) -> None:
        said, open_ones = self.said[other], deque[Receipt]()
        self.saying.add(other)
        try:
            while not self._silent and self.links.get(other) is session:
                receipt = await session.send(Message(type=2, tid=len(said) + 1, front=bytes(100)))
                said.append(receipt)
                open_ones.append(receipt)
                if len(open_ones) == _WINDOW:
                    await open_ones.popleft()
        except MsgrError:
            pass
        finally:
            self.saying.discard(other)

    def hush(self) -> None:
        """Send no more."""
        self._silent = True


class Fleet:
    """All machines, and the questions that a roll puts to them."""

    def __init__(self, tasks: anyio.abc.TaskGroup) -> None:
        self.machines = {id: Machine(id) for id in IDS}
        self._tasks = tasks

    def __getitem__(self, id: int) -> Machine:
        return self.machines[id]

    async def start(self, ids: Iterable[int], config: Config) -> None:
        """Start processes on machines."""
        for id in ids:
            await self._tasks.start(self[id].run, config)

    async def join(self, ids: Iterable[int], others: Iterable[int] = ()) -> None:
        """Begin the sessions between machines, and with others that are joined already; traffic begins at once."""
        ids = list(ids)
        for place, id in enumerate(ids):
            for other in [*others, *ids[:place]]:
                self[id].dial(self[other], self._tasks)
        await self.is_well([*others, *ids])

    async def is_well(self, ids: Iterable[int], cluster: str | None = None, *, of: int | None = None) -> None:
        """Wait until traffic has gone on in both directions of all pairs; check that each has one session.

        With `cluster`, all others know the machine `of` by that name.
        """
        ids = list(ids)
        pairs = [(id, other) for id in ids for other in ids if id != other]
        before = {(id, other): len(self[id].heard[other]) for id, other in pairs}
        with anyio.fail_after(WITHIN):
            await until(
                lambda: all(len(self[id].heard[other]) >= count + 5 for (id, other), count in before.items()),
                within=WITHIN,
            )
            if of is not None:
                await until(lambda: all(self._knows(id, of, cluster) for id in ids if id != of), within=WITHIN)
        for id, other in pairs:
            assert not self[id].links[other].over
        for id in ids:
            peers = [session.peer.node for session in self[id].up.sessions if session.last_peer]
            known = sorted(peer.node for peer in peers if peer is not None and peer.node in ids)
            assert known == sorted(other for other in ids if other != id)

    def _knows(self, id: int, other: int, cluster: str | None) -> bool:
        peer = self[id].links[other].last_peer
        return peer is not None and peer.node is not None and peer.node.cluster == cluster

    def rejections(self, ids: Iterable[int]) -> dict[str, int]:
        """Return how many were not let in by these machines, by rule."""
        total: defaultdict[str, int] = defaultdict(int)
        for id in ids:
            for rule, count in self[id].up.rejections.items():
                total[rule] += count
        return dict(total)

    async def all_arrived(self, ids: Iterable[int]) -> None:
        """End the traffic, and check that all of it came once, in its order."""
        ids = list(ids)
        for id in ids:
            self[id].hush()
        with anyio.fail_after(WITHIN):
            for id in ids:
                for other in ids:
                    await self._arrived(id, other)

    async def _arrived(self, id: int, other: int) -> None:
        """Check that all came once and in its order that one machine has sent to another, which is no more now."""
        said, heard = self[id].said[other], self[other].heard[id]
        await until(lambda: other not in self[id].saying and len(heard) >= len(said), within=WITHIN)
        assert {await receipt for receipt in said} <= {Outcome.ACKNOWLEDGED}
        assert heard == list(range(1, len(said) + 1))
        assert heard or id == other

    async def leave(self, id: int, others: Iterable[int]) -> None:
        """Take a machine down in good order: nothing more is sent to it, then it ends; the others forget it."""
        others = list(others)
        sessions = [self[other].links.pop(id) for other in others]
        self[id].hush()
        with anyio.fail_after(WITHIN):
            for one, two in [(id, other) for other in others] + [(other, id) for other in others]:
                await self._arrived(one, two)
        await self[id].go_down()
        for session in sessions:
            session.abort()


@asynccontextmanager
async def fleet() -> AsyncIterator[Fleet]:
    """Hold a fleet whose machines are all down; they go down again, in good order, when the body ends."""
    with anyio.fail_after(6 * WITHIN):
        async with quiet_tasks() as tasks:
            machines = Fleet(tasks)
            yield machines
            for machine in machines.machines.values():
                if machine.messenger is not None:
                    machine.hush()
            async with anyio.create_task_group() as ends:
                for machine in machines.machines.values():
                    if machine.messenger is not None:
                        ends.start_soon(machine.go_down)
            tasks.cancel_scope.cancel()
