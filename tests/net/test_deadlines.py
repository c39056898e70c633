"""A handshake has one deadline as a whole, at both ends; the error names the step that was waited for."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, suppress
from itertools import chain, repeat

import anyio
import anyio.abc
import pytest

import msgr
from msgr import Runtime, TimedOut, Timeouts

from . import raw
from .leaks import until
from .world import ADMIN, BOUND, KEYRING, dialled, echoing, is_served

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

_BRIEF = Timeouts(handshake=0.15)
BEGINNINGS = {
    "silent": (b"", "in AwaitBanner, after 0 bytes"),
    "half a banner": (raw.BANNER[:13], "in AwaitBanner, after 13 bytes, in the middle of a frame"),
    "banner": (raw.BANNER, "in AwaitHello, after 26 bytes"),
    "half a hello": (raw.BANNER + raw.said(raw.HELLO)[:40], "in AwaitHello, after 66 bytes, in the middle of a frame"),
    "hello": (raw.BANNER + raw.said(raw.HELLO), "in AwaitAuthRe"),  # …quest at the server, …ply at the client
}
"""What a peer says before it falls silent, and what is told of it."""


@pytest.mark.parametrize("beginning", BEGINNINGS)
async def test_client_gives_up(beginning: str) -> None:
    says, told = BEGINNINGS[beginning]

    async def say(stream: anyio.abc.SocketStream) -> None:
        await stream.send(says)
        await raw.dropped(stream)

    async with raw.listening(say) as where:
        with anyio.fail_after(BOUND), pytest.raises(TimedOut) as caught:
            async with msgr.connect(where, name=ADMIN, auth=KEYRING, timeouts=_BRIEF):
                pass
    assert f"no session after 0.15 s: {told}" in str(caught.value)
    assert str(caught.value).endswith(" [LIMIT-3]")


@pytest.mark.parametrize("beginning", BEGINNINGS)
async def test_server_gives_up_and_serves_on(beginning: str, caplog: pytest.LogCaptureFixture) -> None:
    says, told = BEGINNINGS[beginning]
    caplog.set_level("INFO", "msgr.net")
    async with echoing(timeouts=_BRIEF) as server:
        async with raw.dial(server) as stream:
            await stream.send(says)
            await is_served(server)
            await raw.dropped(stream)
            await until(lambda: server.stats.failed == 1)
        await is_served(server)
    assert f"no session after 0.135 s: {told}" in caplog.text


async def test_progress_buys_no_time_at_the_server() -> None:
    """Byte by byte, each soon after the other: the whole still has to be there in time."""
    async with echoing(timeouts=_BRIEF) as server, raw.dial(server) as stream:
        began = time.monotonic()
        sent = await drip(stream, raw.BANNER + raw.said(raw.HELLO))
        assert 1 < sent < len(raw.BANNER)
        assert 0.1 < time.monotonic() - began < BOUND
        await until(lambda: server.stats.failed == 1)


async def test_progress_buys_no_time_at_the_client() -> None:
    sent: list[int] = []

    async def say(stream: anyio.abc.SocketStream) -> None:
        sent.append(await drip(stream, raw.BANNER + raw.said(raw.HELLO)))

    async with raw.listening(say) as where:
        with anyio.fail_after(BOUND), pytest.raises(TimedOut, match=r"in AwaitBanner, after \d+ bytes, in the middle"):
            async with msgr.connect(where, name=ADMIN, auth=KEYRING, timeouts=_BRIEF):
                pass
        await until(lambda: bool(sent))
    assert 1 < sent[0] < len(raw.BANNER)


async def drip(stream: anyio.abc.SocketStream, data: bytes) -> int:
    """Send byte by byte, slowly, until the other end has had enough; returns how many it took."""
    sent = 0

    async def send() -> None:
        nonlocal sent
        with suppress(anyio.BrokenResourceError):
            for byte in data:
                await anyio.sleep(0.015)
                await stream.send(bytes([byte]))
                sent += 1

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send)
        await raw.dropped(stream)
        tasks.cancel_scope.cancel()
    return sent


class Jumping:
    """A clock that stands still until it was looked at `after` times, and then is an hour ahead."""

    def __init__(self, after: int) -> None:
        self.times = chain(repeat(100.0, after), repeat(3700.0))

    def __call__(self) -> float:
        """Return the time."""
        return next(self.times)


async def test_the_clock_of_the_runtime_is_what_counts() -> None:
    """Nobody waits ten seconds here."""
    async with raw.listening(raw_dropped) as where:
        with anyio.fail_after(2), pytest.raises(TimedOut, match="no session after 10 s: in AwaitBanner, after 0 bytes"):
            async with msgr.connect(where, name=ADMIN, auth=KEYRING, runtime=Runtime(clock=Jumping(1))):
                pass
    async with echoing(runtime=Runtime(clock=Jumping(1))) as server, raw.dial(server) as stream:
        with anyio.fail_after(2):
            await raw.dropped(stream)


async def raw_dropped(stream: anyio.abc.SocketStream) -> None:
    """Wait in silence until the other end has had enough."""
    await raw.dropped(stream)


async def test_a_connection_that_is_not_even_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither names that nobody resolves nor hosts that do not answer are waited for longer. Demand 26."""

    async def never(*_: object, **__: object) -> None:
        await anyio.sleep_forever()

    with socket.socket() as deaf, ExitStack() as waiting:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for _ in range(4):  # more than it lets wait: who comes now has no answer at all
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(deaf.getsockname())
        for function, host in (("getaddrinfo", "localhost"), ("wait_writable", "127.0.0.1")):
            where = f"v2:{host}:{deaf.getsockname()[1]}"
            monkeypatch.setattr(anyio, function, never)
            with anyio.fail_after(BOUND), pytest.raises(TimedOut, match=rf"no connection to {where} after 0.15 s"):
                async with msgr.connect(where, name=ADMIN, auth=KEYRING, timeouts=_BRIEF):
                    pass
            monkeypatch.undo()


async def test_a_session_outlives_the_deadline() -> None:
    brief = Timeouts(handshake=0.1)
    async with echoing(timeouts=brief) as server, dialled(server, timeouts=brief) as session:
        began = time.monotonic()
        while time.monotonic() - began < 0.3:
            await session.ping()
