"""A server in a process of its own: `python -m tests.net.accept.hosting BACKEND HALF_OPEN HANDSHAKE`.

It prints its port, then for each line of its standard input what it holds and has seen, as JSON, until that ends.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from typing import IO, Any, Final

import anyio
import anyio.to_thread

import msgr
from msgr import Limits, Messenger, Timeouts

from ..leaks import Resources
from ..world import LOOPBACK, echo_all, port

_ROOT: Final = Path(__file__).parents[3]
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Hosted:
    """A server in another process, as seen from the test."""

    port: int
    pid: int
    stdin: IO[str]
    stdout: IO[str]

    def figures(self) -> dict[str, Any]:
        """Return what the server holds, and has seen."""
        print(file=self.stdin, flush=True)
        figures: dict[str, Any] = json.loads(self.stdout.readline())
        return figures


@contextmanager
def hosted(backend: str, *, half_open: int = 256, handshake: float = 10.0) -> Iterator[Hosted]:
    """Run a server, which ends with the body and then says nothing more."""
    command = [sys.executable, "-m", __name__, backend, str(half_open), str(handshake)]
    with Popen(command, cwd=_ROOT, stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Hosted(int(process.stdout.readline()), process.pid, process.stdin, process.stdout)
            rest, _ = process.communicate(timeout=30)
            assert (rest, process.returncode) == ("", 0)
        finally:
            process.kill()


def resident() -> int:
    """Return how many bytes of memory this process occupies."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE


def figures(server: Messenger) -> dict[str, Any]:
    """Return what this process holds, and its server has seen."""
    times = os.times()
    return {
        **asdict(Resources.now()),
        **asdict(server.stats),
        "sessions": len(server.sessions),
        "resident": resident(),
        "processor": times.user + times.system,
    }


async def main(half_open: int, handshake: float) -> None:
    """Serve until standard input ends."""
    limits = Limits(half_open=half_open, half_open_per_host=half_open)
    timeouts = Timeouts(handshake=handshake)
    async with (
        msgr.serve(LOOPBACK, name="mon.a", auth=None, limits=limits, timeouts=timeouts) as server,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(echo_all, server)
        print(port(server), flush=True)
        while await anyio.to_thread.run_sync(sys.stdin.readline):
            print(json.dumps(figures(server)), flush=True)
        tasks.cancel_scope.cancel()


if __name__ == "__main__":
    anyio.run(main, int(sys.argv[2]), float(sys.argv[3]), backend=sys.argv[1])
