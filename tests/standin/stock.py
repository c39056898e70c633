"""Stock tools of Ceph as clients of a stand-in cluster, never in the way of the event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import anyio
import anyio.abc

from msgr.net.bell import Bell
from msgr.net.tasks import quiet_tasks
from tests.lab import ReleaseName, Tools, find_release

from .cluster import StandIn

LIMIT: Final = 30.0
"""More seconds than any of these tools needs on a machine with much to do."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How a tool ended."""

    code: int
    output: bytes
    errors: str


def tools_of(cluster: StandIn, release: ReleaseName) -> Tools:
    """Return the tools of a release, which know the stand-in cluster."""
    return Tools(find_release(release), cluster.conf)


async def finish(tools: Tools, *argv: str, stdin: bytes = b"") -> Finished:
    """Run a tool to its end."""
    with anyio.fail_after(LIMIT):
        done = await anyio.run_process(tools.command(*argv), input=stdin, env=tools.environment, check=False)
    return Finished(done.returncode, done.stdout, done.stderr.decode(errors="replace"))


async def printed(tools: Tools, *argv: str, stdin: bytes = b"") -> bytes:
    """Run a tool, which must not fail, and return what it printed."""
    done = await finish(tools, *argv, stdin=stdin)
    assert done.code == 0, f"{' '.join(argv)}: exit code {done.code}\n{done.errors}"
    return done.output


@dataclass(slots=True)
class Running:
    """A tool that goes on, and what it has printed so far."""

    process: anyio.abc.Process
    output: bytearray = field(default_factory=bytearray)
    errors: bytearray = field(default_factory=bytearray)
    printed: Bell = field(default_factory=Bell)
    """Rings when it prints."""

    async def says(self, words: bytes) -> None:
        """Wait until it has printed these words, after those of the last call."""
        with anyio.fail_after(LIMIT):
            while words not in self.output:
                await self.printed.wait()
        del self.output[: self.output.index(words) + len(words)]

    async def ask(self, line: str) -> None:
        """Type a line."""
        assert self.process.stdin is not None
        await self.process.stdin.send(line.encode() + b"\n")

    async def read(self, stream: anyio.abc.ByteReceiveStream, into: bytearray) -> None:
        """Take what it prints."""
        async for data in stream:
            into += data
            self.printed.ring()


@asynccontextmanager
async def running(tools: Tools, *argv: str) -> AsyncIterator[Running]:
    """Start a tool, which is killed when the body ends."""
    async with await anyio.open_process(tools.command(*argv), env=tools.environment) as process:
        tool = Running(process)
        assert process.stdout is not None
        assert process.stderr is not None
        async with quiet_tasks() as tasks:
            tasks.start_soon(tool.read, process.stdout, tool.output)
            tasks.start_soon(tool.read, process.stderr, tool.errors)
            try:
                yield tool
            finally:
                process.kill()
                tasks.cancel_scope.cancel()
