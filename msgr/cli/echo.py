"""A server that sends every message back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import anyio.abc

from ..capture.words import counted
from ..errors import MsgrError
from ..net import Messenger, Session


@dataclass(slots=True)
class Echoed:
    """What was sent back so far."""

    sessions: int = 0
    messages: int = 0
    bytes: int = 0


async def echo_all(
    server: Messenger, tasks: anyio.abc.TaskGroup, echoed: Echoed, tell: Callable[[str], None] | None = None
) -> None:
    """Send back every message of every session, each session in a task of its own, until it is cancelled."""
    async for session in server:
        echoed.sessions += 1
        tasks.start_soon(_echo, session, echoed, tell or _tell_nobody)


async def _echo(session: Session, echoed: Echoed, tell: Callable[[str], None]) -> None:
    login = session.peer.login
    who = f"{login.identity.name if login.identity else 'somebody'} (global id {login.global_id})"
    tell(f"{who} is here: {login.mode.name.lower()} mode, revision {login.met.revision}")
    count, end = 0, "left"
    try:
        async with session:
            async for message in session:
                await session.send(message)
                count += 1
                echoed.messages += 1
                echoed.bytes += message.size
    except MsgrError as error:
        end = f"is lost: {error}"
    tell(f"{who} {end}, after {counted(count, 'message')}")


def _tell_nobody(text: str) -> None:
    pass
