"""Drives a connection over a socket by callbacks of asyncio's loop.

What comes in is handled where the loop finds it, so an answer is under way one turn of the loop and several switches of
tasks earlier than with `tasked`; and an idle connection that was accepted holds no task at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from ...core import Connection, Limits
from ...core.states import Parting
from ...errors import ConnectionLost, MsgrError
from ...frame import LARGE
from ..background import Background
from ..runtime import Runtime
from ..stream import READ_SIZE, SocketStream
from .base import Driver, Host

_READS: Final = 8
"""How many reads may follow each other without a turn for others."""


class LoopDriver(Driver):
    """A driver that is called when there is something to do.

    What a callback raises ends the connection, and is raised by `run`, or in the tasks that `begin` was given.
    """

    __slots__ = (
        "_behind",
        "_descriptor",
        "_fault",
        "_loop",
        "_over",
        "_reads",
        "_running",
        "_socket",
        "_tasks",
        "_timer",
        "_turn",
        "_waited",
        "_writes",
    )

    def __init__(
        self, connection: Connection, stream: SocketStream, limits: Limits, runtime: Runtime, host: Host
    ) -> None:
        super().__init__(connection, stream, limits, runtime, host)
        self._loop = asyncio.get_running_loop()
        self._socket = stream
        self._descriptor = stream.fileno()
        self._turn: asyncio.Handle | None = None  # what is due is done then
        self._timer: asyncio.TimerHandle | None = None
        self._waited = False  # for more to write together
        self._fault: Exception | None = None
        self._tasks: Background | None = None
        self._over: Callable[[], None] | None = None
        self._behind = False  # there was more to write than a batch
        self._running = self._reads = self._writes = False

    async def run(self) -> None:
        """Drive the connection to its end; the stream is closed then. It raises nothing of the connection's."""
        try:
            self._start()
            while not self.ended and self._fault is None:
                await self.changed.wait()
            if self._fault is not None:
                raise self._fault
        finally:
            self.end(None)
            self._stop()
            self.call_due()

    def begin(self, tasks: Background, over: Callable[[], None]) -> None:
        """Do what `run` does, without a task for it: an idle connection holds none. Whoever begins it ends it."""
        self._tasks, self._over = tasks, over
        self._start()

    def _start(self) -> None:
        self._running = True
        self._set_timer()
        self.wake()

    def wake(self) -> None:
        """Take note that there is something to write, or room to read."""
        if self._turn is None and self._running:
            self._turn = self._loop.call_soon(self._guard, self._do)
        elif self._waited and self._turn is not None and not self._is_little():
            self._waited = False
            self._turn.cancel()
            self._turn = self._loop.call_soon(self._guard, self._do)

    def _guard(self, step: Callable[[], None]) -> None:
        try:
            step()
            self.call_due()
        except Exception as fault:  # whatever it is, it ends this connection, and is raised where that can be heard
            self._fault = fault
            self._stop()
            self.changed.ring()
            if self._tasks is not None:
                self._tasks.start_soon(self._raise, fault)

    async def _raise(self, fault: Exception) -> None:
        try:
            raise fault
        finally:
            self.end(None)

    def _note_end(self, error: MsgrError | None) -> None:
        super()._note_end(error)
        self._stop()

    def _stop(self) -> None:
        """Close the stream, and be called no more."""
        self._running = False
        self._stop_reading()
        self._stop_writing()
        for handle in (self._turn, self._timer):
            if handle is not None:
                handle.cancel()
        self._turn = self._timer = None
        self._socket.close_now()
        over, self._over = self._over, None
        if over is not None:
            over()

    # Reading.

    def _start_reading(self) -> None:
        if not self._reads:
            self._loop.add_reader(self._descriptor, self._guard, self._read)
            self._reads = True

    def _stop_reading(self) -> None:
        if self._reads:
            self._loop.remove_reader(self._descriptor)
            self._reads = False

    def _read(self) -> None:
        """Read what there is, as far as there is room for it."""
        for _ in range(_READS):
            more = self._receive()
            if self._reads and self._cannot_read():
                self._stop_reading()
            if not (more and self._reads):
                break

    def _receive(self) -> bool:
        """Read once; tells whether there is likely to be more."""
        space = self.connection.space()
        into_place = len(space) >= LARGE
        try:
            came = self._socket.receive_into_now(space) if into_place else self._socket.receive_now()
        except ConnectionLost as error:
            self.end(error)
            return False
        if came is None:
            return False
        if came:
            self._came(came)
        else:
            self._finished()
        return into_place or (isinstance(came, bytes) and len(came) == READ_SIZE)

    def _cannot_read(self) -> bool:
        """Whether reading rests; a turn follows that goes on with it."""
        if self.connection.has_input:
            self.wake()  # what is there is handled before more is read, and others have their turn
            return True
        return self._has_too_much()

    def _go_on_reading(self) -> None:
        if self._has_too_much():
            return
        if self.connection.has_input:
            self._came(b"")
        if not self.ended and not self._cannot_read():
            self._start_reading()

    # Writing.

    def flush(self) -> None:
        """Have what is queued written: at once where that is better, and no more than a batch of it waits."""
        if self._prompt and not self._behind:
            super().flush()
        elif self._turn is None or self._waited:  # else it is written in a turn that is due: so it is for most
            self.wake()

    def _write_at_once(self) -> None:
        super()._write_at_once()
        over = self._broken is not None or self.ended
        if self._turn is not None and self._reads and not (over or self._left or self.connection.has_output):
            self._turn.cancel()  # an acknowledgement was due, and went with the message
            self._turn = None

    def _do(self) -> None:
        """Write what there is, as far as that goes, and read on where there is room."""
        self._turn = None
        if self._broken is not None:
            self._end_broken(self._broken)
            return
        if self._coalesce and not self._waited and self._is_little():
            self._waited = True
            self._turn = self._loop.call_later(self._coalesce, self._guard, self._do)
            return
        self._waited = False
        if not self._writes:
            self._write()
        if self.ended:
            self._take_events()
        elif not self._reads:
            self._go_on_reading()

    def _answer(self) -> None:
        """Write the next step of a handshake now, which saves a turn of the loop for each."""
        if self._turn is None and not self._writes:
            self._write()
        else:
            super()._answer()

    def _write(self) -> None:
        pieces, self._left = self._left or self._output(), []
        try:
            self._left = self._socket.send_now(pieces) if pieces else []
        except ConnectionLost as error:
            self._end_broken(error)
            return
        self._take_events()  # all nonces may have been used up
        if self._left:
            self._go_on_writing()
            return
        self._stop_writing()
        if pieces:
            self._tell_room()
        self._behind = bool(pieces) and self.connection.has_output
        if self._behind:
            self.wake()  # after those who fill what was emptied: or channels would run dry in one go
        elif isinstance(self.connection.state, Parting):
            self._take_leave()

    def _go_on_writing(self) -> None:
        """Write again when there is room in the socket."""
        if not self._writes:
            self._loop.add_writer(self._descriptor, self._guard, self._write)
            self._writes = True

    def _stop_writing(self) -> None:
        if self._writes:
            self._loop.remove_writer(self._descriptor)
            self._writes = False

    def _take_leave(self) -> None:
        """Tell a peer whose handshake failed that all is said: it need not wait for more, nor we for long (NODE-8)."""
        self._set_timer()
        try:
            self._socket.finish_now()
        except ConnectionLost as error:
            self.end(error)

    # The clock.

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self.connection.next_deadline
        if deadline is not None and self._running:
            self._timer = self._loop.call_later(deadline - self.runtime.clock(), self._guard, self._late)

    def _late(self) -> None:
        self.connection.handle_deadline(now=self.runtime.clock())
        self._take_events()
        self.wake()  # there may be a keepalive to write
        self._set_timer()
