"""Drives one sans-IO connection over one stream: a reader, a writer and a timer, which end together."""

from __future__ import annotations

import logging
from typing import Final, Protocol

import anyio
from anyio.lowlevel import checkpoint

from ..core import Closed, Connected, Connection, Event, KeepaliveAcked, Limits, MessageReceived, RemoteReset
from ..core.states import Ended, Parting
from ..errors import ConnectionLost, MsgrError
from ..frame import LARGE
from ..wire import Octets
from .bell import Bell
from .runtime import Runtime
from .session import Session
from .stream import Stream

_BATCH: Final = 1 << 20
"""Bytes that are worth a system call: with as many, nobody waits for more."""

_log: Final = logging.getLogger("msgr.net.driver")


class Host(Protocol):
    """Who knows the sessions."""

    def adopt(self, driver: Driver, ready: Connected) -> Session:
        """Return the session that goes on over the connection of `driver`."""


class Driver:
    """Moves bytes between a connection and a stream until either ends.

    The socket is not read while the inbox holds more than its limit, nor while the peer does not take what we answer:
    so a peer that is faster than its user is held back by TCP, and nothing grows without bound.
    """

    def __init__(self, connection: Connection, stream: Stream, limits: Limits, runtime: Runtime, host: Host) -> None:
        self.connection = connection
        self.runtime = runtime
        self.session: Session | None = None
        """The session, once the handshake is over."""
        self.error: MsgrError | None = None
        """Why the connection ended, once it has, and if anything went wrong."""
        self.changed = Bell()
        """Rings when the handshake is over, and when the connection has ended."""
        self.work = Bell()
        """Rings for the writer and the reader: there is something to write, or room to read."""
        connection.woken = self.work.ring
        if runtime.keylog is not None:
            runtime.keylog.follow(connection, stream)
        self._limits = limits
        self._stream = stream
        self._host = host
        self._early: list[Event] = []
        self._reading = anyio.CancelScope()
        self._stopped = False  # nobody reads any more
        self._writing = False
        self._resting = False  # the writer waits for work
        self._prompt = True  # what is sent next is likely to be waited for
        self._left: list[Octets] = []
        self._coalesce = 0.0

    @property
    def ended(self) -> bool:
        """Whether the connection is over."""
        return isinstance(self.connection.state, Ended)

    async def run(self) -> None:
        """Drive the connection to its end; the stream is closed then. It raises nothing but cancellation."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._watch)
                tasks.start_soon(self._write)
                with self._reading:
                    await self._read()
                self._stopped = True
                self.changed.ring()
                while not self.ended:
                    await self.changed.wait()
                # Once the connection is over nobody waits for its peer: not for it to speak, nor for it to listen.
                tasks.cancel_scope.cancel()
        finally:
            self.end(None)
            with anyio.CancelScope(shield=True):
                await self._stream.aclose()

    def end(self, error: MsgrError | None) -> None:
        """End the connection now, if it has not ended; what is queued in it is lost."""
        if isinstance(error, ConnectionLost):
            self.connection.lose(error)
        else:
            if error is not None and self.error is None:
                self.error = error
            self.connection.close()
        self._take_events()
        self.work.ring()

    async def finish(self, *, linger: bool) -> None:
        """Wait until all is written, tell the peer that this was all; with `linger` wait until it has taken note."""
        while not self.ended and (self._writing or self._left or self.connection.has_output):
            await self.session_changed()
        if self.ended:
            return
        try:
            if not await self._stream.finish():
                await self._part()
        except ConnectionLost as error:
            self.end(error)
        while linger and not self.ended:
            await self.session_changed()

    async def _part(self) -> None:
        """Close a stream whose ends can only close it together."""
        self._reading.cancel()
        while not self._stopped:
            await self.changed.wait()
        await self._stream.part()
        self.end(None)

    async def session_changed(self) -> None:
        """Wait until something happened to the session."""
        assert self.session is not None
        await self.session.changed.wait()

    def _take_events(self) -> None:
        """Pass on what the connection reports."""
        session = self.session
        changed = False
        while (event := self.connection.next_event()) is not None:
            changed = True
            if isinstance(event, Connected):
                session = self.session = self._host.adopt(self, event)
                self._coalesce = session.timeouts.coalesce
                if self._early:
                    session.was_reset(full=any(early.full for early in self._early if isinstance(early, RemoteReset)))
                session.attached(self, event.peer, resumed=event.resumed)
                self.changed.ring()
            elif isinstance(event, MessageReceived):
                if session is not None:
                    session.deliver(event.message)
            elif isinstance(event, KeepaliveAcked):
                if session is not None and (ping := session.pings.pop(event.stamp, None)) is not None:
                    ping.round_trip = event.round_trip
            elif isinstance(event, RemoteReset):
                self._early.append(event)
            elif isinstance(event, Closed):
                self._note_end(event.error)
        if changed and session is not None:
            session.changed.ring()

    def _note_end(self, error: MsgrError | None) -> None:
        self.error = self.error or error
        self._reading.cancel()
        self.changed.ring()
        if self.session is not None:
            self.session.detached(self, self.error)

    async def _read(self) -> None:
        while not self.ended:
            if self._has_too_much():
                await self.work.wait()
                continue
            if self.connection.has_input:
                await checkpoint()  # what is there is handled before more is read, and others have their turn
                self._handle(b"")
            elif not await self._receive():
                break
            self._prompt = True
            self._take_events()
            if self.session is not None:
                self.session.changed.ring()  # an acknowledgement is no event, but makes room
            if self.connection.has_output:
                self.work.ring()

    async def _receive(self) -> bool:
        """Read once, or all of a large body, into its place; tells whether the stream is whole."""
        space = self.connection.space()
        try:
            if len(space) < LARGE:
                data = await self._stream.receive()
                if data:
                    self._handle(data)
                else:
                    self.connection.receive_eof()
            elif size := await self._stream.receive_into(space):
                self._handle(size)
            else:
                self.connection.receive_eof()
        except ConnectionLost as error:
            self.end(error)
            return False
        return True

    def _handle(self, came: bytes | int) -> None:
        """Hand on what came in, or how much of it is in its place."""
        try:
            if isinstance(came, int):
                self.connection.filled(came, now=self.runtime.clock())
            else:
                self.connection.receive_data(came, now=self.runtime.clock())
        except Exception as fault:
            # A method of authentication failed. That ended this connection, and must not end a server's others.
            _log.exception("a fault ended a connection")
            state = self.connection.state
            if isinstance(state, Ended) and state.error is not None:
                state.error.__cause__ = fault

    def _has_too_much(self) -> bool:
        session = self.session
        full = session is not None and session.inbox.size >= self._limits.inbox and not session.closing
        return full or self.connection.output_bytes > self._limits.outbox

    def _is_little(self) -> bool:
        """Whether more may be waited for before what there is gets written."""
        connection, session = self.connection, self.session
        size = connection.queued_bytes + connection.output_bytes
        return connection.has_output and size < _BATCH and session is not None and not session.closing

    def flush(self) -> None:
        """Have what is queued written: at once where it answers what came in, which saves a turn of the loop.

        Only the first message after something came in goes alone; those that follow are written together.
        """
        if not (self._prompt and self._resting) or self._left or self._coalesce:
            self.work.ring()
            return
        self._prompt = False
        pieces = self.connection.data_to_send()
        try:
            self._left = self._stream.send_now(pieces) if pieces else []
        except ConnectionLost as error:
            self.end(error)
        if self._left or self.ended:
            self.work.ring()
        elif self.session is not None and self.session.blocked:
            self.session.changed.ring()  # there is room

    async def _write(self) -> None:
        while True:
            if self._coalesce and self._is_little():
                await anyio.sleep(self._coalesce)
            left, self._left = self._left, []
            pieces = left or self.connection.data_to_send()
            if pieces:
                self._writing = True
                try:
                    await self._stream.send(pieces)
                except ConnectionLost as error:
                    self.end(error)
                self._writing = False
                self.work.ring()
                if self.session is not None:
                    self.session.changed.ring()  # there is room
                if self.connection.has_output:
                    await checkpoint()  # who fills what was emptied has a turn: or channels would run dry in one go
                continue
            self._take_events()
            if self.ended:
                break
            if isinstance(self.connection.state, Parting):
                await self._take_leave()
            self._resting = True
            await self.work.wait()
            self._resting = False

    async def _take_leave(self) -> None:
        """Tell a peer whose handshake failed that all is said: it need not wait for more, nor we for long (NODE-8)."""
        self.changed.ring()  # there is another deadline
        try:
            await self._stream.finish()
        except ConnectionLost as error:
            self.end(error)

    async def _watch(self) -> None:
        while (deadline := self.connection.next_deadline) is not None:
            with anyio.move_on_after(deadline - self.runtime.clock()):
                await self.changed.wait()  # a session has other deadlines than a handshake
                continue
            self.connection.handle_deadline(now=self.runtime.clock())
            self._take_events()
            self.work.ring()  # there may be a keepalive to write
