"""Drives one sans-IO connection over one stream: a reader, a writer and a timer, which end together."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import anyio

from ..core import Closed, Connected, Connection, KeepaliveAcked, Limits, MessageReceived, Peer, Timeouts
from ..core.states import Ended, Ready
from ..errors import ConnectionLost, MsgrError
from ..session import Message
from ..wire import Timestamp
from .bell import Bell
from .runtime import Runtime
from .stream import Stream

_log: Final = logging.getLogger("msgr.net.driver")

_OVERHEAD: Final = 256
"""What a waiting message takes beside its body, in bytes, about: so even empty ones fill a limit."""


class Inbox:
    """Messages that wait for the user, and how much memory they hold."""

    __slots__ = ("messages", "size")

    def __init__(self) -> None:
        self.messages: deque[Message] = deque()
        self.size = 0

    def push(self, message: Message) -> None:
        """Append a message."""
        self.messages.append(message)
        self.size += message.size + _OVERHEAD

    def pop(self) -> Message:
        """Return and remove the oldest message; raises IndexError when there is none."""
        message = self.messages.popleft()
        self.size -= message.size + _OVERHEAD
        return message


@dataclass(slots=True)
class Ping:
    """A keepalive, and its round trip in seconds once it is answered."""

    round_trip: float | None = None
    waiting: int = 0
    """How many tasks wait for the answer: those that ask at the same time share a stamp."""


class Driver:
    """Moves bytes between a connection and a stream until either ends.

    The socket is not read while the inbox holds more than its limit, nor while the peer does not take what we answer:
    so a peer that is faster than its user is held back by TCP, and nothing grows without bound.
    """

    def __init__(self, connection: Connection, stream: Stream, limits: Limits, runtime: Runtime) -> None:
        self.connection = connection
        self.limits = limits
        self.runtime = runtime
        self.inbox = Inbox()
        self.pings: dict[Timestamp, Ping] = {}
        """The keepalives that are not answered yet."""
        self.peer: Peer | None = None
        self.error: MsgrError | None = None
        """Why the connection ended, once it has, and if anything went wrong."""
        self.on_ready: Callable[[], None] | None = None
        self.changed = Bell()
        """Rings for users: a message came, there is room to send, a keepalive was answered, the connection ended."""
        self.work = Bell()
        """Rings for the writer and the reader: there is something to write, or room to read."""
        self._stream = stream
        self._over = anyio.Event()
        self._reading = anyio.CancelScope()
        self._stopped = anyio.Event()  # set when nobody reads any more
        self._sent = 0
        self._writing = False
        self._closing = False

    @property
    def ended(self) -> bool:
        """Whether the connection is over."""
        return isinstance(self.connection.state, Ended)

    @property
    def idle(self) -> bool:
        """Whether all that was queued has left."""
        return not self._writing and not self.connection.queued_bytes and not self.connection.has_output

    @property
    def outbox_is_full(self) -> bool:
        """Whether senders are to wait."""
        state = self.connection.state
        waiting = self._sent - state.session.out_seq if isinstance(state, Ready) else 0
        return self.connection.queued_bytes + waiting * _OVERHEAD >= self.limits.outbox

    def send(self, message: Message) -> int:
        """Queue a message; returns how many there were. Raises MessageTooLarge, ConfigError and StateError."""
        self.connection.send_message(message)
        self._sent += 1
        self.work.ring()
        return self._sent

    async def run(self) -> None:
        """Drive the connection to its end; the stream is closed then. It raises nothing but cancellation."""
        try:
            async with anyio.create_task_group() as tasks:
                for task in (self._watch, self._read_on, self._write):
                    tasks.start_soon(task)
                # Once the connection is over nobody waits for its peer: not for it to speak, nor for it to listen.
                await self._over.wait()
                tasks.cancel_scope.cancel()
        finally:
            self.end(None)
            with anyio.CancelScope(shield=True):
                await self._stream.aclose()

    def end(self, error: MsgrError | None) -> None:
        """End the connection now, if it has not ended; what is queued is lost."""
        if isinstance(error, ConnectionLost):
            self.connection.lose(error)
        else:
            self.connection.close()
        self._take_events()
        if error is not None and self.error is None:
            self.error = error

    async def close(self, timeouts: Timeouts) -> None:
        """Let what is queued leave, tell the peer, wait until it has taken note, and end; bounded by `timeouts.close`.

        What still comes in is dropped. Cancelling it ends the connection at once.
        """
        self._closing = True
        self.work.ring()
        try:
            with anyio.move_on_after(timeouts.close):
                while not self.ended and not self.idle:
                    await self.changed.wait()
                if not self.ended:
                    await self._finish()
                while not self.ended:
                    await self.changed.wait()
        finally:
            self.end(None)

    async def _finish(self) -> None:
        try:
            if await self._stream.finish():
                return
            self._reading.cancel()
            await self._stopped.wait()
            await self._stream.part()
            self.end(None)
        except ConnectionLost as error:
            self.end(error)

    def _take_events(self) -> None:
        """Pass on what the connection reports."""
        changed = False
        while (event := self.connection.next_event()) is not None:
            changed = True
            if isinstance(event, MessageReceived):
                if not self._closing:
                    self.inbox.push(event.message)
            elif isinstance(event, KeepaliveAcked):
                if (ping := self.pings.pop(event.stamp, None)) is not None:
                    ping.round_trip = event.round_trip
            elif isinstance(event, Connected):
                self.peer = event.peer
                if self.on_ready is not None:
                    self.on_ready()
            elif isinstance(event, Closed):
                self.error = self.error or event.error
                self._over.set()
        if changed:
            self.changed.ring()

    async def _read_on(self) -> None:
        with self._reading:
            await self._read()
        self._stopped.set()

    async def _read(self) -> None:
        while not self.ended:
            if self._has_too_much():
                await self.work.wait()
                continue
            try:
                data = await self._stream.receive()
            except ConnectionLost as error:
                self.end(error)
                break
            self._receive(data)
            self._take_events()
            if self.connection.has_output:
                self.work.ring()

    def _receive(self, data: bytes) -> None:
        if not data:
            self.connection.receive_eof()
            return
        try:
            self.connection.receive_data(data, now=self.runtime.clock())
        except Exception as fault:
            # A method of authentication failed. That ended this connection, and must not end a server's others.
            _log.exception("a fault ended a connection")
            state = self.connection.state
            if isinstance(state, Ended) and state.error is not None:
                state.error.__cause__ = fault

    def _has_too_much(self) -> bool:
        full = self.inbox.size >= self.limits.inbox and not self._closing
        return full or self.connection.output_bytes > self.limits.outbox

    async def _write(self) -> None:
        while True:
            pieces = self.connection.data_to_send()
            if pieces:
                self._writing = True
                try:
                    await self._stream.send(pieces)
                except ConnectionLost as error:
                    self.end(error)
                self._writing = False
                self.changed.ring()  # there is room
                self.work.ring()
                continue
            self._take_events()
            if self.ended:
                break
            await self.work.wait()

    async def _watch(self) -> None:
        while (deadline := self.connection.next_deadline) is not None:
            await anyio.sleep(max(0.0, deadline - self.runtime.clock()))
            self.connection.handle_deadline(now=self.runtime.clock())
            self._take_events()
