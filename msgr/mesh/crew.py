"""The processes of a mesh, as the one that started them sees them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import anyio
import anyio.abc

from ..errors import ConnectionLost
from .figures import NodeFigures
from .orders import Order, line
from .plan import Plan

_GRACE: Final = 5.0
"""Seconds that a node has to end by itself."""


class Member:
    """One process: `figures` are its latest."""

    def __init__(self, number: int, process: anyio.abc.Process) -> None:
        self.number = number
        self.address = ""
        self.figures: NodeFigures | None = None
        self.done = False
        self.gone = False
        self.begun = anyio.Event()
        """Set when it listens, or has gone before it did."""
        self._process = process

    async def order(self, order: Order) -> None:
        """Say what is to be done; nothing where the process has gone."""
        stdin = self._process.stdin
        assert stdin is not None
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            await stdin.send(line(order))

    def take(self, report: Order) -> None:
        """Note what the process says."""
        if "listening" in report:
            self.address = report["listening"]
            self.begun.set()
        else:
            self.figures = NodeFigures.of(report["figures"])
            self.done = report["done"]


class Crew:
    """All processes. `changed` is called when any of them said something."""

    def __init__(self, plan: Plan, keyring: str, changed: Callable[[], None]) -> None:
        self.members: dict[int, Member] = {}
        self._plan = plan
        self._keyring = keyring
        self._changed = changed

    @asynccontextmanager
    async def member(self, number: int, cluster: str) -> AsyncIterator[Member]:
        """Run a node of a cluster while the body runs; raises ConnectionLost where it does not begin."""
        # In a session of its own, a Ctrl-C at the terminal does not reach it: it ends when its orders do.
        command = [sys.executable, "-m", "msgr.mesh.worker"]
        process = await anyio.open_process(command, stderr=subprocess.DEVNULL, start_new_session=True)
        member = Member(number, process)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._listen, member, process)
                begin = {"node": number, "keyring": self._keyring, "seed": self._plan.seed}
                begin |= {"quotas": dict(self._plan.quotas), "cluster": cluster, "accepted": []}
                await member.order(begin)
                await member.begun.wait()
                if not member.address:
                    raise ConnectionLost(f"the process of node {number} ended before it listened")
                yield member
                tasks.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await _end(member, process)

    async def _listen(self, member: Member, process: anyio.abc.Process) -> None:
        assert process.stdout is not None
        rest = b""
        async for piece in process.stdout:
            *whole, rest = (rest + piece).split(b"\n")
            for each in whole:
                member.take(json.loads(each))
            self._changed()
        member.gone = True
        member.begun.set()
        self._changed()


async def _end(member: Member, process: anyio.abc.Process) -> None:
    await member.order({"do": "end"})
    if process.stdin is not None:
        await process.stdin.aclose()
    with anyio.move_on_after(_GRACE):
        await process.wait()
    if process.returncode is None:
        process.kill()
    await process.aclose()
