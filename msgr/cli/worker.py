"""The other process of `msgr bench`: an echo server that ends when its standard input does.

It reads one line of JSON (what to allow, and whom to admit), prints the address at which it listens, and serves. The
end of its input is all it takes to end it, so it outlives its parent in no case, however that ends.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import IO, Final

import anyio

from ..auth import Keyring
from ..errors import ConnectionLost
from ..frame import Mode, Revision
from ..net import serve
from .echo import Echoed, echo_all
from .words import written

_GRACE: Final = 2.0
"""Seconds that a worker has to end by itself."""


@contextmanager
def echo_process(keyring: Keyring, mode: Mode, revision: Revision) -> Iterator[str]:
    """Run an echo server in a process of its own while the body runs; yields the address at which it listens."""
    # In a process group of its own, a Ctrl-C at the terminal does not reach it: its parent ends it.
    process = subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        orders = {"keyring": keyring.dumps(), "mode": mode.name, "revision": revision.name}
        with suppress(BrokenPipeError):  # then it has ended already, and says nothing either
            process.stdin.write(json.dumps(orders) + "\n")
            process.stdin.flush()
        address = process.stdout.readline().strip()
        if not address:
            raise ConnectionLost("the server process ended before it listened")
        yield address
    finally:
        _end(process, process.stdin, process.stdout)


def _end(process: subprocess.Popen[str], orders: IO[str], answers: IO[str]) -> None:
    with suppress(BrokenPipeError):
        orders.close()
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    except BaseException:  # who is interrupted while he waits leaves no process behind
        process.kill()
        process.wait()
        raise
    finally:
        answers.close()


async def _serve(keyring: Keyring, mode: Mode, revision: Revision) -> None:
    revisions = frozenset({revision})
    async with serve("v2:127.0.0.1:0", name="mon.bench", auth=keyring, modes=(mode,), revisions=revisions) as server:
        # Unbuffered: nothing is left to fail again when Python exits.
        os.write(sys.stdout.fileno(), written(server.addresses[0]).encode() + b"\n")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(echo_all, server, tasks, Echoed())
            await anyio.wait_readable(sys.stdin.fileno())
            tasks.cancel_scope.cancel()


def _main() -> None:
    line = sys.stdin.readline()
    if not line:
        return
    orders = json.loads(line)
    keyring = Keyring.loads(orders["keyring"])
    with suppress(BrokenPipeError):  # whoever asked has gone before the answer
        anyio.run(partial(_serve, keyring, Mode[orders["mode"]], Revision[orders["revision"]]))


if __name__ == "__main__":
    _main()
