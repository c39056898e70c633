"""Keeps a session connected by dialling its peer, with Ceph's back-off (SESSION-BACKOFF-1)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import anyio

from ..core import Timeouts
from ..errors import (
    AuthRefused,
    BannerError,
    ConfigError,
    ConnectionLost,
    IdentError,
    MsgrError,
    Refused,
    TimedOut,
    ToldToWait,
)
from .driver import Driver
from .log import EventLog
from .session import Session

Dial: TypeAlias = Callable[[Session], Awaitable[Driver]]
"""Makes a connection for a session and returns its driver, which does not run yet; raises MsgrError."""


class Keeper:
    """Dials whenever the session wants a connection.

    After the first failure it waits `Timeouts.initial_backoff`, then twice as long each time, up to
    `Timeouts.max_backoff`, which is also the wait where the peer is to dial us. An error that another try cannot mend
    ends the session; so does every error of a connection that was never ready, unless `persistent`.

    Where the peer refused what it had granted earlier, and that is forgotten now, the next try is made at once
    (GLOBALID-4). Not so where the first connection was a stream that was `given`: there is no other like it.
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
    ) -> None:
        self._session = session
        self._dial = dial
        self._timeouts = timeouts
        self._log = log
        self._persistent = persistent
        self._given = given
        self._backoff = 0.0

    async def run(self) -> None:
        """Keep the session connected until it is over."""
        session = self._session
        while not session.over:
            if not self._wants_connection():
                await self._rest()
                continue
            error = await self._connect_once()
            if error is not None:
                await self._mind(error)

    async def _rest(self) -> None:
        """Wait until a connection may be wanted; ends a session whose peer has stayed away for too long (LIVE-4)."""
        session, patience = self._session, self._timeouts.session
        if session.connected or patience is None or not session.core.policy.server:
            await session.wanted.wait()
            return
        counters = session.core.traffic.counters
        before = counters.connections
        with anyio.move_on_after(patience):
            while not session.over and counters.connections == before:
                await session.changed.wait()
        if counters.connections == before:
            session.finish(TimedOut(f"the peer has not come back for {patience:g} s [LIVE-4]"))

    async def _mind(self, error: MsgrError) -> None:
        """Do what a failure asks for: give up, or wait before the next try."""
        if self._session.over or self._session.connected:
            return
        peer = ", ".join(map(str, self._session.core.addresses)) or "a peer"
        final = self._is_final(error)
        what = "no connection, and none will be tried again" if final else "no connection"
        self._log.tell(logging.INFO, "not-connected", peer, f"{what}: {error}", error=type(error).__name__)
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
        idle = session.last_peer is not None and not session.core.traffic.has_messages
        return not (policy.standby and idle)

    async def _connect_once(self) -> MsgrError | None:
        """Dial, and drive the connection to its end; returns what kept it from becoming ready."""
        core = self._session.core
        if core.server_cookie:
            core.connect_seq += 1
        try:
            driver = await self._dial(self._session)
        except MsgrError as error:
            return error
        await driver.run()
        if driver.session is not None:
            self._backoff = 0.0
            return None
        return driver.error or ConnectionLost("the connection was closed before there was a session")

    def _is_final(self, error: MsgrError) -> bool:
        if isinstance(error, ToldToWait):
            return False
        if _is_stale(error):
            return self._session.last_peer is None and self._given
        if isinstance(error, Refused | BannerError | IdentError | ConfigError):
            return True
        return not self._persistent and self._session.last_peer is None

    async def _pause(self, error: MsgrError) -> None:
        """Wait before the next try, or until the peer has made the connection itself."""
        timeouts = self._timeouts
        if isinstance(error, ToldToWait):
            self._backoff = timeouts.max_backoff
        else:
            self._backoff = min(max(timeouts.initial_backoff, 2 * self._backoff), timeouts.max_backoff)
        with anyio.move_on_after(self._backoff):
            while not self._session.over and not self._session.connected:
                await self._session.changed.wait()


def _is_stale(error: MsgrError) -> bool:
    """Whether the peer refused something granted earlier, which is forgotten now."""
    return isinstance(error, AuthRefused) and error.again
