"""What all drivers have in common; how they wait for their stream is told in `looped` and in `tasked`."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, Protocol

from ...core import Closed, Connected, Connection, Event, KeepaliveAcked, Limits, MessageReceived, RemoteReset
from ...core.states import Ended
from ...errors import ConnectionLost, MsgrError
from ...wire import Octets
from ..afterwards import Afterwards
from ..background import Background
from ..bell import Bell
from ..runtime import Runtime
from ..session import Session
from ..stream import Stream

_BATCH: Final = 1 << 20
"""Bytes that are worth a system call: with as many, nobody waits for more."""

_log: Final = logging.getLogger("msgr.net.driver")


class Host(Protocol):
    """Who knows the sessions."""

    @property
    def afterwards(self) -> Afterwards:
        """What is to be called when messages have an outcome."""

    def adopt(self, driver: Driver, ready: Connected) -> Session:
        """Return the session that goes on over the connection of `driver`."""


class Driver(ABC):
    """Moves bytes between a connection and a stream until either ends.

    The socket is not read while the inbox holds more than its limit, nor while the peer does not take what we answer:
    so a peer that is faster than its user is held back by TCP, and nothing grows without bound.
    """

    __slots__ = (
        "_afterwards",
        "_broken",
        "_coalesce",
        "_early",
        "_host",
        "_left",
        "_limits",
        "_prompt",
        "_said_all",
        "_stream",
        "_writing",
        "changed",
        "connection",
        "error",
        "runtime",
        "session",
    )

    def __init__(self, connection: Connection, stream: Stream, limits: Limits, runtime: Runtime, host: Host) -> None:
        self.connection = connection
        self.runtime = runtime
        self.session: Session | None = None
        """The session, once the handshake is over."""
        self.error: MsgrError | None = None
        """Why the connection ended, once it has, and if anything went wrong."""
        self.changed = Bell()
        """Rings when the handshake is over, and when the connection has ended."""
        connection.woken = self.wake
        if runtime.keylog is not None:
            runtime.keylog.follow(connection, stream)
        self._limits = limits
        self._stream = stream
        self._host = host
        self._afterwards = host.afterwards
        self._early: list[Event] = []
        self._writing = False  # a write is under way
        self._prompt = True  # what is sent next is likely to be waited for
        self._left: list[Octets] = []
        self._said_all = False  # we told the other end that nothing more is sent
        self._broken: ConnectionLost | None = None  # nothing can be written any more
        self._coalesce = 0.0

    @abstractmethod
    async def run(self) -> None:
        """Drive the connection to its end; the stream is closed then. It raises nothing of the connection's."""

    @abstractmethod
    def begin(self, tasks: Background, over: Callable[[], None]) -> None:
        """Drive the connection in the background, and call `over` when the stream is closed.

        What `run` would raise is raised in `tasks`. Whoever begins it calls `end` when they are cancelled.
        """

    @abstractmethod
    def wake(self) -> None:
        """Take note that there is something to write, or room to read."""

    @abstractmethod
    def _stop_reading(self) -> None:
        """Read no more: the connection has ended."""

    @abstractmethod
    def _set_timer(self) -> None:
        """Take note that the connection has another deadline than before."""

    @property
    def ended(self) -> bool:
        """Whether the connection is over."""
        return isinstance(self.connection.state, Ended)

    def end(self, error: MsgrError | None) -> None:
        """End the connection now, if it has not ended; what is queued in it is lost."""
        if isinstance(error, ConnectionLost):
            self.connection.lose(error)
        else:
            if error is not None and self.error is None:
                self.error = error
            self.connection.close()
        self._take_events()
        self.wake()

    async def finish(self, *, linger: bool) -> None:
        """Wait until all is written, tell the peer that this was all; with `linger` wait until it has taken note."""
        while not self.ended and (self._writing or self._left or self.connection.has_output):
            await self.session_changed()
        if self.ended:
            return
        self._said_all = True
        try:
            if not await self._stream.finish():
                await self._part()
        except ConnectionLost as error:
            self.end(error)
        while linger and not self.ended:
            await self.session_changed()

    async def _part(self) -> None:
        """Close a stream whose ends can only close it together."""
        await self._stream.part()
        self.end(None)

    async def session_changed(self) -> None:
        """Wait until something happened to the session."""
        assert self.session is not None
        await self.session.changed.wait()

    def flush(self) -> None:
        """Have what is queued written: at once where it answers what came in, which saves a turn of the loop.

        Only the first message after something came in goes alone; those that follow are written together.
        """
        if self._prompt and not (self._left or self._coalesce or self._broken):
            self._write_at_once()
        else:
            self.wake()

    def _write_at_once(self) -> None:
        self._prompt = False
        pieces = self._output()
        try:
            self._left = self._stream.send_now(pieces) if pieces else []
        except ConnectionLost as error:
            self._broken = error  # it ends in a turn of its own: the sender may be in the middle of anything
        if self._left or self._broken or self.ended:
            self.wake()
        else:
            self._tell_room()

    def _output(self) -> list[Octets]:
        """Return what is to be written; what answers a peer whom we told that this was all does not go out."""
        pieces = self.connection.data_to_send()
        return [] if self._said_all else pieces

    def _end_broken(self, error: ConnectionLost) -> None:
        """End over a stream that takes no more; what came before it broke is handed on, as far as there is room."""
        try:
            while not (self.ended or self._has_too_much()):
                came = b"" if self.connection.has_input else self._stream.receive_now()
                if not (came or self.connection.has_input):
                    break
                self._came(came or b"")
        except ConnectionLost:  # for the same reason
            pass
        self.end(error)

    def call_due(self) -> None:
        """Have users hear what became of their messages, now that nothing is half done."""
        if self._afterwards.due:
            self._afterwards.call()

    def _take_events(self) -> None:
        """Pass on what the connection reports."""
        session = self.session
        changed = False
        while (event := self.connection.next_event()) is not None:
            changed = True
            if isinstance(event, MessageReceived):
                if session is not None:
                    session.deliver(event.message)
            elif isinstance(event, Connected):
                session = self.session = self._adopt(event)
            elif isinstance(event, KeepaliveAcked):
                if session is not None and (ping := session.pings.pop(event.stamp, None)) is not None:
                    ping.round_trip = event.round_trip
            elif isinstance(event, RemoteReset):
                self._early.append(event)
            elif isinstance(event, Closed):
                self._note_end(event.error)
        if changed and session is not None:
            session.changed.ring()

    def _adopt(self, ready: Connected) -> Session:
        """Have the session go on over this connection."""
        session = self.session = self._host.adopt(self, ready)
        self._coalesce = session.timeouts.coalesce
        if self._early:
            session.was_reset(full=any(early.full for early in self._early if isinstance(early, RemoteReset)))
        session.attached(self, ready.peer, resumed=ready.resumed)
        self.changed.ring()
        self._set_timer()
        return session

    def _note_end(self, error: MsgrError | None) -> None:
        self.error = self.error or error
        self.connection.woken = None  # nothing does any more, and without a cycle all of it is freed at once
        self._stop_reading()
        self.changed.ring()
        if self.session is not None:
            self.session.detached(self, self.error)

    def _came(self, data: bytes | int) -> None:
        """Hand on what came in, or how much of it is in its place, and pass on what that brought about."""
        now = self.runtime.clock()
        try:
            if isinstance(data, int):
                self.connection.filled(data, now=now)
            else:
                self.connection.receive_data(data, now=now)
        except Exception as fault:
            # A method of authentication failed. That ended this connection, and must not end a server's others.
            _log.exception("a fault ended a connection")
            state = self.connection.state
            if isinstance(state, Ended) and state.error is not None:
                state.error.__cause__ = fault
        self._after_reading()

    def _finished(self) -> None:
        """Take note that the other end sends nothing more."""
        self.connection.receive_eof()
        self._after_reading()

    def _after_reading(self) -> None:
        shaking_hands = self.session is None
        self._prompt = True
        self._take_events()
        self._tell_room()  # an acknowledgement is no event, but makes room
        if self.connection.has_output:
            if shaking_hands:
                self._answer()
            else:
                self.wake()

    def _answer(self) -> None:
        """Have the next step of a handshake written, to which nobody has anything to add."""
        self.wake()

    def _tell_room(self) -> None:
        """Wake those who wait for messages to be written, or for what was written to be acknowledged."""
        session = self.session
        if session is not None and (session.blocked or session.closing):
            session.changed.ring()

    def _has_too_much(self) -> bool:
        session = self.session
        full = session is not None and session.inbox.size >= self._limits.inbox and not session.closing
        return full or self.connection.output_bytes > self._limits.outbox

    def _is_little(self) -> bool:
        """Whether more may be waited for before what there is gets written."""
        connection, session = self.connection, self.session
        size = connection.queued_bytes + connection.output_bytes
        return connection.has_output and size < _BATCH and session is not None and not session.closing
