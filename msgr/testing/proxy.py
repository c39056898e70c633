"""A TCP proxy on loopback that does to connections what networks do."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Final, Self

import anyio
import anyio.abc

from ..errors import StateError
from ..wire import Endpoint
from .chaos import Chaos, ChaosStats
from .link import ChaosLink
from .sockets import RawStream

_BACKLOG: Final = 512
_PAUSE: Final = 0.05
"""Seconds until it tries again to accept, where there are no descriptors."""


class ChaosProxy:
    """Listens on loopback, and passes every connection on to `target` through a `ChaosLink`.

    ::

        async with ChaosProxy(Chaos(seed=1, cuts_per_second=5)) as proxy:
            async with serve("v2:127.0.0.1:0", name="osd.0", auth=None, advertise=proxy.address, ...) as server:
                proxy.target = str(server.listening[0])
                async with connect(proxy.address, name="osd.1", auth=None, ...) as session: ...

    A msgr2 client names the address that it dials, and the server refuses it where that is not its own: so the server
    has to `advertise` the proxy's.
    """

    def __init__(self, chaos: Chaos | None = None, *, target: str | None = None, host: str = "127.0.0.1") -> None:
        self.chaos = chaos or Chaos()
        """Holds for connections that are made from now on, and may be replaced."""
        self.target = target
        """Where connections lead, as `v2:HOST:PORT`; while it is None, they are closed."""
        self.stats = ChaosStats()
        self._host = host
        self._listening: socket.socket | None = None
        self._links: dict[ChaosLink, None] = {}
        self._stalled = False
        self._tasks: anyio.abc.TaskGroup | None = None

    @property
    def address(self) -> str:
        """Its own address, as `v2:HOST:PORT`; raises StateError outside of its body."""
        if self._listening is None:
            raise StateError("a proxy listens in its body: async with ChaosProxy() as proxy")
        host, port = self._listening.getsockname()[:2]
        return f"v2:[{host}]:{port}" if ":" in host else f"v2:{host}:{port}"

    @property
    def links(self) -> tuple[ChaosLink, ...]:
        """The connections that are passed on at the moment, the oldest first."""
        return tuple(self._links)

    def cut(self, *, reset: bool = False) -> int:
        """Cut all connections; returns how many there were."""
        links = self.links
        for link in links:
            link.cut(reset=reset)
        return len(links)

    def stall(self) -> None:
        """Swallow everything until `resume`: connections are made, and nothing is passed on."""
        self._stalled = True
        for link in self.links:
            link.stall()

    def resume(self) -> None:
        """Pass on again, beginning with what was held back."""
        self._stalled = False
        for link in self.links:
            link.resume()

    async def __aenter__(self) -> Self:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listening = socket.create_server((self._host, 0), family=family, backlog=_BACKLOG)
        listening.setblocking(False)
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._listening = listening
        self._tasks.start_soon(self._accept, listening, self._tasks)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        assert self._tasks is not None
        assert self._listening is not None
        self._tasks.cancel_scope.cancel()
        try:
            return await self._tasks.__aexit__(kind, error, traceback)
        except BaseExceptionGroup as group:
            if group.exceptions != (error,):
                raise
            return False  # what the body raised is raised as it was
        finally:
            anyio.notify_closing(self._listening)
            self._listening.close()
            self._listening = None

    async def _accept(self, listening: socket.socket, tasks: anyio.abc.TaskGroup) -> None:
        while True:
            await anyio.wait_readable(listening)
            try:
                connected, _ = listening.accept()
            except BlockingIOError:
                continue
            except OSError:
                await anyio.sleep(_PAUSE)
                continue
            number = self.stats.connections
            self.stats.connections += 1
            tasks.start_soon(self._serve, RawStream(connected), number)

    async def _serve(self, near: RawStream, number: int) -> None:
        """Carry one connection to its end."""
        try:
            far = await self._reach()
        except OSError:
            self.stats.failed += 1
            near.reset()
            return
        except BaseException:  # cancellation too: whoever dialled learns that it is over
            near.reset()
            raise
        link = ChaosLink(near, far, self.chaos, number=number, stats=self.stats)
        if self._stalled:
            link.stall()
        self._links[link] = None
        try:
            await link.run()
        finally:
            del self._links[link]

    async def _reach(self) -> RawStream:
        if self.target is None:
            raise ConnectionRefusedError("the proxy has no target")
        endpoint = Endpoint.parse(self.target)
        found = socket.socket(socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET, socket.SOCK_STREAM)
        found.setblocking(False)
        try:
            code = found.connect_ex((endpoint.host, endpoint.port))
            if code:
                await anyio.wait_writable(found)
                code = found.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise OSError(code, "no connection to the target")
        except BaseException:  # cancellation too: nobody else knows of this socket
            found.close()
            raise
        return RawStream(found)
