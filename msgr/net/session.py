"""A session, as users have it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import anyio
from anyio.lowlevel import checkpoint, checkpoint_if_cancelled

from ..core import Limits, Peer, Timeouts, check_message
from ..errors import ConfigError, ConnectionLost, MessageTooLarge, MsgrError, Overloaded
from ..session import ChannelQueue, Counters, Message, PeerSession
from ..wire import Timestamp
from .afterwards import Afterwards
from .bell import Bell
from .carrier import Carrier
from .events import (
    EventStream,
    SessionConnected,
    SessionDisconnected,
    SessionEnded,
    SessionEvent,
    SessionReset,
    SessionResumed,
)
from .inbox import OVERHEAD, Inbox
from .receipt import ForwardedReceipt, Heir, Receipt

_BURST: Final = 64
"""How many messages a task may queue before others have their turn; a turn each would cost the batches."""


@dataclass(slots=True)
class Ping:
    """A keepalive, and its round trip in seconds once it is answered."""

    round_trip: float | None = None
    waiting: int = 0
    """How many tasks wait for the answer: those that ask at the same time share a stamp."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStats:
    """A snapshot of a session."""

    counters: Counters
    connected: bool
    queued: int
    """Messages that were never written."""
    unacknowledged: int
    """Messages that were written and not acknowledged."""
    held_bytes: int
    """The bytes of both."""
    inbox: int
    """Messages that wait for the user."""


