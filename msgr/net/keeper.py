"""Keeps a session connected by dialling its peer, with Ceph's back-off (SESSION-BACKOFF-1)."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import anyio

from ..auth import Dice
from ..core import Timeouts
from ..errors import (
    AuthRefused,
    BannerError,
    ConfigError,
    ConnectionLost,
    FailureKind,
    IdentError,
    MsgrError,
    Refused,
    SimultaneousOpen,
    TimedOut,
    ToldToWait,
)
from .driver import Driver
from .log import EventLog
from .session import Session
from .tasks import quiet_tasks

Dial: TypeAlias = Callable[[Session], Awaitable[Driver]]
"""Makes a connection for a session and returns its driver, which does not run yet; raises MsgrError."""


class Keeper:
    """Dials whenever the session wants a connection.

    After the first failure it waits `Timeouts.initial_backoff`, then twice as long each time, up to
    `Timeouts.max_backoff`, which is also the wait where the peer is to dial us. An error that another try cannot mend
    ends the session; so does every error of a connection that was never ready, unless `persistent`.

    Where the peer refused what it had granted earlier, and that is forgotten now, the next try is made at once
    (GLOBALID-4). Not so where the first connection was a stream that was `given`: there is no other like it. Two ends
    that dialled each other in one connection wait for a part of the time that `dice` choose (SIMOPEN-3).
    """

    def __init__(
        self,
        session: Session,
        dial: Dial,
        timeouts: Timeouts,
        log: EventLog,
        *,
        persistent: bool,
        given: bool = False,
        dice: Dice = secrets.token_bytes,
    ) -> None:
        self._session = session
        self._dial = dial
        self._timeouts = timeouts
        self._log = log
        self._persistent = persistent
        self._given = given
        self._dice = dice
        self._backoff = 0.0

    async def run(self) -> None:
        """Keep the session connected until it is over."""
        patience = self._timeouts.session
        if patience is None or self._session.core.policy.lossy:
            await self._keep()
            return
        async with quiet_tasks() as tasks:
            tasks.start_soon(self._watch, patience, tasks.cancel_scope)
            await self._keep()
            tasks.cancel_scope.cancel()

    async def _keep(self) -> None:
        session = self._session
        while not session.over:
            if not self._wants_connection():
                await session.wanted.wait()
                continue
            error = await self._connect_once()
            if error is not None:
                await self._mind(error)

    async def _watch(self, patience: float, keeping: anyio.CancelScope) -> None:
        """End a session that had no connection for so long, and whatever is tried to give it one (LIVE-4)."""
        session = self._session
        counters = session.core.traffic.counters
        while not session.over:
            if session.connected:
                await session.wanted.wait()
                continue
            before = counters.connections
            with anyio.move_on_after(patience):
                await self._connection_after(before)
            if counters.connections == before:
                session.finish(TimedOut(f"no connection with the peer for {patience:g} s [LIVE-4]"))
        keeping.cancel()

    async def _connection_after(self, before: int) -> None:
        """Wait until there were more connections than `before`, or the session is over."""
        session = self._session
        while not session.over and session.core.traffic.counters.connections == before:
            await session.changed.wait()

    async def _mind(self, error: MsgrError) -> None:
        """Do what a failure asks for: give up, or wait before the next try."""
        if self._session.over or self._session.connected:
            return
        peer = ", ".join(map(str, self._session.core.addresses)) or "a peer"
        final = self._is_final(error)
        what = "no connection, and none will be tried again" if final else "no connection"
        self._log.tell(logging.INFO, "not-connected", peer, f"{what}: {error.explain()}", error=type(error).__name__)
        if final:
            self._session.finish(error)
        elif not _is_stale(error):
            await self._pause(error)

    def _wants_connection(self) -> bool:
        session, policy = self._session, self._session.core.policy
        if session.connected:
            return False
        if policy.server:
            return False
        if session.core.traffic.has_messages:
            return True
        return not (session.lazy if session.last_peer is None else policy.standby)

    async def _connect_once(self) -> MsgrError | None:
        """Dial, and drive the connection to its end; returns what kept it from becoming ready."""
        core = self._session.core
        if core.server_cookie:
            core.connect_seq += 1
        try:
            driver = await self._dial(self._session)
        except MsgrError as error:
            return error
        self._session.begun = driver
        try:
            await driver.run()
        finally:
            self._session.begun = None
        if driver.session is not None:
            self._backoff = 0.0
            return None
        return driver.error or ConnectionLost("the connection was closed before there was a session")

    def _is_final(self, error: MsgrError) -> bool:
        if isinstance(error, ToldToWait):
            return False
        if _is_stale(error):
            return self._session.last_peer is None and self._given
        if isinstance(error, Refused | BannerError | IdentError | ConfigError) and error.kind is FailureKind.PERMANENT:
            return True
        return not self._persistent and self._session.last_peer is None

    async def _pause(self, error: MsgrError) -> None:
        """Wait before the next try, or until the peer has made the connection itself."""
        timeouts = self._timeouts
        if isinstance(error, ToldToWait):
            self._backoff = timeouts.max_backoff
        else:
            self._backoff = min(max(timeouts.initial_backoff, 2 * self._backoff), timeouts.max_backoff)
        seconds = self._backoff
        if isinstance(error, SimultaneousOpen):  # the other end fails at the same time: only chance parts the two
            seconds *= (1 + self._dice(1)[0]) / 256
        with anyio.move_on_after(seconds):
            while not self._session.over and not self._session.connected:
                await self._session.changed.wait()


def _is_stale(error: MsgrError) -> bool:
    """Whether the peer refused something granted earlier, which is forgotten now."""
    return isinstance(error, AuthRefused) and error.again
