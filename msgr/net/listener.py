"""An accept loop that cannot die: an error of one connection is that connection's alone (ACCEPT-2).

anyio's own `serve` ends at the first error of `accept`, such as running out of descriptors.
"""

from __future__ import annotations

import errno
import logging
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import anyio

from ..errors import ConfigError, ConnectFailed
from ..wire import Endpoint
from .bell import Bell
from .dial import resolve
from .log import EventLog

Welcome: TypeAlias = Callable[[socket.socket, tuple[str | int, ...]], None]
"""Takes over a fresh connection, and the address of its other end."""

_log: Final = logging.getLogger("msgr.net.listener")

_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_BROKEN: Final = frozenset({errno.EBADF, errno.EINVAL, errno.ENOTSOCK})
_PAUSES: Final = (0.05, 0.1, 0.2, 0.5, 1.0)
_PATIENCE: Final = 100
"""Failures in a row that may each be one connection's; more of them mean that something is wrong here."""
BACKLOG: Final = 512
_TCP_INFO_SIZE: Final = 32
_UNACKED: Final = 6
"""The word of Linux's TCP_INFO that counts, of a socket that listens, connections that nobody has accepted yet."""


@dataclass(slots=True)
class Tally:
    """What an accept loop met besides connections."""

    aborted: int = 0
    """Attempts that failed for the connection that was to be had, and for nothing else."""
    pauses: int = 0
    """How often it paused for want of descriptors or memory."""
    pausing: bool = False
    """Whether the last attempt to accept ended in a pause."""


async def listen(endpoint: Endpoint, *, backlog: int = BACKLOG) -> list[socket.socket]:
    """Return listening sockets for all addresses behind `endpoint`, on one port; raises ConfigError, ConnectFailed.

    `backlog` is how many connections the kernel keeps of each until they are accepted, if its own limit is not lower.
    """
    sockets: list[socket.socket] = []
    try:
        port = endpoint.port
        for family, sockaddr in await resolve(endpoint, passive=True):
            opened = socket.socket(family, socket.SOCK_STREAM)
            sockets.append(opened)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            opened.bind((sockaddr[0], port, *sockaddr[2:]))
            port = opened.getsockname()[1]
            opened.listen(backlog)
            opened.setblocking(False)
    except OSError as error:
        for opened in sockets:
            opened.close()
        raise ConfigError(
            f"cannot listen at {endpoint.host} port {endpoint.port}: {error.strerror or error}"
        ) from error
    if not sockets:
        raise ConnectFailed(f"{endpoint.host} has no address")
    return sockets


def waiting(listening: socket.socket) -> int | None:
    """Return how many connections wait in the kernel to be accepted, or None where the system does not tell."""
    if sys.platform != "linux":
        return None
    try:
        told = listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)
    except OSError:
        return None
    return memoryview(told).cast("I")[_UNACKED]


def stop_listening(listening: socket.socket) -> None:
    """Close a listening socket, and wake who waits for connections there."""
    anyio.notify_closing(listening)
    listening.close()


async def accept_forever(
    listening: socket.socket,
    welcome: Welcome,
    *,
    full: Callable[[], bool],
    released: Bell,
    pace: Callable[[], Awaitable[None]] | None = None,
    tally: Tally | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Call `welcome` with every connection and the address of its other end; ends only when it is cancelled.

    `welcome` takes over the socket; what it raises is logged, and concerns that socket alone. While `full` says so,
    nothing is accepted; `released` rings when that may have changed. `pace` is awaited before each. When descriptors or
    memory run out, accepting pauses until `released` rings, or for a moment that grows to a second (ACCEPT-3). `tally`
    counts, and `clock` is for the log. Raises OSError only where the listening socket itself is broken.
    """
    trouble = _Trouble(listening, released, tally or Tally(), EventLog(_log.name, clock))
    while True:
        await anyio.wait_readable(listening)
        if full():
            await released.wait()
            continue
        if pace is not None:
            await pace()
        try:
            # The peer's address comes with the connection; asking for it later fails once the peer has gone.
            connected, sockaddr = listening.accept()
        except BlockingIOError:  # it has gone, or another process that listens here was first
            continue
        except OSError as error:
            if error.errno in _BROKEN:
                raise
            await trouble.met(error)
            continue
        trouble.over()
        try:
            welcome(connected, sockaddr)
        except Exception:  # whatever it is, it must not end the accepting of others
            _log.exception("a fault ended a fresh connection")
            connected.close()


class _Trouble:
    """What failed since the last connection was accepted, and for how long to rest because of it."""

    def __init__(self, listening: socket.socket, released: Bell, tally: Tally, log: EventLog) -> None:
        host, port, *_ = listening.getsockname()
        self._where = f"{host} port {port}"
        self._released = released
        self._tally = tally
        self._log = log
        self._in_a_row = 0
        self._pauses = 0

    async def met(self, error: OSError) -> None:
        """Take note that an attempt failed; rests where the next one would fail as well."""
        self._in_a_row += 1
        if error.errno not in _EXHAUSTED and self._in_a_row <= _PATIENCE:
            self._tally.aborted += 1
            return
        self._tally.pauses += 1
        self._tally.pausing = True
        if not self._pauses:
            self._log.tell(logging.WARNING, "pause", self._where, f"accepting pauses: {error.strerror or error}")
        seconds = _PAUSES[min(self._pauses, len(_PAUSES) - 1)]
        self._pauses += 1
        with anyio.move_on_after(seconds):
            await self._released.wait()

    def over(self) -> None:
        """Take note that a connection was accepted."""
        if self._pauses:
            # Muted like the pauses themselves: where descriptors are scarce, each that is released ends a pause.
            self._log.tell(logging.WARNING, "go-on", self._where, f"accepting goes on after {self._pauses} pauses")
        self._in_a_row = self._pauses = 0
        self._tally.pausing = False
