"""The listening side: handshakes of fresh connections, each in a task of its own, all within bounds."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace

import anyio.abc

from ..core import Connection, ServerConfig
from ..errors import ConnectionLost, Refused
from ..session import SessionTable
from ..wire import Endpoint, EntityAddr
from .bell import Bell
from .dial import entity_addr
from .driver import Driver, Host
from .listener import accept_forever
from .log import EventLog
from .runtime import Runtime
from .stream import SocketStream


@dataclass(slots=True)
class AcceptStats:
    """What an acceptor has seen so far."""

    accepted: int = 0
    """Connections taken from the listening socket."""
    ready: int = 0
    """Handshakes that ended in a session."""
    failed: int = 0
    """Handshakes that did not."""


class Acceptor:
    """Takes connections at listening sockets and drives them.

    At most `Limits.half_open` handshakes are under way; one more ends the oldest (LIMIT-4). While `full` says so, no
    more connections are taken.
    """

    def __init__(
        self, config: ServerConfig, endpoint: Endpoint, sessions: SessionTable, runtime: Runtime, host: Host
    ) -> None:
        self.config = config
        self.stats = AcceptStats()
        self.released = Bell()
        """Rings when a descriptor was given back, or a session taken."""
        self._endpoint = endpoint
        self._sessions = sessions
        self._runtime = runtime
        self._host = host
        self._half_open: dict[Driver, None] = {}
        self._log = EventLog("msgr.net.acceptor", runtime.clock)

    async def accept(self, listening: socket.socket, tasks: anyio.abc.TaskGroup, full: Callable[[], bool]) -> None:
        """Accept connections at a listening socket until it is cancelled; they are driven in `tasks`."""

        def welcome(connected: socket.socket, sockaddr: tuple[str | int, ...]) -> None:
            self._welcome(connected, sockaddr, tasks)

        await accept_forever(listening, welcome, full=full, released=self.released)

    def _welcome(self, connected: socket.socket, sockaddr: tuple[str | int, ...], tasks: anyio.abc.TaskGroup) -> None:
        self.stats.accepted += 1
        try:
            peer = entity_addr(self._endpoint, sockaddr)
            config = self._config_for(connected)
            stream = SocketStream(connected)
        except OSError as error:  # it has gone already, which is nobody's trouble but its own
            connected.close()
            self.stats.failed += 1
            self._log.tell(logging.INFO, "gone", str(sockaddr[0]), f"gone before it was served: {error}")
            return
        stream.on_close = self.released.ring
        connection = Connection(
            config,
            dice=self._runtime.dice,
            peer_address=replace(peer, nonce=0),
            sessions=self._sessions,
            trace=self._runtime.trace,
        )
        driver = Driver(connection, stream, config.limits, self._runtime, self._host)
        self._half_open[driver] = None
        self._make_room()
        connection.start(now=self._runtime.clock(), wall=self._runtime.wall())
        tasks.start_soon(self._host_one, driver, peer)

    def _make_room(self) -> None:
        limit = self.config.limits.half_open
        if len(self._half_open) > limit:
            oldest = next(iter(self._half_open))
            del self._half_open[oldest]  # now, as more may come before its task has noticed
            oldest.end(Refused(f"more than {limit} handshakes at once; the oldest goes first", rule="LIMIT-4"))

    def _config_for(self, connected: socket.socket) -> ServerConfig:
        """Return the settings of a connection: a server that listens everywhere is known by where it was reached."""
        addresses = self.config.addresses
        if all(address.host is not None and not address.host.is_unspecified for address in addresses):
            return self.config
        return replace(self.config, addresses=(entity_addr(self._endpoint, connected.getsockname()),))

    async def _host_one(self, driver: Driver, peer: EntityAddr) -> None:
        try:
            await driver.run()
        finally:
            self._half_open.pop(driver, None)
            if driver.session is None:
                self.stats.failed += 1
                error = driver.error or ConnectionLost("it was closed")
                # By host: the port is another one each time.
                self._log.tell(
                    logging.INFO, "no-session", str(peer.host), f"no session: {error}", error=type(error).__name__
                )

    def note_ready(self, driver: Driver) -> None:
        """Note that the handshake of `driver`, if it was accepted here, is over."""
        if driver in self._half_open:
            del self._half_open[driver]
            self.stats.ready += 1
