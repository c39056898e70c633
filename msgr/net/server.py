"""A server: everyone who authenticates gets a session."""

from __future__ import annotations

import logging
import socket
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final, Self

import anyio
import anyio.abc

from ..auth import Keyring, ServerMethod
from ..core import Connection, Limits, ServerConfig, Timeouts
from ..errors import ConnectionLost, MsgrError, Refused
from ..frame import Mode, Revision
from ..wire import Endpoint, EntityAddr, EntityName
from .bell import Bell
from .connect import DEFAULT_REVISIONS, server_methods
from .dial import entity_addr
from .driver import Driver
from .listener import accept_forever, listen
from .runtime import Runtime
from .session import Session
from .stream import SocketStream
from .tasks import quiet_tasks

_log: Final = logging.getLogger("msgr.net.server")


@dataclass(slots=True)
class ServerStats:
    """What a server has seen so far."""

    accepted: int = 0
    """Connections taken from the listening socket."""
    ready: int = 0
    """Handshakes that ended in a session."""
    failed: int = 0
    """Handshakes that did not."""


class Server:
    """Listens, and hands out sessions.

    ::

        async for session in server:
            task_group.start_soon(handle, session)

    Whoever takes a session closes it; those nobody took end with the server. While as many sessions as
    `Limits.half_open` wait to be taken, no more connections are accepted.
    """

    def __init__(self, config: ServerConfig, endpoint: Endpoint, runtime: Runtime, tasks: anyio.abc.TaskGroup) -> None:
        self.config = config
        self.stats = ServerStats()
        self._endpoint = endpoint
        self._runtime = runtime
        self._tasks = tasks
        self._half_open: dict[Driver, None] = {}
        self._sessions: dict[Driver, Session] = {}
        self._untaken: deque[Session] = deque()
        self._arrived = Bell()
        self._released = Bell()
        self._closed = False

    @property
    def addresses(self) -> tuple[EntityAddr, ...]:
        """The addresses at which the server listens, with the port that the system chose where 0 was asked for."""
        return self.config.addresses

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Session:
        """Return the next session; the iteration ends with the server. Cancelling it loses none."""
        while not self._untaken:
            if self._closed:
                raise StopAsyncIteration
            await self._arrived.wait()
        self._released.ring()
        return self._untaken.popleft()

    def welcome(self, connected: socket.socket, sockaddr: tuple[str | int, ...]) -> None:
        """Begin the handshake of a fresh connection, in a task of its own; raises nothing."""
        self.stats.accepted += 1
        try:
            peer = entity_addr(self._endpoint, sockaddr)
            config = self._config_for(connected)
            stream = SocketStream(connected)
        except OSError as error:  # it has gone already, which is nobody's trouble but its own
            connected.close()
            self.stats.failed += 1
            _log.info("a connection from %s was gone at once: %s", sockaddr[0], error)
            return
        stream.on_close = self._released.ring
        connection = Connection(config, dice=self._runtime.dice, peer_address=replace(peer, nonce=0))
        driver = Driver(connection, stream, config.limits, self._runtime)
        self._half_open[driver] = None
        if len(self._half_open) > config.limits.half_open:
            oldest = next(iter(self._half_open))
            del self._half_open[oldest]  # now, as more may come before its task has noticed
            limit = config.limits.half_open
            oldest.end(Refused(f"more than {limit} handshakes at once; the oldest goes first", rule="LIMIT-4"))
        connection.start(now=self._runtime.clock(), wall=self._runtime.wall())
        self._tasks.start_soon(self._host, driver, peer)

    def _config_for(self, connected: socket.socket) -> ServerConfig:
        """Return the settings of a connection: a server that listens everywhere is known by where it was reached."""
        if all(address.host is not None and not address.host.is_unspecified for address in self.addresses):
            return self.config
        return replace(self.config, addresses=(entity_addr(self._endpoint, connected.getsockname()),))

    async def _host(self, driver: Driver, peer: EntityAddr) -> None:
        def ready() -> None:
            assert driver.peer is not None
            del self._half_open[driver]
            self.stats.ready += 1
            session = Session(driver, driver.peer, self.config.timeouts)
            self._sessions[driver] = session
            self._untaken.append(session)
            self._arrived.ring()

        driver.on_ready = ready
        try:
            await driver.run()
        finally:
            if self._sessions.pop(driver, None) is None:
                self._half_open.pop(driver, None)
                self.stats.failed += 1
                _log.info("no session with %s: %s", peer, _why(driver.error))

    async def close(self) -> None:
        """End all sessions in good order, each within `Timeouts.close`. Cancelling it ends them at once."""
        async with anyio.create_task_group() as tasks:
            for session in list(self._sessions.values()):
                tasks.start_soon(session.close)

    def stop(self) -> None:
        """Hand out no more sessions than those that wait already."""
        self._closed = True
        self._arrived.ring()

    async def accept(self, listening: socket.socket) -> None:
        """Accept connections at a listening socket until it is cancelled."""
        await accept_forever(listening, self.welcome, full=self._is_full, released=self._released)

    def _is_full(self) -> bool:
        return len(self._untaken) >= self.config.limits.half_open


def _why(error: MsgrError | None) -> str:
    return str(error or ConnectionLost("it was closed"))


@asynccontextmanager
async def serve(
    address: str,
    *,
    name: str,
    auth: Keyring | Sequence[ServerMethod] | None,
    modes: Sequence[Mode] = (),
    revisions: frozenset[Revision] = DEFAULT_REVISIONS,
    limits: Limits | None = None,
    timeouts: Timeouts | None = None,
    runtime: Runtime | None = None,
) -> AsyncIterator[Server]:
    """Listen at `address` (`v2:HOST:PORT[/NONCE]`, port 0 for any) as `name` while the body runs.

    `auth` is a keyring with the keys of those who may come (cephx), None (method none: everyone may), or methods.
    `modes` are the connection modes allowed; without any, the strongest that each method can key.

    Raises ConfigError where it cannot listen. A handshake has `Timeouts.handshake`; one that fails is logged and
    counted, and disturbs nobody else. When the body ends, sessions are closed in good order; when it raises or is
    cancelled, at once. Nothing outlives it.
    """
    runtime = runtime or Runtime()
    endpoint = Endpoint.parse(address)
    entity = EntityName.parse(name)
    methods = server_methods(auth, runtime)
    sockets = await listen(endpoint)
    try:
        config = ServerConfig(
            name=entity,
            addresses=tuple(entity_addr(endpoint, opened.getsockname()) for opened in sockets),
            methods=methods,
            gid=int(entity.id) if entity.id.isascii() and entity.id.isdigit() else 0,
            modes=tuple(modes),
            revisions=revisions,
            limits=limits or Limits(),
            timeouts=timeouts or Timeouts(),
        )
        async with _hosting(config, endpoint, sockets, runtime) as server:
            yield server
    finally:
        for listening in sockets:
            anyio.notify_closing(listening)
            listening.close()


@asynccontextmanager
async def _hosting(
    config: ServerConfig, endpoint: Endpoint, sockets: list[socket.socket], runtime: Runtime
) -> AsyncIterator[Server]:
    """Run a server on listening sockets while the body runs."""
    async with quiet_tasks() as tasks:
        server = Server(config, endpoint, runtime, tasks)
        for listening in sockets:
            tasks.start_soon(server.accept, listening)
        try:
            yield server
        finally:
            server.stop()
        await server.close()
        tasks.cancel_scope.cancel()
