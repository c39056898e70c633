"""A session with one daemon: the requests that wait for their answers, and what the daemon says unasked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ..errors import ConnectionLost, MsgrError, OutcomeUnknown, PeerError, StateError
from ..net import Session
from ..net.bell import Bell
from ..session import Message, Outcome
from ..wire import Octets
from .messages import Front, Request

Heard: TypeAlias = Callable[["Link", Message], None]
"""What is told of messages that answer nothing; raises PeerError for those that make no sense."""

_LAST_TID: Final = (1 << 64) - 1


class NeverSent(ConnectionLost):
    """A request was certainly not sent, so it may be sent over another connection. It never leaves `msgr.mon`."""


@dataclass(slots=True)
class _Waiting:
    """A request without an answer yet; `changed` rings when it came, and when it will never come."""

    answer: Message | None = None
    changed: Bell = field(default_factory=Bell)


class Link:
    """Requests and answers over one session.

    Answers are matched by their type and tid, so any number of requests may be under way. `run` reads until the session
    is over; every request that is under way then raises what `request` says.
    """

    def __init__(self, session: Session, heard: Heard) -> None:
        self.session = session
        self.over = False
        self.error: MsgrError | None = None
        """What ended the link, if anything went wrong."""
        self.changed = Bell()
        """Rings at the end."""
        self._heard = heard
        self._tid = 0
        self._waiting: dict[tuple[int, int], _Waiting] = {}

    async def run(self) -> None:
        """Take what comes in until the session is over. It raises nothing but cancellation."""
        try:
            async for message in self.session:
                self._take(message)
        except MsgrError as error:
            self.error = error
            self.session.abort()
        finally:
            self.over = True
            self.changed.ring()
            for waiting in self._waiting.values():
                waiting.changed.ring()

    async def ended(self) -> None:
        """Wait until the link is over."""
        while not self.over:
            await self.changed.wait()

    def _take(self, message: Message) -> None:
        waiting = self._waiting.pop((message.type, message.tid), None)
        if waiting is None:
            self._heard(self, message)
        else:
            waiting.answer = message
            waiting.changed.ring()

    async def say(self, front: Front) -> None:
        """Send what has no answer; raises ConnectionLost or the PeerError that ended the session."""
        await self.session.send(front.message())

    async def request(self, front: Request, data: Octets = b"") -> Message:
        """Send a request and return its answer.

        Raises NeverSent where it was certainly not sent, OutcomeUnknown where it was sent and no answer will come, and
        ConfigError and MessageTooLarge for what cannot be sent. Cancelling it forgets the answer; the daemon may still
        do what was asked.
        """
        tid = self._next_tid() if front.NUMBERED else 0
        key = (int(front.REPLY), tid)
        if key in self._waiting:
            raise StateError(f"{type(front).__name__} has no number, so one at a time can be under way [MON-2]")
        message = front.message(tid=tid, data=data)
        waiting = self._waiting[key] = _Waiting()
        try:
            try:
                receipt = await self.session.send(message)
            except (ConnectionLost, PeerError) as error:
                raise NeverSent("the session ended before the request was sent") from error
            while waiting.answer is None:
                if self.over:
                    what = f"{type(front).__name__} to {self.session.peer.addresses[0]}"
                    if receipt.outcome is Outcome.UNDELIVERED:
                        raise NeverSent(f"{what} was not sent") from self.error
                    raise OutcomeUnknown(f"{what} was sent, and the connection lost before the answer") from self.error
                await waiting.changed.wait()
            return waiting.answer
        finally:
            self._waiting.pop(key, None)

    def _next_tid(self) -> int:
        self._tid = self._tid % _LAST_TID + 1
        return self._tid
