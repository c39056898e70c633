"""Two byte streams, and chaos between them."""

from __future__ import annotations

from random import Random
from typing import Final

import anyio
import anyio.abc
from anyio.lowlevel import checkpoint

from .chaos import Chaos, ChaosStats, Cut, Delay, Merge, Piece, Script

_READ_SIZE: Final = 64 << 10


class ChaosLink:
    """Passes bytes on between two streams, which it owns, and does to them what a script says.

    `near` is the end that dialled. `number` tells apart the links of one seed. An end that has a method `reset` can be
    cut with an RST; one that has none is closed.
    """

    def __init__(
        self,
        near: anyio.abc.ByteStream,
        far: anyio.abc.ByteStream,
        chaos: Chaos | None = None,
        *,
        number: int = 0,
        stats: ChaosStats | None = None,
    ) -> None:
        self.chaos = chaos or Chaos()
        self.stats = stats or ChaosStats()
        self.number = number
        self._ends = (near, far)
        self._over = anyio.Event()
        self._going = anyio.Event()
        self._going.set()
        self._reset = False

    @property
    def over(self) -> bool:
        """Whether it was cut, or has ended by itself."""
        return self._over.is_set()

    def cut(self, *, reset: bool = False) -> None:
        """End the connection now, towards both ends: with a FIN, or with an RST. What is on its way is lost."""
        if not self.over:
            self.stats.cuts += 1
            self.stats.resets += reset
            self._end(reset=reset)

    def stall(self) -> None:
        """Pass nothing on until `resume`, and tell nobody, as a dead network does."""
        self._going = anyio.Event()

    def resume(self) -> None:
        """Go on where `stall` stopped."""
        self._going.set()

    async def run(self) -> None:
        """Pass bytes on until both ends have finished, or until it is cut. Cancelling it closes both ends."""
        near, far = self._ends
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._relay_both, near, far)
                if self.chaos.cuts_per_second:
                    tasks.start_soon(self._doom)
                await self._over.wait()
                tasks.cancel_scope.cancel()
        finally:
            self._over.set()
            with anyio.CancelScope(shield=True):
                for end in self._ends:
                    await self._close(end)

    async def _close(self, end: anyio.abc.ByteStream) -> None:
        reset = getattr(end, "reset", None)
        if self._reset and reset is not None:
            reset()
        else:
            await anyio.aclose_forcefully(end)

    def _end(self, *, reset: bool) -> None:
        if not self.over:
            self._reset = reset
            self._over.set()

    async def _doom(self) -> None:
        dice = Random(f"{self.chaos.seed}/{self.number}/time")
        await anyio.sleep(dice.expovariate(self.chaos.cuts_per_second))
        self.cut(reset=dice.random() < self.chaos.reset_share)

    async def _relay_both(self, near: anyio.abc.ByteStream, far: anyio.abc.ByteStream) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._relay, near, far, Script(self.chaos, connection=self.number, way=0))
            tasks.start_soon(self._relay, far, near, Script(self.chaos, connection=self.number, way=1))
        self._end(reset=False)

    async def _relay(self, source: anyio.abc.ByteStream, sink: anyio.abc.ByteStream, script: Script) -> None:
        """Pass on one direction, with its end."""
        try:
            kept = b""
            while True:
                data = await source.receive(_READ_SIZE) if not kept else await self._receive_soon(source)
                await self._going.wait()
                kept = await self._pass_on(sink, script, kept, data)
        except anyio.EndOfStream:
            await self._going.wait()
            await self._finish(sink)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            await self._going.wait()
            self._end(reset=True)  # one end was reset, so the other is too

    async def _receive_soon(self, source: anyio.abc.ByteStream) -> bytes:
        """Return what comes within a moment: nothing if nothing does, nor at the end, which is met again."""
        with anyio.move_on_after(self.chaos.longest_merge):
            try:
                return await source.receive(_READ_SIZE)
            except anyio.EndOfStream:
                return b""
        return b""

    async def _pass_on(self, sink: anyio.abc.ByteStream, script: Script, kept: bytes, data: bytes) -> bytes:
        """Send `kept` and `data` as the script says; returns what is to be kept until more is there."""
        merging = False
        joined = bytearray(kept)
        for step in script.feed(data):
            if isinstance(step, Piece):
                joined += step.data
                continue
            if isinstance(step, Merge):
                self.stats.merges += 1
                merging = True
                continue
            await self._send(sink, joined)
            if isinstance(step, Cut):
                self.cut(reset=step.reset)
                await anyio.sleep_forever()  # until `run` ends this
            elif isinstance(step, Delay):
                self.stats.delays += 1
                await anyio.sleep(step.seconds)
            else:
                self.stats.splits += 1
                await checkpoint()
        self.stats.corruptions += script.corruptions
        script.corruptions = 0
        if merging and joined:
            return bytes(joined)
        await self._send(sink, joined)
        return b""

    async def _send(self, sink: anyio.abc.ByteStream, data: bytearray) -> None:
        if data:
            await sink.send(bytes(data))
            self.stats.bytes += len(data)
            data.clear()

    async def _finish(self, sink: anyio.abc.ByteStream) -> None:
        try:
            await sink.send_eof()
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            self._end(reset=True)
