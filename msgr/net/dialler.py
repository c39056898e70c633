"""Makes the connections of one session."""

from __future__ import annotations

from dataclasses import replace

import anyio

from ..core import ClientConfig, Connected, Connection
from ..errors import ConnectFailed, ConnectionLost, ConnectTimedOut, SimultaneousOpen
from ..session import SessionTable
from ..wire import AddressType, Endpoint, EntityAddr
from .broker import Broker, Permit
from .dial import dial, known_ip
from .driver import Driver, Host, driver_of
from .runtime import Runtime
from .session import Session
from .stream import SocketStream, Stream


class Dialler:
    """Dials one endpoint for one session, as often as it is asked.

    The handshake's deadline begins with the dialling. `given`, if set, is used in place of the first connection. A
    `broker` is asked before, and has its permit back when the handshake is over (DIAL-1).
    """

    def __init__(
        self,
        config: ClientConfig,
        endpoint: Endpoint | None,
        sessions: SessionTable,
        runtime: Runtime,
        host: Host,
        broker: Broker | None = None,
    ) -> None:
        self.given: Stream | None = None
        self._config = config
        self._endpoint = endpoint
        self._sessions = sessions
        self._runtime = runtime
        self._host = host
        self._broker = broker

    async def dial(self, session: Session) -> Driver:
        """Return the driver of a fresh connection, which does not run yet; raises ConnectFailed and TimedOut."""
        if self._broker is None or self.given is not None:
            return await self._dial(session, self._host, None)
        permit = await self._broker.take()
        try:
            return await self._dial(session, _Permitted(self._host, permit), permit)
        except BaseException:  # cancellation too: a permit that nobody gives back is lost to all
            permit.release()
            raise

    async def _dial(self, session: Session, host: Host, permit: Permit | None) -> Driver:
        runtime = self._runtime
        started = runtime.clock()
        stream, target = await self._reach(permit)
        if session.connected or session.over:  # the peer was first, or nobody wants it any more
            await stream.aclose()
            raise ConnectionLost("the connection is not needed any more")
        try:
            own = _own(stream)
        except SimultaneousOpen:
            await stream.aclose()
            raise
        config = replace(self._config, target=target)
        connection = Connection(
            config,
            dice=runtime.dice,
            own_address=own,
            sessions=self._sessions,
            session=session.core,
            trace=runtime.trace,
        )
        connection.start(now=started, wall=runtime.wall())
        return driver_of(connection, stream, config.limits, runtime, host)

    async def _reach(self, permit: Permit | None) -> tuple[Stream, EntityAddr]:
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
        stream = SocketStream(connected)
        if permit is not None:
            stream.on_close = permit.release
        return stream, target


class _Permitted:
    """A host that gives back the permit of a handshake when there is a session."""

    def __init__(self, host: Host, permit: Permit) -> None:
        self._host = host
        self._permit = permit
        self.afterwards = host.afterwards

    def adopt(self, driver: Driver, ready: Connected) -> Session:
        """Return the session that goes on over the connection of `driver`."""
        self._permit.release()
        return self._host.adopt(driver, ready)


def _own(stream: Stream) -> EntityAddr | None:
    """Return the address of this end's socket, if it has one; raises SimultaneousOpen for one connected to itself."""
    own, other = stream.ends()
    if own is None:
        return None
    if own == other:
        raise SimultaneousOpen(f"the socket is connected to itself, at {own[0]} port {own[1]}", rule="SIMOPEN-2")
    return EntityAddr(AddressType.MSGR2, 0, known_ip(own[0].partition("%")[0]), own[1])
