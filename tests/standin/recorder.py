"""A proxy that passes connections on as they are, reads along, and cuts them when it is told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Final, Self

import anyio
import anyio.abc

from msgr.auth import Keyring
from msgr.net.bell import Bell
from msgr.net.tasks import quiet_tasks
from msgr.session import Message
from msgr.wire import Endpoint

from .overheard import Overheard, Side

_ENDED: Final = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError)
_LIMIT: Final = 30.0


class Recorder:
    """Listens at `address` (`v2:HOST:PORT`, port 0 for any), and passes on to `target`, which may be told later."""

    def __init__(self, keyring: Keyring | None, *, address: str = "v2:127.0.0.1:0", target: str | None = None) -> None:
        self.target = target
        self.connections: list[Overheard] = []
        """What was heard over each connection, the oldest first."""
        self.changed = Bell()
        """Rings when something was heard."""
        self._keyring = keyring
        self._endpoint = Endpoint.parse(address)
        self._streams: set[anyio.abc.ByteStream] = set()
        self._stack = AsyncExitStack()

    @property
    def address(self) -> str:
        """Where it listens, as `v2:HOST:PORT`."""
        return str(self._endpoint)

    @property
    def messages(self) -> Iterator[Message]:
        """All that clients sent, connection by connection."""
        return (message for heard in self.connections for message in heard.messages())

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until something is so that depends on what was heard; raises TimeoutError."""
        with anyio.fail_after(_LIMIT):
            while not (self.connections and true()):
                await self.changed.wait()

    async def cut(self) -> int:
        """Cut all connections, and return how many there were."""
        streams, self._streams = self._streams, set()
        for stream in streams:
            await anyio.aclose_forcefully(stream)
        return len(streams) // 2

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            listener = await anyio.create_tcp_listener(
                local_host=self._endpoint.host, local_port=self._endpoint.port, reuse_port=False
            )
            await stack.enter_async_context(listener)
            port = listener.extra(anyio.abc.SocketAttribute.local_port)
            self._endpoint = Endpoint(self._endpoint.type, self._endpoint.host, port)
            tasks = await stack.enter_async_context(quiet_tasks())
            tasks.start_soon(listener.serve, self._serve)
            stack.callback(tasks.cancel_scope.cancel)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        return await self._stack.__aexit__(kind, error, traceback)

    async def _serve(self, near: anyio.abc.SocketStream) -> None:
        heard = Overheard(self._keyring)
        async with near:
            if self.target is None:
                return
            target = Endpoint.parse(self.target)
            try:
                far = await anyio.connect_tcp(target.host, target.port)
            except OSError:
                return
            self.connections.append(heard)
            async with far:
                both = {near, far}
                self._streams |= both
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._relay, heard, "client", near, far)
                    tasks.start_soon(self._relay, heard, "server", far, near)
                self._streams -= both

    async def _relay(
        self, heard: Overheard, side: Side, source: anyio.abc.SocketStream, sink: anyio.abc.SocketStream
    ) -> None:
        """Pass on one direction, with its end; an end that is broken breaks the other."""
        try:
            while True:
                data = await source.receive()
                heard.feed(side, data)
                self.changed.ring()
                await sink.send(data)
        except anyio.EndOfStream:
            with suppress(*_ENDED, OSError):
                await sink.send_eof()
        except _ENDED:
            await anyio.aclose_forcefully(sink)
