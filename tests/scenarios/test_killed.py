"""One end is killed in the middle of a stream, at any moment: the other learns of it, and keeps nothing of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Final

import anyio
import anyio.lowlevel
import pytest

from msgr import Keyring, Message, Messenger, Mode, MsgrError, Receipt, Session, Timeouts
from msgr.net.events import (
    EventStream,
    SessionConnected,
    SessionDisconnected,
    SessionEnded,
    SessionEvent,
    SessionReset,
    SessionResumed,
)

from ..net.world import LOOPBACK
from .stage import LIMIT, RING
from .victim import BODY, POLICIES, Orders

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

QUICK = Timeouts(initial_backoff=0.005, max_backoff=0.02, close=1.0)
APART: Final = "v2:127.0.0.2:0"
"""Where victims listen, again at the same port: nothing that dials from 127.0.0.1 can take it while nobody does."""
PAIRS = (
    ("lossless_peer", "lossless_peer"),
    ("lossless_client", "stateful_server"),
    ("lossy_client", "stateless_server"),
)
"""The policies of the end that dials, and of the end that accepts."""


class Nursery:
    """Raises victims and kills them."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def raise_victim(self, orders: Orders) -> tuple[int, str]:
        """Return the process id and the address of a new victim."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(orders.line())
        self._process.stdin.flush()
        found = ["", ""]
        for _ in found:  # they come in either order
            line = self._process.stdout.readline().decode().strip()
            assert not line.startswith("failed"), line
            found[not line.isdigit()] = line
        return int(found[0]), found[1]


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """Return a nursery, whose victims all die with it."""
    command = [sys.executable, "-m", f"{__package__}.victim"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0) as process:
        try:
            yield Nursery(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(LIMIT)


class Survivor:
    """The end that lives: it sends without end, and notes what comes and what happens."""

    def __init__(self) -> None:
        self.heard: dict[int, list[int]] = {}
        """The tids that came from each incarnation of the other end, as they came."""
        self.events: list[SessionEvent] = []
        self.receipts: list[Receipt] = []
        self.sessions: list[Session] = []
        self.changed = anyio.Event()

    async def have(self, session: Session, tasks: anyio.abc.TaskGroup) -> None:
        """Take part in a session until it is over."""
        self.sessions.append(session)
        with session.events() as events:
            tasks.start_soon(self._send, session)
            tasks.start_soon(self._take, session)
            await self._watch(events)

    async def _watch(self, events: EventStream) -> None:
        async for event in events:
            self.events.append(event)
            self._ring()

    async def _send(self, session: Session) -> None:
        try:
            while True:
                tid = len(self.receipts)
                self.receipts.append(await session.send(Message(type=2, tid=tid, front=bytes(tid % BODY))))
                await anyio.lowlevel.checkpoint()
        except MsgrError:
            pass

    async def _take(self, session: Session) -> None:
        try:
            async for message in session:
                self.heard.setdefault(message.version, []).append(message.tid)
                self._ring()
        except MsgrError:
            pass

    def _ring(self) -> None:
        self.changed.set()
        self.changed = anyio.Event()

    async def hears(self, incarnation: int, count: int) -> None:
        """Wait until so many messages have come from an incarnation of the other end."""
        while len(self.heard.get(incarnation, ())) < count:
            await self.changed.wait()


async def play(nursery: Nursery, seed: int, ring: Keyring | None) -> None:
    """Kill the other end once, raise it again at the same address, and see what the survivor makes of it.

    With a keyring, the end that comes back has other rotating secrets, so it takes no claim to a global id.
    """
    keys = ring.dumps() if ring else ""
    dice = Random(seed)
    dialling, accepting = dice.choice(PAIRS)
    survivor_dials = dice.random() < 0.5
    ours, theirs = (dialling, accepting) if survivor_dials else (accepting, dialling)
    lossy = POLICIES[ours].lossy
    after = dice.choice((0, 1, dice.randrange(2, 400)))
    survivor = Survivor()
    node = Messenger("osd.0", auth=ring, policy=POLICIES[ours], listen=f"{LOOPBACK}/1", timeouts=QUICK)
    with anyio.fail_after(LIMIT):
        async with node, anyio.create_task_group() as tasks:

            async def welcome() -> None:
                async for session in node:
                    tasks.start_soon(survivor.have, session, tasks)

            tasks.start_soon(welcome)
            target = "" if survivor_dials else str(node.addresses[0])
            orders = Orders(policy=theirs, listen=f"{APART}/2", target=target, keyring=keys)
            pid, address = nursery.raise_victim(orders)

            async def dial() -> None:
                while True:  # a lossy session ends with its connection
                    await survivor.have(node.session(address), tasks)

            if survivor_dials:
                tasks.start_soon(dial)
            if after:
                await survivor.hears(0, after)
            else:
                await anyio.sleep(dice.random() * 0.02)  # anywhere in the handshake, or before it, or soon after
            os.kill(pid, signal.SIGKILL)
            pid, _ = nursery.raise_victim(replace(orders, listen=address, incarnation=1))
            try:
                await survivor.hears(1, 20)
            finally:
                os.kill(pid, signal.SIGKILL)
            for session in survivor.sessions:
                session.abort()
            tasks.cancel_scope.cancel()
    check(survivor, lossy=lossy, mode=Mode.SECURE if ring else Mode.CRC)


def check(survivor: Survivor, *, lossy: bool, mode: Mode) -> None:
    """Check what an end has seen whose peer was killed."""
    assert {session.peer.login.mode for session in survivor.sessions if session.last_peer is not None} == {mode}
    for tids in survivor.heard.values():
        assert tids == sorted(set(tids))
    assert None not in {receipt.outcome for receipt in survivor.receipts}
    if 0 not in survivor.heard:
        return  # there may have been no session yet
    kinds = [type(event) for event in survivor.events]
    lost = kinds.index(SessionDisconnected)
    if lossy:
        assert kinds[lost + 1] is SessionEnded
        assert len(survivor.sessions) > 1
    else:
        reset = kinds.index(SessionReset, lost)
        assert SessionConnected in kinds[reset:]
        assert SessionResumed not in kinds


RINGS: Final = {"none-crc": None, "cephx-secure": RING}
each_ring = pytest.mark.parametrize("ring", RINGS.values(), ids=RINGS)


@each_ring
@pytest.mark.parametrize("seed", range(10))
async def test_killed(nursery: Nursery, seed: int, ring: Keyring | None) -> None:
    """Ten times, quickly."""
    await play(nursery, seed, ring)


@pytest.mark.slow
@pytest.mark.timeout(900)
@each_ring
async def test_killed_two_hundred_times(nursery: Nursery, ring: Keyring | None) -> None:
    """Two hundred times; the seed that fails is told."""
    for seed in range(1000, 1200):
        try:
            await play(nursery, seed, ring)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
