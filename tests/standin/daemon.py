"""What all stand-in daemons share: they take sessions, keep a journal, and answer each message by its type."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final, TypeAlias

import anyio

from msgr import Message, Messenger, Session
from msgr.errors import ConnectionLost, PeerError
from msgr.mon.messages import Command, CommandReply
from msgr.net.bell import Bell

from .commands import Commands
from .recorder import Recorder

Answering: TypeAlias = Callable[[Session, Message], Awaitable[None]]

_LIMIT: Final = 30.0


class Daemon:
    """Answers the clients of one messenger, while `run` does; what it has no answer for is noted, and no more."""

    def __init__(
        self, messenger: Messenger, recorder: Recorder, commands: Commands, answers: Mapping[int, Answering]
    ) -> None:
        self.messenger = messenger
        self.recorder = recorder
        """Through which clients reach it."""
        self.commands = commands
        self.journal: list[Message] = []
        """All messages that came in."""
        self.changed = Bell()
        """Rings when a message was answered."""
        self._answers = {int(kind): answering for kind, answering in answers.items()}

    async def run(self) -> None:
        """Serve until the messenger's body ends, or until it is cancelled."""
        async with anyio.create_task_group() as tasks:
            async for session in self.messenger:
                tasks.start_soon(self._attend, session)

    async def _attend(self, session: Session) -> None:
        with suppress(ConnectionLost, PeerError):
            try:
                async for message in session:
                    self.journal.append(message)
                    answering = self._answers.get(message.type)
                    if answering is not None:
                        await answering(session, message)
                    self.changed.ring()
            except PeerError:
                session.abort()
                raise
            finally:
                self.left(session)

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until something is so that depends on messages; raises TimeoutError."""
        with anyio.fail_after(_LIMIT):
            while not true():
                await self.changed.wait()

    def left(self, session: Session) -> None:
        """Take note that a session is over."""

    def drop(self) -> int:
        """End all sessions at once, and return how many there were."""
        sessions = self.messenger.sessions
        for session in sessions:
            session.abort()
        return len(sessions)

    async def command(self, session: Session, message: Message, *, reply: type[CommandReply] = CommandReply) -> None:
        """Answer a command to this daemon itself."""
        asked = Command.decode(message.front)
        answer = self.commands.execute(asked.command, bytes(message.data))
        told = reply(code=answer.code, status=answer.status)
        await session.send(told.message(tid=message.tid, data=answer.output))
