"""A session, as users have it."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

from anyio.lowlevel import cancel_shielded_checkpoint, checkpoint_if_cancelled

from ..core import Peer, Timeouts
from ..errors import ConnectionLost, MsgrError
from ..session import Message
from .driver import Driver, Ping

_BURST: Final = 64
"""How many messages a task may queue before others have their turn; a turn each would cost the batches."""


class Session:
    """A conversation of messages with one peer.

    ::

        await session.send(Message(type=1, front=b"hello"))
        async for message in session:
            ...

    Any number of tasks may use it at once. The iteration ends when the peer ends the session in good order, and raises
    what went wrong otherwise; messages that came before that are all delivered first. As a context manager it closes
    itself: with what was queued sent where the body ends well, at once where it raises.
    """

    __slots__ = ("_driver", "_peer", "_timeouts")

    def __init__(self, driver: Driver, peer: Peer, timeouts: Timeouts) -> None:
        self._driver = driver
        self._peer = peer
        self._timeouts = timeouts

    @property
    def peer(self) -> Peer:
        """The other end, and what was agreed with it."""
        return self._peer

    @property
    def error(self) -> MsgrError | None:
        """What ended the session, if it has ended and anything went wrong."""
        return self._driver.error

    async def send(self, message: Message) -> None:
        """Queue a message, waiting while more than `Limits.outbox` bytes are queued.

        Raises MessageTooLarge and ConfigError for a message that cannot be sent, ConnectionLost (or the PeerError that
        ended it) where the session is over. On this lossy session nothing tells whether it arrived. A send
        that was cancelled has queued nothing.
        """
        driver = self._driver
        await checkpoint_if_cancelled()
        while driver.outbox_is_full and not driver.ended:
            await driver.changed.wait()
        self._check()
        if driver.send(message) % _BURST == 0:
            await cancel_shielded_checkpoint()

    async def receive(self) -> Message:
        """Return the next message; raises ConnectionLost (or the PeerError that ended it) where no more will come.

        Cancelling it loses no message.
        """
        driver = self._driver
        while not driver.inbox.messages:
            self._check()
            await driver.changed.wait()
        full = driver.inbox.size >= driver.limits.inbox
        message = driver.inbox.pop()
        if full:
            driver.work.ring()
        return message

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        driver = self._driver
        while not driver.inbox.messages:
            if driver.ended and driver.error is None:
                raise StopAsyncIteration
            self._check()
            await driver.changed.wait()
        return await self.receive()

    async def ping(self) -> float:
        """Ask for a sign of life, and return the round trip in seconds.

        Raises ConnectionLost (or the PeerError that ended it). Cancelling it forgets the answer.
        """
        driver = self._driver
        self._check()
        stamp = driver.connection.send_keepalive(now=driver.runtime.clock())
        ping = driver.pings.setdefault(stamp, Ping())
        ping.waiting += 1
        driver.work.ring()
        try:
            while ping.round_trip is None:
                self._check()
                await driver.changed.wait()
        finally:
            ping.waiting -= 1
            if not ping.waiting:
                driver.pings.pop(stamp, None)
        return ping.round_trip

    async def close(self) -> None:
        """Send what is queued, then end the session, within `Timeouts.close`. Cancelling it ends it at once."""
        await self._driver.close(self._timeouts)

    def abort(self) -> None:
        """End the session at once; what is queued is lost."""
        self._driver.end(None)

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
        if self._driver.ended:
            raise self._driver.error or ConnectionLost("the session has ended")