class Session:
    """A conversation of messages with one peer.

    ::

        receipt = await session.send(Message(type=1, front=b"hello"))
        async for message in session:
            ...
        outcome = await receipt

    Any number of tasks may use it at once. A lossless session outlives its connections, and goes on by itself; a lossy
    one ends with its connection. The iteration ends when a lossy peer ends the session in good order, and raises what
    went wrong otherwise; messages that came before that are all delivered first. As a context manager it closes itself:
    with what was queued sent where the body ends well, at once where it raises.
    """

    def __init__(
        self, core: PeerSession, limits: Limits, timeouts: Timeouts, afterwards: Afterwards | None = None
    ) -> None:
        self.core = core
        self.afterwards = afterwards or Afterwards()
        """What is to be called when messages have an outcome; all sessions of a messenger share it."""
        self.limits = limits
        self.timeouts = timeouts
        self.inbox = Inbox()
        self.pings: dict[Timestamp, Ping] = {}
        """The keepalives that are not answered yet."""
        self.error: MsgrError | None = None
        """What ended the session, if it has ended and anything went wrong."""
        self.over = False
        """Whether the session has ended for good."""
        self.closing = False
        self.lazy = False
        """Whether the first connection is not wanted before there is something to send."""
        self.changed = Bell()
        """Rings when anything happened: a message, a connection, the end; room to send where anybody waits for that."""
        self.wanted = Bell()
        """Rings when a connection is wanted, or wanted no longer."""
        self.blocked = 0
        """How many tasks wait for messages to be written."""
        self.on_over: Callable[[Session], None] | None = None
        """Called when the session has ended, where nobody else watches it."""
        self.driver: Carrier | None = None
        self.begun: Carrier | None = None
        """What drives a handshake that may still give it a connection."""
        self.last_peer: Peer | None = None
        self._streams: dict[EventStream, None] = {}
        self._queued = 0

    # What users do.

    @property
    def peer(self) -> Peer:
        """The other end, as the last connection had it; raises ConnectionLost where there was none yet."""
        if self.last_peer is None:
            raise ConnectionLost("there was no connection yet")
        return self.last_peer

    @property
    def connected(self) -> bool:
        """Whether there is a connection at this moment."""
        return self.driver is not None

    @property
    def stats(self) -> SessionStats:
        """A snapshot of what the session counts."""
        traffic = self.core.traffic
        return SessionStats(
            counters=traffic.counters.copy(),
            connected=self.connected,
            queued=traffic.queue.count,
            unacknowledged=traffic.unacknowledged,
            held_bytes=traffic.held_bytes,
            inbox=len(self.inbox.messages),
        )

    @contextmanager
    def events(self) -> Iterator[EventStream]:
        """Subscribe to what happens to the session, from now on, while the body runs."""
        stream = EventStream()
        self._streams[stream] = None
        try:
            yield stream
        finally:
            del self._streams[stream]

    async def ended(self) -> MsgrError | None:
        """Wait for the end of the session; returns what went wrong, if anything did. Cancelling it changes nothing."""
        while not self.over:
            await self.wanted.wait()
        return self.error

    async def ready(self) -> Peer:
        """Wait until there is a connection; raises what ended the session. Cancelling it changes nothing."""
        while self.driver is None:
            self._check()
            await self.changed.wait()
        return self.peer

    async def send(self, message: Message, *, forward: Heir | None = None) -> Receipt:
        """Queue a message, waiting while the session holds more than `Limits.outbox` bytes; returns its receipt.

        Where channels share the session, each has that limit for itself, and `Limits.buffered` is that of all.
        `forward` is another session, to which the message goes if it is certainly not delivered here (DELIVERY-2).

        Raises MessageTooLarge and ConfigError for a message that cannot be sent, ConnectionLost (or the PeerError that
        ended it) where the session is over. A send that was cancelled has queued nothing. It looks whether it was, and
        lets others have their turn, as often as a batch begins or 64 messages were sent, not for each of them.
        """
        check_message(message, self.limits)
        traffic = self.core.traffic
        self._queued += 1
        if self._queued % _BURST == 0:
            await checkpoint()
        elif not traffic.queue.count:
            await checkpoint_if_cancelled()
        while traffic.held(OVERHEAD) >= self.limits.outbox and not self.over:
            if self._has_room_in(message.channel):
                break
            await self.until_written()
        if self.over:
            self._check()
        return self._queue(message, forward)

    def post(self, message: Message, *, forward: Heir | None = None) -> Receipt:
        """Queue a message without waiting, as `send` does otherwise.

        Where the session would then hold more than `Limits.buffered` bytes whose outcome is open, it ends: Overloaded
        is raised, here and wherever it is in use, and all receipts are settled (DELIVERY-4).
        """
        check_message(message, self.limits)
        self._check()
        held, limit = self.core.traffic.held(OVERHEAD) + message.size + OVERHEAD, self.limits.buffered
        if held > limit:
            error = Overloaded(f"{held} bytes are not delivered yet, {limit} are allowed [DELIVERY-4]")
            try:
                self.finish(error)
            except Exception as fault:  # what an `on_done` made of it
                raise error from fault
            raise error
        return self._queue(message, forward)

    async def until_written(self) -> None:
        """Wait until something happened; whoever writes then has to tell, even where it costs the reader a turn."""
        self.blocked += 1
        try:
            await self.changed.wait()
        finally:
            self.blocked -= 1

    def _queue(self, message: Message, forward: Heir | None) -> Receipt:
        afterwards = self.afterwards
        receipt = Receipt(afterwards) if forward is None else ForwardedReceipt(afterwards, forward)
        self.core.traffic.queue.push(message, receipt)
        if self.driver is None:
            self.wanted.ring()
        else:
            self.driver.flush()
            if afterwards.due:
                afterwards.call()
        return receipt

    def _has_room_in(self, channel: int) -> bool:
        """Tell whether a channel may queue more although the session is full: its share is not for others to take."""
        queue = self.core.traffic.queue
        shared = isinstance(queue, ChannelQueue) and queue.backlog(channel) < self.limits.outbox
        return shared and self.core.traffic.held(OVERHEAD) < self.limits.buffered

    async def receive(self) -> Message:
        """Return the next message; raises ConnectionLost (or the PeerError that ended it) where no more will come.

        Cancelling it loses no message.
        """
        while not self.inbox.messages:
            self._check()
            await self.changed.wait()
        return self._take()

    def _take(self) -> Message:
        inbox = self.inbox
        full = inbox.size >= self.limits.inbox
        message = inbox.pop()
        if full and self.driver is not None:
            self.driver.wake()
        return message

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        while not self.inbox.messages:
            if self.over and self.error is None:
                raise StopAsyncIteration
            self._check()
            await self.changed.wait()
        return self._take()

    async def ping(self) -> float:
        """Ask for a sign of life, and return the round trip in seconds.

        Raises ConnectionLost where there is no connection, or where it is lost before the answer. Cancelling it forgets
        the answer.
        """
        self._check()
        driver = self.driver
        if driver is None:
            raise ConnectionLost("there is no connection at this moment")
        stamp = driver.connection.send_keepalive(now=driver.runtime.clock())
        ping = self.pings.setdefault(stamp, Ping())
        ping.waiting += 1
        driver.wake()
        try:
            while ping.round_trip is None:
                self._check()
                if self.driver is not driver:
                    raise ConnectionLost("the connection was lost before the answer")
                await self.changed.wait()
        finally:
            ping.waiting -= 1
            if not ping.waiting:
                self.pings.pop(stamp, None)
        return ping.round_trip

    async def close(self) -> None:
        """Send what is queued (and have it acknowledged), then end the session, within `Timeouts.close`.

        What still comes in is dropped. Cancelling it ends the session at once.
        """
        self.closing = True
        if self.driver is not None:
            self.driver.wake()
        try:
            with anyio.move_on_after(self.timeouts.close):
                while not self.over and self.core.traffic.outstanding:
                    await self.until_written()
                if self.driver is not None:
                    await self.driver.finish(linger=self.core.policy.lossy)
        finally:
            self.finish(None)

    def abort(self) -> None:
        """End the session at once; what is queued is lost."""
        self.finish(None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            await self.close()
        else:
            self.abort()

    def _check(self) -> None:
        if self.over:
            raise self.error or ConnectionLost("the session has ended")

    # What its host, its driver, and another session do.

    def inherit(self, message: Message, receipt: Receipt) -> bool:
        """Take over a message that another session could not deliver; tells whether there is room (DELIVERY-2)."""
        try:
            check_message(message, self.limits)
        except (MessageTooLarge, ConfigError):
            return False
        if self.over or self.core.traffic.held(OVERHEAD) + message.size + OVERHEAD > self.limits.buffered:
            return False
        receipt.move(self.afterwards)
        self.core.traffic.queue.push(message, receipt)
        if self.driver is None:
            self.wanted.ring()
        else:
            self.driver.wake()  # the other session is ending right now: nothing more may happen in the middle of that
        return True

    def attached(self, driver: Carrier, peer: Peer, *, resumed: bool) -> None:
        """Go on over the connection of `driver`."""
        displaced, self.driver = self.driver, driver
        self.last_peer = peer
        if displaced is not None:
            displaced.wake()  # its connection has ended; it has not noticed
        self._tell(SessionResumed(peer) if resumed else SessionConnected(peer))
        driver.wake()

    def detached(self, driver: Carrier, error: MsgrError | None) -> None:
        """Note that the connection of `driver` has ended. Does nothing where another one took its place."""
        if self.driver is not driver:
            return
        self.driver = None
        self.pings.clear()
        self._tell(SessionDisconnected(error))
        if self.core.policy.lossy:
            self.conclude(error)
        else:
            self.wanted.ring()

    def was_reset(self, *, full: bool) -> None:
        """Note that the peer lost the session."""
        self._tell(SessionReset(full))

    def deliver(self, message: Message) -> None:
        """Take a message that came in; the caller rings `changed`."""
        if not self.closing:
            self.inbox.push(message)

    def finish(self, error: MsgrError | None) -> None:
        """End the session for good, and have users hear what became of their messages; raises what they do then."""
        self.conclude(error)
        self.afterwards.call()

    def conclude(self, error: MsgrError | None) -> None:
        """End the session for good: every receipt that is open is settled. Does nothing the second time."""
        if self.over:
            return
        self.over = True
        self.error = error
        driver, self.driver = self.driver, None
        self.core.end()
        self._tell(SessionEnded(error))
        self.wanted.ring()
        for ending in (driver, self.begun):  # the second would begin what nobody wants any more, at both ends
            if ending is not None:
                ending.end(None)
        if self.on_over is not None:
            self.on_over(self)

    def _tell(self, event: SessionEvent) -> None:
        for stream in self._streams:
            stream.put(event)
        self.changed.ring()
