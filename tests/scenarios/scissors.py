"""A proxy that cuts one connection after a number of bytes, exactly, and leaves all others alone."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final

import anyio
import anyio.abc

from msgr.testing.sockets import RawStream

_READ_SIZE: Final = 64 << 10


@unique
class Way(IntEnum):
    """A direction of a connection."""

    TO_ACCEPTOR = 0
    TO_DIALLER = 1


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a connection is cut: when so many bytes have gone that way, with a FIN or with an RST."""

    way: Way
    offset: int
    reset: bool = False


class Scissors:
    """Listens on loopback and passes connections on to `port`; cuts the next one where it is told.

    What one end wrote before the cut and the other was not to get is lost. Bytes the other way are passed on as they
    come, up to the cut.
    """

    def __init__(self) -> None:
        self.port = 0
        self.next_cut: Cut | None = None
        """Holds for the next connection alone."""
        self.cuts = 0
        self.carried = [0, 0]
        """The bytes of the latest connection, each way."""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.setblocking(False)

    @property
    def address(self) -> str:
        """Its own address."""
        return f"v2:127.0.0.1:{self._listening.getsockname()[1]}"

    async def run(self) -> None:
        """Pass connections on until it is cancelled."""
        try:
            async with anyio.create_task_group() as tasks:
                while True:
                    await anyio.wait_readable(self._listening)
                    near, _ = self._listening.accept()
                    far = socket.create_connection(("127.0.0.1", self.port))  # loopback: this does not block
                    self.carried = [0, 0]
                    cut, self.next_cut = self.next_cut, None
                    tasks.start_soon(self._carry_all, (RawStream(near), RawStream(far)), self.carried, cut)
        finally:
            anyio.notify_closing(self._listening)
            self._listening.close()

    async def _carry_all(self, ends: tuple[RawStream, RawStream], carried: list[int], cut: Cut | None) -> None:
        """Carry one connection to its end."""
        near, far = ends
        try:
            async with anyio.create_task_group() as tasks:
                for way, source, sink in ((Way.TO_ACCEPTOR, near, far), (Way.TO_DIALLER, far, near)):
                    limit = cut.offset if cut is not None and cut.way is way else None
                    tasks.start_soon(self._carry, (way, source, sink), carried, limit, tasks.cancel_scope)
        finally:
            rude = cut is not None and cut.reset and carried[cut.way] == cut.offset
            for end in ends:
                if rude:
                    end.reset()
                else:
                    await anyio.aclose_forcefully(end)

    async def _carry(
        self,
        direction: tuple[Way, RawStream, RawStream],
        carried: list[int],
        limit: int | None,
        connection: anyio.CancelScope,
    ) -> None:
        """Carry one direction to its end, which is that of the connection, or to the cut."""
        way, source, sink = direction
        try:
            while limit is None or carried[way] < limit:
                data = await source.receive(_READ_SIZE if limit is None else min(_READ_SIZE, limit - carried[way]))
                await sink.send(data)
                carried[way] += len(data)
            self.cuts += 1
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            pass
        connection.cancel()


@asynccontextmanager
async def scissors() -> AsyncIterator[Scissors]:
    """Hold a pair of scissors that runs."""
    held = Scissors()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(held.run)
        yield held
        tasks.cancel_scope.cancel()
