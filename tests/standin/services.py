"""The stand-in manager and OSD: their clients come with tickets, and have commands answered."""

from __future__ import annotations

from typing import Final

from msgr import Message, Messenger, Session
from msgr.mon.messages import MessageType, MgrCommandReply

from .commands import Answer, Arguments, Commands, Known
from .daemon import Daemon
from .recorder import Recorder

_VERSION: Final = {"version": "16.2.15-stand-in", "release": "pacific", "release_type": "stable"}
_PGS: Final = {"num_pgs": 1, "pg_summary": {"num_pg_by_state": [{"name": "active+clean", "num": 1}]}}


def version(arguments: Arguments, data: bytes) -> Answer:
    """Tell which release this is."""
    return Answer.of(_VERSION, arguments)


def pg_stat(arguments: Arguments, data: bytes) -> Answer:
    """Tell how the placement groups are."""
    return Answer.of(_PGS, arguments, "1 pgs: 1 active+clean\n")


class Manager(Daemon):
    """The active manager. What else clients tell it, such as that they are there, it only notes."""

    def __init__(self, messenger: Messenger, recorder: Recorder) -> None:
        commands = Commands(
            Known("version", version, module="mgr"),
            Known("pg stat", pg_stat, module="pg"),
        )
        super().__init__(
            messenger,
            recorder,
            commands,
            {MessageType.COMMAND: self.command, MessageType.MGR_COMMAND: self._mgr_command},
        )

    async def _mgr_command(self, session: Session, message: Message) -> None:
        await self.command(session, message, reply=MgrCommandReply)


class Osd(Daemon):
    """An OSD that stores nothing."""

    def __init__(self, messenger: Messenger, recorder: Recorder) -> None:
        commands = Commands(Known("version", version, module="osd"))
        super().__init__(messenger, recorder, commands, {MessageType.COMMAND: self.command})
