"""The listening side: handshakes of fresh connections, each driven for itself, all within bounds."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import anyio
import anyio.abc

from ..core import Connection, ServerConfig
from ..errors import NodeRefused, TimedOut
from ..session import SessionTable
from ..wire import Endpoint, EntityAddr
from .background import Background
from .bell import Bell
from .dial import entity_addr
from .driver import Driver, Host, driver_of
from .half_open import HalfOpen
from .listener import Tally, accept_forever, waiting
from .log import EventLog
from .runtime import Runtime
from .stream import SocketStream


@dataclass(slots=True)
class AcceptStats:
    """What an acceptor has seen until one moment, and how it was then."""

    accepted: int = 0
    """Connections taken from the listening socket."""
    ready: int = 0
    """Handshakes that ended in a session."""
    failed: int = 0
    """Handshakes that did not."""
    displaced: int = 0
    """Of those that failed, how many had to make room for others (LIMIT-4, ACCEPT-1)."""
    late: int = 0
    """Of those that failed, how many were not over in time (LIMIT-3)."""
    aborted: int = 0
    """Connections that were lost before they could be accepted, as far as the system tells."""
    pauses: int = 0
    """How often accepting paused because descriptors or memory had run out (ACCEPT-3)."""
    pausing: bool = False
    """Whether it did so at that moment."""
    half_open: int = 0
    """Handshakes under way at that moment."""
    oldest: float = 0.0
    """For how many seconds the oldest of them had been so."""
    hosts: int = 0
    """How many hosts they came from."""
    waiting: int | None = None
    """Connections that waited in the kernel to be accepted; None where the system does not tell."""

    def __str__(self) -> str:
        parts = [
            f"{self.half_open} handshakes under way, from {self.hosts} hosts, the oldest for {self.oldest:.1f} s",
            f"{self.accepted} accepted, {self.ready} ready, {self.failed} failed ({self.late} late, {self.displaced} "
            "displaced)",
        ]
        if self.waiting is not None:
            parts.append(f"{self.waiting} wait in the kernel")
        if self.pausing:
            parts.append("accepting pauses for want of descriptors or memory")
        return "; ".join(parts)


class Acceptor:
    """Takes connections at listening sockets and drives them.

    At most `Limits.half_open` handshakes are under way; one more ends the oldest (LIMIT-4). At most
    `Limits.half_open_per_host` are so from one host; one more from there ends the oldest from there (ACCEPT-1). Before
    it comes to that, connections are taken at a pace, and while `full` says so, not at all. Each has nine tenths of
    `Timeouts.handshake` (ACCEPT-4).
    """

    def __init__(
        self, config: ServerConfig, endpoint: Endpoint, sessions: SessionTable, runtime: Runtime, host: Host
    ) -> None:
        self.config = replace(config, timeouts=config.timeouts.incoming())
        self.released = Bell()
        """Rings when a descriptor was given back, or a session taken."""
        self._counts = AcceptStats()
        self._endpoint = endpoint
        self._dialling = replace(endpoint, nonce=0)  # who dials has a nonce of its own, which it has not told yet
        self._sessions = sessions
        self._runtime = runtime
        self._host = host
        self._half_open = HalfOpen[Driver](config.limits.half_open, config.limits.half_open_per_host)
        self._driven: set[Driver] = set()
        self._over = Bell()
        """Rings when a handshake is over by itself."""
        self._listening: dict[socket.socket, Tally] = {}
        self._log = EventLog("msgr.net.acceptor", runtime.clock)

    @property
    def stats(self) -> AcceptStats:
        """What it has seen so far, and how it is now: a copy that does not change."""
        queues = [waiting(listening) for listening in self._listening]
        tallies = self._listening.values()
        return replace(
            self._counts,
            aborted=sum(tally.aborted for tally in tallies),
            pauses=sum(tally.pauses for tally in tallies),
            pausing=any(tally.pausing for tally in tallies),
            half_open=len(self._half_open),
            oldest=self._half_open.age(self._runtime.clock()) if self._half_open else 0.0,
            hosts=self._half_open.hosts,
            waiting=None if None in queues else sum(queue or 0 for queue in queues),
        )

    async def accept(self, listening: socket.socket, tasks: Background, full: Callable[[], bool]) -> None:
        """Accept connections at a listening socket until it is cancelled; they are driven in `tasks`."""

        def welcome(connected: socket.socket, sockaddr: tuple[str | int, ...]) -> None:
            self._welcome(connected, sockaddr, tasks)

        tally = self._listening[listening] = Tally()
        try:
            await accept_forever(
                listening,
                welcome,
                full=full,
                released=self.released,
                pace=self._pace,
                tally=tally,
                clock=self._runtime.clock,
            )
        finally:
            for driver in tuple(self._driven):
                driver.end(None)

    async def _pace(self) -> None:
        """Wait for a moment while there is no place for one more: one may come free without displacing anybody."""
        seconds = self._half_open.pace
        if seconds:
            with anyio.move_on_after(seconds):
                await self._over.wait()

    def _welcome(self, connected: socket.socket, sockaddr: tuple[str | int, ...], tasks: Background) -> None:
        self._counts.accepted += 1
        try:
            if not sockaddr:  # some systems leave it out where the other end has gone
                raise OSError(errno.ENOTCONN, "it has no other end")
            peer = entity_addr(self._dialling, sockaddr)
            config = self._config_for(connected)
            stream = SocketStream(connected)
        except OSError as error:  # it has gone already, which is nobody's trouble but its own
            connected.close()
            self._counts.failed += 1
            whom = str(sockaddr[0]) if sockaddr else "somebody"
            self._log.tell(logging.INFO, "gone", whom, f"gone before it was served: {error}")
            return
        stream.on_close = self.released.ring
        connection = Connection(
            config,
            dice=self._runtime.dice,
            peer_address=peer,
            sessions=self._sessions,
            trace=self._runtime.trace,
        )
        driver = driver_of(connection, stream, config.limits, self._runtime, self._host)
        now = self._runtime.clock()
        connection.start(now=now, wall=self._runtime.wall())
        self._driven.add(driver)
        driver.begin(tasks, partial(self._note_over, driver, peer))
        if (gone := self._half_open.add(driver, peer.host, now)) is not None:
            self._counts.displaced += 1
            oldest, why = gone
            oldest.end(why)

    def _config_for(self, connected: socket.socket) -> ServerConfig:
        """Return the settings of a connection: a server that listens everywhere is known by where it was reached."""
        addresses = self.config.addresses
        if all(address.host is not None and not address.host.is_unspecified for address in addresses):
            return self.config
        return replace(self.config, addresses=(entity_addr(self._endpoint, connected.getsockname()),))

    def _note_over(self, driver: Driver, peer: EntityAddr) -> None:
        self._driven.discard(driver)
        if driver.session is None:
            self._note_failure(driver, peer)
        if self._half_open.discard(driver):
            self._over.ring()

    def _note_failure(self, driver: Driver, peer: EntityAddr) -> None:
        error = driver.error
        if error is None:  # a question was answered, and no session was wanted (NODE-10)
            return
        self._counts.failed += 1
        text = f"no session: {error.explain()}"
        if isinstance(error, TimedOut):
            self._counts.late += 1
            # What was late may have been our own fault: a reader of the log sees how busy we were.
            text += f" ({self.stats})"
        # By host: the port is another one each time.
        kind = type(error).__name__
        if isinstance(error, NodeRefused):
            self._log.tell(logging.INFO, "node-refused", str(peer.host), text, error=kind)
        else:
            self._log.tell(logging.INFO, "no-session", str(peer.host), text, error=kind)

    def note_ready(self, driver: Driver) -> None:
        """Note that the handshake of `driver`, if it was accepted here, is over."""
        if self._half_open.discard(driver):
            host = str(driver.connection.peer_address.host)
            for event in ("no-session", "node-refused"):
                self._log.recovered(event, host, "a session, after handshakes that failed")
            self._counts.ready += 1
            self._over.ring()
