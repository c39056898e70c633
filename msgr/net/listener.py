"""An accept loop that cannot die: an error of one connection is that connection's alone.

anyio's own `serve` ends at the first error of `accept`, such as running out of descriptors.
"""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable
from typing import Final

import anyio

from ..errors import ConfigError, ConnectFailed
from ..wire import Endpoint
from .bell import Bell
from .dial import resolve

_log: Final = logging.getLogger("msgr.net.listener")

_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_BROKEN: Final = frozenset({errno.EBADF, errno.EINVAL, errno.ENOTSOCK})
_PAUSES: Final = (0.05, 0.1, 0.2, 0.5, 1.0)
BACKLOG: Final = 512


async def listen(endpoint: Endpoint, *, backlog: int = BACKLOG) -> list[socket.socket]:
    """Return listening sockets for all addresses behind `endpoint`, on one port; raises ConfigError, ConnectFailed."""
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


async def accept_forever(
    listening: socket.socket,
    welcome: Callable[[socket.socket, tuple[str | int, ...]], None],
    *,
    full: Callable[[], bool],
    released: Bell,
) -> None:
    """Call `welcome` with every connection and the address of its other end; ends only when it is cancelled.

    `welcome` takes over the socket. While `full` says so, nothing is accepted; `released` rings when that may have
    changed. When descriptors or memory run out, accepting pauses until `released` rings, or for
    a moment that grows to a second. Raises OSError only where the listening socket itself is broken.
    """
    failures = 0
    while True:
        await anyio.wait_readable(listening)
        if full():
            await released.wait()
            continue
        try:
            # The peer's address comes with the connection; asking for it later fails once the peer has gone.
            connected, sockaddr = listening.accept()
        except OSError as error:
            if error.errno in _BROKEN:
                raise
            if error.errno in _EXHAUSTED:
                if not failures:
                    _log.warning("accepting pauses: %s", error.strerror)
                with anyio.move_on_after(_PAUSES[min(failures, len(_PAUSES) - 1)]):
                    await released.wait()
                failures += 1
            continue
        if failures:
            _log.warning("accepting goes on after %d pauses", failures)
            failures = 0
        welcome(connected, sockaddr)
