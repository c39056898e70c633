"""Handshakes that never end: there are never too many of them, and good clients are served meanwhile (demand 34)."""

from __future__ import annotations

import socket
from contextlib import suppress

import anyio
import anyio.abc
import pytest
from anyio.lowlevel import checkpoint

from msgr import Limits, Timeouts

from .. import raw
from ..leaks import reaches, until
from ..world import dialled, echoing, is_served, port
from .visitors import call

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


async def test_half_open_flood(flood: list[socket.socket], caplog: pytest.LogCaptureFixture) -> None:
    """There are never more than the limit; the oldest goes first; a good client gets in (LIMIT-4)."""
    caplog.set_level("INFO", "msgr.net")
    async with echoing(limits=Limits(half_open=8)) as server:
        async with dialled(server) as witness:
            for count in range(2, 42):
                flood.append(call(port(server)))
                await reaches(lambda: server.stats.accepted, count)
                assert server.stats.half_open <= 8
            await until(lambda: server.stats.failed == 32)
            await until(lambda: not any(map(raw.is_open, flood[:32])))
            assert all(map(raw.is_open, flood[32:]))
            await witness.ping()
        await is_served(server)
        assert not raw.is_open(flood[32])
        assert all(map(raw.is_open, flood[33:]))
        assert server.stats.displaced == 33
    assert "more than 8 handshakes at once; the oldest goes first [LIMIT-4]" in caplog.text


async def test_half_open_flood_all_at_once(flood: list[socket.socket]) -> None:
    """Each that is over the limit ends another one, though all come before any has had its turn."""
    async with echoing(limits=Limits(half_open=8)) as server:
        flood += [call(port(server)) for _ in range(100)]
        await until(lambda: server.stats.accepted == 100)
        await until(lambda: server.stats.failed == 92)
        await until(lambda: sum(map(raw.is_open, flood)) == 8)
        await is_served(server)


async def test_a_host_that_floods_displaces_itself_alone(
    flood: list[socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    """One host may not take all places: the oldest from there goes for its next one (ACCEPT-1)."""
    caplog.set_level("INFO", "msgr.net")
    async with echoing(limits=Limits(half_open=8, half_open_per_host=3)) as server:
        with call(port(server), "127.0.0.7") as slow:
            await reaches(lambda: server.stats.accepted, 1)
            flood += [call(port(server), "127.0.0.2") for _ in range(100)]
            await until(lambda: server.stats.displaced == 97)
            assert (server.stats.half_open, server.stats.hosts) == (4, 2)
            await until(lambda: not any(map(raw.is_open, flood[:97])))
            assert all(map(raw.is_open, flood[97:]))
            await is_served(server)
            assert raw.is_open(slow)
        await until(lambda: server.stats.hosts == 1)
    assert "more than 3 handshakes at once from 127.0.0.2; its oldest goes first [ACCEPT-1]" in caplog.text
    assert "LIMIT-4" not in caplog.text


async def test_good_clients_during_a_flood(flood: list[socket.socket]) -> None:
    """They come from the very host that floods, at the default limits, and each is served."""
    async with echoing() as server, anyio.create_task_group() as tasks:

        async def rage() -> None:
            while True:
                if (server.stats.waiting or 0) < 50:  # with the kernel's queue full, we would wait for ourselves
                    flood.append(call(port(server)))
                if len(flood) > 400:
                    flood.pop(0).close()
                await checkpoint()

        tasks.start_soon(rage)
        await until(lambda: server.stats.displaced > 0)
        for _ in range(20):
            await is_served(server)
        assert server.stats.half_open <= Limits().half_open_per_host
        tasks.cancel_scope.cancel()


async def test_slow_handshakes(caplog: pytest.LogCaptureFixture) -> None:
    """Twenty clients say one byte at a time, each in good time: all end at the deadline, and others are served."""
    caplog.set_level("INFO", "msgr.net")
    hello = raw.BANNER + raw.said(raw.HELLO)
    sent: list[int] = []

    async with echoing(timeouts=Timeouts(handshake=1.0)) as server:

        async def drip() -> None:
            async with raw.dial(server) as stream, anyio.create_task_group() as tasks:

                async def send() -> None:
                    with suppress(anyio.BrokenResourceError):
                        for byte in hello:
                            await stream.send(bytes([byte]))
                            await anyio.sleep(0.1)
                            sent.append(byte)

                tasks.start_soon(send)
                await raw.dropped(stream)
                tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(drip)
            await reaches(lambda: server.stats.half_open, 20)
            await reaches(lambda: len(sent), 20)
            await is_served(server)
            assert server.stats.late == 0
        assert server.stats.late == server.stats.failed == 20
        assert 20 < len(sent) < 20 * len(hello)
        await is_served(server)
    assert "in the middle of a frame [LIMIT-3]" in caplog.text
