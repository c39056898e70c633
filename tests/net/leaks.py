"""Tasks and descriptors, counted."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import anyio
from anyio.lowlevel import checkpoint

_ESTABLISHED: Final = "01"
_CLOSE_WAIT: Final = "08"


@dataclass(frozen=True, slots=True)
class Resources:
    """What this process holds."""

    descriptors: int
    tasks: int

    @classmethod
    def now(cls) -> Self:
        """Count."""
        return cls(len(os.listdir("/proc/self/fd")), len(anyio.get_running_tasks()))

    async def again(self) -> None:
        """Wait until no more is held than then. Some of asyncio's transports close a turn of the loop late."""
        try:
            await until(lambda: self.covers(Resources.now()))
        except TimeoutError:
            raise AssertionError(f"{self} before, {Resources.now()} after: {anyio.get_running_tasks()}") from None

    def covers(self, other: Resources) -> bool:
        """Tell whether `other` is no more than this."""
        return other.descriptors <= self.descriptors and other.tasks <= self.tasks


async def until(true: Callable[[], bool], *, within: float = 5.0) -> None:
    """Wait until something that happens without telling is so; raises TimeoutError."""
    with anyio.fail_after(within):
        while not true():
            await checkpoint()


async def reaches(count: Callable[[], int], value: int) -> None:
    """Wait until something counted is so many; raises TimeoutError."""
    await until(lambda: count() >= value)


def close_wait(port: int) -> int:
    """Count this machine's sockets at `port` whose other end has closed, and which nobody here has closed."""
    return _sockets(port, _CLOSE_WAIT)


def established(port: int) -> int:
    """Count this machine's sockets at `port` which neither end has closed."""
    return _sockets(port, _ESTABLISHED)


def _sockets(port: int, state: str) -> int:
    found = 0
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text("ascii").splitlines()[1:]:
            local, at = line.split()[1], line.split()[3]
            found += at == state and int(local.rpartition(":")[2], 16) == port
    return found
