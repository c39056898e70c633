"""Peers that lie: our own connection, at either end, but for one thing that it does otherwise.

A lie sits between the connection and its frames, where the keys are known, so it works in every mode, and signatures
cover what was really sent.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import anyio
import anyio.abc

from msgr.auth import Dice
from msgr.core import Connection, Limits, MessageReceived
from msgr.core.states import Ended, Ready
from msgr.core.transport import Transport
from msgr.errors import ConnectionLost, Displaced, PeerError
from msgr.frame import Frame, FrameMode, Head, Preamble
from msgr.payload import Banner
from msgr.wire import Octets

Past = list[Frame]
"""What was heard on this connection before."""


def _same(frame: Frame, _: Past) -> Iterable[Frame]:
    return (frame,)


def _heard(frame: Frame, _: Past) -> Frame | None:
    return frame


@dataclass(frozen=True, kw_only=True)
class Lie:
    """What a peer does otherwise than an honest one. Hooks that raise PeerError end the connection."""

    forgives: frozenset[str] = frozenset()
    """Rules whose breach does not end the connection: it stays open, and silent."""
    reads: Callable[[bytes], object] = lambda _: None
    """Sees what came in, by the piece."""
    banner: Callable[[bytes], bytes] = lambda data: data
    hears_banner: Callable[[Banner, int], object] = lambda banner, size: None
    head: Callable[[bytes], object] = lambda data: None
    """Sees the preamble of each frame that comes in."""
    hears: Callable[[Frame, Past], Frame | None] = _heard
    says: Callable[[Frame, Past], Iterable[Frame]] = _same
    seals: Callable[[Frame, bytes], bytes] = lambda frame, data: data
    mode: Callable[[FrameMode], FrameMode] = lambda mode: mode
    dice: Dice = secrets.token_bytes
    deaf: bool = False
    """Takes no notice when the other end of the stream ends."""
    clings: bool = False
    """Keeps a connection open whose session has gone on over another."""
    sees_error: Callable[[PeerError | None], object] = lambda _: None


HONEST = Lie()


class _Watched:
    """A mode whose frames a lie sees on their way."""

    def __init__(self, mode: FrameMode, lie: Lie) -> None:
        self._mode = mode
        self._lie = lie

    @property
    def head_size(self) -> int:
        return self._mode.head_size

    def seal(self, frame: Frame) -> list[Octets]:
        return [self._lie.seals(frame, b"".join(bytes(piece) for piece in self._mode.seal(frame)))]

    def open_head(self, data: bytes) -> Head:
        head = self._mode.open_head(data)
        if self.head_size == 32 and head.verified:
            self._lie.head(data)
        return head

    def open_body(self, head: Head, body: memoryview) -> Frame:
        return self._mode.open_body(head, body)


class LyingTransport(Transport):
    """The transport of a connection that lies."""

    __slots__ = ("lie", "past")

    def __init__(self, limits: Limits, admit: Callable[[Preamble], None], lie: Lie) -> None:
        super().__init__(limits, admit)
        self.lie = lie
        self.past: Past = []

    @property
    def mode(self) -> FrameMode:
        return self._decoder.mode

    @mode.setter
    def mode(self, mode: FrameMode) -> None:
        self._decoder.mode = _Watched(self.lie.mode(mode), self.lie)

    def send_banner(self, own: Banner) -> None:
        self._queue([self.lie.banner(own.to_wire())])

    def next_banner(self, limits: Limits) -> Banner | None:
        before = self._decoder.pending
        banner = super().next_banner(limits)
        if banner is not None:
            self.lie.hears_banner(banner, before - self._decoder.pending)
        return banner

    def next_frame(self) -> Frame | None:
        while (frame := super().next_frame()) is not None:
            heard = self.lie.hears(frame, self.past)
            self.past.append(frame)
            if heard is not None:
                return heard
        return None

    def send(self, frame: Frame) -> int:
        return sum(super(LyingTransport, self).send(each) for each in self.lie.says(frame, self.past))

    def send_batch(self, pull: Callable[[], Frame | None], budget: int) -> None:
        while budget > 0 and (frame := pull()) is not None:
            budget -= self.send(frame)


def lying(make: Callable[[Dice], Connection], lie: Lie) -> Connection:
    """Return a connection that lies."""
    connection = make(lie.dice)
    context: Any = connection._context
    context.transport = LyingTransport(context.config.limits, connection._admit, lie)
    return connection


@dataclass
class Play:
    """One connection over one stream; messages that come are sent back, if it is to echo."""

    connection: Connection
    stream: anyio.abc.ByteStream
    lie: Lie
    echo: bool = True
    ready: Callable[[Connection], Awaitable[None]] | None = None
    over: anyio.Event = field(default_factory=anyio.Event)
    _told: bool = False

    async def run(self) -> None:
        """Play to the end; the stream is closed then."""
        self.connection.woken = self._woken
        self.connection.start(now=time.monotonic(), wall=time.time())
        async with self.stream, anyio.create_task_group() as tasks:
            tasks.start_soon(self._read_on)
            tasks.start_soon(self._watch)
            await self.over.wait()
            tasks.cancel_scope.cancel()

    def _woken(self) -> None:
        if isinstance(self.connection.state, Ended):
            self._end()

    def _end(self) -> None:
        state = self.connection.state
        error = state.error if isinstance(state, Ended) else None
        self.lie.sees_error(error if isinstance(error, PeerError) else None)
        forgiven = isinstance(error, PeerError) and error.rule in self.lie.forgives
        if not forgiven and not (self.lie.clings and isinstance(error, Displaced)):
            self.over.set()

    async def _watch(self) -> None:
        while (deadline := self.connection.next_deadline) is not None:
            # It may come sooner by then: whoever says why not does not wait for long (NODE-8).
            await anyio.sleep(min(max(deadline - time.monotonic(), 0.01), 0.2))
            if isinstance(self.connection.state, Ready):
                return
            self.connection.handle_deadline(now=time.monotonic())
            if isinstance(self.connection.state, Ended):
                self._end()

    async def _read_on(self) -> None:
        with suppress(anyio.BrokenResourceError):
            while True:
                await self._write()
                try:
                    data = await self.stream.receive()
                except anyio.EndOfStream:
                    if self.lie.deaf:
                        await anyio.sleep_forever()
                    break
                if isinstance(self.connection.state, Ended):
                    continue
                try:
                    self.lie.reads(data)
                except PeerError:
                    break
                self.connection.receive_data(data, now=time.monotonic())
                await self._write()
                if isinstance(self.connection.state, Ended):
                    self._end()
        if not isinstance(self.connection.state, Ended):
            self.connection.lose(ConnectionLost("the stream ended"))
        self.over.set()

    async def _write(self) -> None:
        while (event := self.connection.next_event()) is not None:
            if isinstance(event, MessageReceived) and self.echo and isinstance(self.connection.state, Ready):
                self.connection.send_message(replace(event.message, seq=0))
        if isinstance(self.connection.state, Ready) and self.ready is not None and not self._told:
            self._told = True
            await self.ready(self.connection)
        while pieces := self.connection.data_to_send():
            await self.stream.send(b"".join(pieces))
