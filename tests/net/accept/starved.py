"""A server with few descriptors, in a process of its own: `python -m tests.net.accept.starved BACKEND`.

It prints its address and its client's key, then errno, time and processor time of each attempt to accept that failed,
and when its standard input ends, its figures as JSON.
"""

from __future__ import annotations

import json
import resource
import socket
import sys
import time
from typing import Any, Final

import anyio
import anyio.to_thread

from ..world import ADMIN, KEYRING, echoing

LIMIT: Final = 40


class Counting:
    """Counts, and tells of, what `accept` does."""

    attempts = 0
    failures = 0

    def watch(self) -> None:
        """Stand before `accept` from now on."""
        genuine = socket.socket.accept

        def accept(listening: socket.socket) -> tuple[socket.socket, Any]:
            self.attempts += 1
            try:
                return genuine(listening)
            except OSError as error:
                self.failures += 1
                print(error.errno, time.monotonic(), time.process_time(), flush=True)
                raise

        setattr(socket.socket, "accept", accept)  # noqa: B010 - an assignment would not pass the type check


async def main() -> None:
    """Serve until standard input ends."""
    counting = Counting()
    counting.watch()
    async with echoing() as server, anyio.create_task_group() as tasks:
        resource.setrlimit(resource.RLIMIT_NOFILE, (LIMIT, LIMIT))
        print(server.addresses[0], KEYRING.get(ADMIN).key.to_text(), flush=True)

        async def wait() -> None:
            await anyio.to_thread.run_sync(sys.stdin.read)
            tasks.cancel_scope.cancel()

        tasks.start_soon(wait)
        await anyio.sleep_forever()
    stats = server.stats
    figures = {"ready": stats.ready, "pauses": stats.pauses, "pausing": stats.pausing}
    print(json.dumps({"attempts": counting.attempts, "failures": counting.failures, **figures}))


if __name__ == "__main__":
    anyio.run(main, backend=sys.argv[1])
