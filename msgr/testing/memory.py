"""Two byte streams that are connected in memory."""

from __future__ import annotations

from typing import Final

import anyio
import anyio.abc
from anyio.lowlevel import checkpoint

_CAPACITY: Final = 64 << 10


class _Pipe:
    """One direction: bytes on their way, bounded."""

    __slots__ = ("broken", "capacity", "changed", "data", "finished")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.data = bytearray()
        self.finished = False
        """Whether nothing more is written."""
        self.broken = False
        """Whether the bytes lead nowhere, or come from nowhere."""
        self.changed = anyio.Event()

    def change(self) -> None:
        """Wake both ends."""
        self.changed.set()
        self.changed = anyio.Event()


class MemoryStream(anyio.abc.ByteStream):
    """One end of a pair. It behaves as a socket does: writers wait while `capacity` bytes are on their way."""

    def __init__(self, inbound: _Pipe, outbound: _Pipe) -> None:
        self._inbound = inbound
        self._outbound = outbound
        self._closed = False

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Return up to `max_bytes`; raises EndOfStream, BrokenResourceError and ClosedResourceError."""
        await checkpoint()
        pipe = self._inbound
        while True:
            if self._closed:
                raise anyio.ClosedResourceError
            if pipe.broken:
                raise anyio.BrokenResourceError
            if pipe.data:
                break
            if pipe.finished:
                raise anyio.EndOfStream
            await pipe.changed.wait()
        data = bytes(pipe.data[:max_bytes])
        del pipe.data[: len(data)]
        pipe.change()
        return data

    async def send(self, item: bytes) -> None:
        """Write all of `item`; raises BrokenResourceError, ClosedResourceError. Cancelling it leaves part written."""
        await checkpoint()
        pipe = self._outbound
        rest = memoryview(item)
        while True:
            if self._closed:
                raise anyio.ClosedResourceError
            if pipe.broken or pipe.finished:
                raise anyio.BrokenResourceError
            room = max(0, pipe.capacity - len(pipe.data))
            if room and rest:
                pipe.data += rest[:room]
                rest = rest[room:]
                pipe.change()
            if not rest:
                return
            await pipe.changed.wait()

    async def send_eof(self) -> None:
        """Tell the other end that nothing more comes."""
        self._outbound.finished = True
        self._outbound.change()
        await checkpoint()

    async def aclose(self) -> None:
        """Close both directions; what was written can still be read at the other end."""
        self._closed = True
        self._outbound.finished = True
        self._inbound.broken = True
        self._outbound.change()
        self._inbound.change()
        await checkpoint()

    def reset(self) -> None:
        """Break both directions at once, as an RST does: what was on its way is lost."""
        self._closed = True
        for pipe in (self._inbound, self._outbound):
            pipe.broken = True
            pipe.data.clear()
            pipe.change()


def memory_pair(*, capacity: int = _CAPACITY) -> tuple[MemoryStream, MemoryStream]:
    """Return the two ends of a connection in memory, of which at most `capacity` bytes are on their way each way.

    ::

        ours, theirs = memory_pair()
        async with accept(theirs, "v2:127.0.0.1:1", name="mon.a", auth=None) as session: ...
        async with connect("v2:127.0.0.1:1", name="client.a", auth=None, stream=ours) as session: ...
    """
    there, back = _Pipe(capacity), _Pipe(capacity)
    return MemoryStream(back, there), MemoryStream(there, back)
