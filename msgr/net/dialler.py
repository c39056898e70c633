"""Makes the connections of one session."""

from __future__ import annotations

from dataclasses import replace

import anyio

from ..core import ClientConfig, Connection
from ..errors import ConnectFailed, ConnectionLost, ConnectTimedOut
from ..session import SessionTable
from ..wire import Endpoint, EntityAddr
from .dial import dial
from .driver import Driver, Host
from .runtime import Runtime
from .session import Session
from .stream import SocketStream, Stream


class Dialler:
    """Dials one endpoint for one session, as often as it is asked.

    The handshake's deadline begins with the dialling. `given`, if set, is used in place of the first connection.
    """

    def __init__(
        self, config: ClientConfig, endpoint: Endpoint | None, sessions: SessionTable, runtime: Runtime, host: Host
    ) -> None:
        self.given: Stream | None = None
        self._config = config
        self._endpoint = endpoint
        self._sessions = sessions
        self._runtime = runtime
        self._host = host

    async def dial(self, session: Session) -> Driver:
        """Return the driver of a fresh connection, which does not run yet; raises ConnectFailed and TimedOut."""
        runtime = self._runtime
        started = runtime.clock()
        stream, target = await self._reach()
        if session.connected or session.over:  # the peer was first, or nobody wants it any more
            await stream.aclose()
            raise ConnectionLost("the connection is not needed any more")
        config = replace(self._config, target=target)
        connection = Connection(
            config, dice=runtime.dice, sessions=self._sessions, session=session.core, trace=runtime.trace
        )
        connection.start(now=started, wall=runtime.wall())
        return Driver(connection, stream, config.limits, runtime, self._host)

    async def _reach(self) -> tuple[Stream, EntityAddr]:
        given, self.given = self.given, None
        if given is not None:
            return given, self._config.target
        if self._endpoint is None:
            raise ConnectFailed("the peer listens nowhere, so only it can dial")
        seconds = self._config.timeouts.handshake
        try:
            with anyio.fail_after(seconds):
                connected, target = await dial(self._endpoint)
        except TimeoutError:
            raise ConnectTimedOut(f"no connection to {self._endpoint} after {seconds:g} s [LIMIT-3]") from None
        return SocketStream(connected), target
