"""msgr itself: cephx in secure mode, or in crc mode; sessions that survive, with acknowledgements and replay on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import lru_cache
from typing import Final

import anyio

from msgr import ConnectionLost, Keyring, Limits, Message, Mode, Policy, Session, Timeouts, connect, serve
from msgr.wire import Octets

from ..links import Announce, Link, Talk, Task
from ..materials import CLIENT, KEYRING
from ..works import Kind, Work

_TYPE: Final = 1
keyring_of = lru_cache(Keyring.load)
_ONE: Final = Limits(inbox=1, outbox=1)
"""Limits that let a session hold one message at a time."""
_PATIENT: Final = Timeouts(handshake=60.0)
"""For thousands of ends in one process, which stands still for seconds whenever the collector looks through them."""


class SessionLink:
    """A session, whose messages have their bytes in the data segment."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def send(self, message: Octets) -> None:
        """Send a message; the session keeps it until it is acknowledged."""
        await self._session.send(Message(type=_TYPE, data=message))

    async def flush(self) -> None:
        """Do nothing: the writer is at work."""

    async def receive(self) -> Octets:
        """Return the next message."""
        return (await self._session.receive()).data


class Own:
    """Our sessions in one mode."""

    def __init__(self, mode: Mode) -> None:
        self._modes = (mode,)

    async def serve(self, task: Task, announce: Announce, talk: Talk) -> None:
        """Listen until cancelled; every session is talked with."""

        async def come(session: Session) -> None:
            with suppress(ConnectionLost):
                async with session:
                    await talk(SessionLink(session))

        policy = Policy.stateless_server() if _short(task.work) else Policy.stateful_server()
        keyring = keyring_of(str(task.directory / KEYRING))
        async with (
            serve(
                "v2:127.0.0.1:0",
                name="mds.bench",
                auth=keyring,
                policy=policy,
                modes=self._modes,
                limits=_limits(task.work),
                timeouts=_timeouts(task.work),
            ) as server,
            anyio.create_task_group() as tasks,
        ):
            announce(str(server.addresses[0]))
            async for session in server:
                tasks.start_soon(come, session)

    @asynccontextmanager
    async def connect(self, task: Task, address: str) -> AsyncIterator[Link]:
        """Connect, and hang up in the end."""
        policy = Policy.lossy_client() if _short(task.work) else Policy.lossless_client()
        keyring = keyring_of(str(task.directory / KEYRING))
        async with connect(
            address,
            name=CLIENT,
            auth=keyring,
            policy=policy,
            modes=self._modes,
            limits=_limits(task.work),
            timeouts=_timeouts(task.work),
        ) as session:
            yield SessionLink(session)


def _short(work: Work) -> bool:
    """Tell whether sessions end with their connections, as those of short-lived clients do."""
    return work.kind is Kind.CONNECT


def _limits(work: Work) -> Limits | None:
    return _ONE if work.kind is Kind.COPIES else None


def _timeouts(work: Work) -> Timeouts | None:
    return _PATIENT if work.kind is Kind.HOLD else None


def secure() -> Own:
    """Return secure mode."""
    return Own(Mode.SECURE)


def crc() -> Own:
    """Return crc mode."""
    return Own(Mode.CRC)
