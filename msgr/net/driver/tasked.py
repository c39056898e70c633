"""Drives a connection over any stream, on any loop: a reader, a writer and a timer, which end together."""

from __future__ import annotations

from collections.abc import Callable

import anyio
from anyio.lowlevel import checkpoint

from ...core import Connection, Limits
from ...core.states import Parting
from ...errors import ConnectionLost
from ...frame import LARGE
from ..background import Background
from ..bell import Bell
from ..runtime import Runtime
from ..stream import Stream
from ..tasks import quiet_tasks
from .base import Driver, Host


class TaskDriver(Driver):
    """A driver with a task for each thing that it waits for."""

    __slots__ = ("_reading", "_resting", "_stopped", "_work")

    def __init__(self, connection: Connection, stream: Stream, limits: Limits, runtime: Runtime, host: Host) -> None:
        self._work = Bell()
        """Rings for the writer and the reader: there is something to write, or room to read."""
        self._reading = anyio.CancelScope()
        self._stopped = False  # nobody reads any more
        self._resting = False  # the writer waits for work
        super().__init__(connection, stream, limits, runtime, host)

    def begin(self, tasks: Background, over: Callable[[], None]) -> None:
        """Drive the connection in the background, and call `over` when the stream is closed."""
        tasks.start_soon(self._run, over)

    async def _run(self, over: Callable[[], None]) -> None:
        try:
            await self.run()
        finally:
            over()

    def wake(self) -> None:
        """Take note that there is something to write, or room to read."""
        self._work.ring()
        if self.ended:  # another connection took its place: nobody waits until this one can be written to
            self._reading.cancel()

    def flush(self) -> None:
        """Have what is queued written: at once where that is better, and nobody writes already."""
        if self._resting:
            super().flush()
        else:
            self.wake()

    async def run(self) -> None:
        """Drive the connection to its end; the stream is closed then. It raises nothing of the connection's."""
        try:
            async with quiet_tasks() as tasks:
                tasks.start_soon(self._watch)
                tasks.start_soon(self._write)
                with self._reading:
                    await self._read()
                self._stopped = True
                self.changed.ring()
                while not self.ended:
                    await self.changed.wait()
                # Once the connection is over nobody waits for its peer: not for it to speak, nor for it to listen.
                tasks.cancel_scope.cancel()
        finally:
            self.end(None)
            with anyio.CancelScope(shield=True):
                await self._stream.aclose()
            self.call_due()

    def _stop_reading(self) -> None:
        self._reading.cancel()

    def _set_timer(self) -> None:
        self.changed.ring()

    async def _part(self) -> None:
        self._reading.cancel()
        while not self._stopped:
            await self.changed.wait()
        await super()._part()

    async def _read(self) -> None:
        while not self.ended:
            if self._has_too_much():
                await self._work.wait()
            elif self.connection.has_input:
                await checkpoint()  # what is there is handled before more is read, and others have their turn
                self._came(b"")
            elif not await self._receive():
                break

    async def _receive(self) -> bool:
        """Read once, or all of a large body, into its place; tells whether the stream is whole."""
        space = self.connection.space()
        try:
            came = await (self._stream.receive() if len(space) < LARGE else self._stream.receive_into(space))
        except ConnectionLost as error:
            self.end(error)
            return False
        if came:
            self._came(came)
        else:
            self._finished()
        self.call_due()
        return True

    async def _write(self) -> None:
        while True:
            if self._coalesce and self._is_little():
                with anyio.move_on_after(self._coalesce):
                    while self._is_little():
                        await self._work.wait()
            if self._broken is not None:
                self._end_broken(self._broken)
            left, self._left = self._left, []
            pieces = left or self._output()
            if pieces:
                self._writing = True
                try:
                    await self._stream.send(pieces)
                except ConnectionLost as error:
                    self._end_broken(error)
                self._writing = False
                self.wake()
                self._tell_room()
                self.call_due()
                if self.connection.has_output:
                    await checkpoint()  # who fills what was emptied has a turn: or channels would run dry in one go
                continue
            self._take_events()
            self.call_due()
            if self.ended:
                break
            if isinstance(self.connection.state, Parting):
                await self._take_leave()
            self._resting = True
            await self._work.wait()
            self._resting = False

    def _end_broken(self, error: ConnectionLost) -> None:
        """End; what came is handed on first, unless the reader waits for the rest of a body, in a place of its own."""
        if len(self.connection.space()) < LARGE:
            super()._end_broken(error)
        else:
            self.end(error)

    async def _take_leave(self) -> None:
        """Tell a peer whose handshake failed that all is said: it need not wait for more, nor we for long (NODE-8)."""
        self._set_timer()
        try:
            await self._stream.finish()
        except ConnectionLost as error:
            self.end(error)

    async def _watch(self) -> None:
        while (deadline := self.connection.next_deadline) is not None:
            with anyio.move_on_after(deadline - self.runtime.clock()):
                await self.changed.wait()  # a session has other deadlines than a handshake
                continue
            self.connection.handle_deadline(now=self.runtime.clock())
            self._take_events()
            self.call_due()
            self.wake()  # there may be a keepalive to write
