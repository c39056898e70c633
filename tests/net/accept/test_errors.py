"""Whatever `accept` raises, the loop goes on: at once, or after a rest where that alone can help (demands 52, 53)."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.lowlevel import checkpoint

from msgr.errors import ConfigError, ConnectFailed
from msgr.net.bell import Bell
from msgr.net.listener import Tally, accept_forever, listen
from msgr.testing import HandClock
from msgr.wire import Endpoint

from ..leaks import Resources, reaches, until
from ..world import BOUND
from .visitors import Moody

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

HARMLESS = [errno.ECONNABORTED, errno.EPERM, errno.EPROTO, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ETIMEDOUT]
SHORT = [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM]


@asynccontextmanager
async def accepting(moody: Moody, released: Bell, tally: Tally) -> AsyncIterator[list[socket.socket]]:
    """Run a loop at a socket; yields what it accepts."""
    welcomed: list[socket.socket] = []

    async def run() -> None:
        await accept_forever(
            moody, lambda new, _: welcomed.append(new), full=lambda: False, released=released, tally=tally
        )

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        yield welcomed
        tasks.cancel_scope.cancel()
    for accepted in welcomed:
        accepted.close()


@pytest.mark.parametrize("number", HARMLESS + SHORT, ids=lambda number: errno.errorcode[number])
async def test_any_error_of_accept(number: int, moody: Moody, caplog: pytest.LogCaptureFixture) -> None:
    """The loop goes on, at once or after a pause; a pause is logged once, and so is its end (demand 52)."""
    moody.moods = [number] * 3
    released, tally = Bell(), Tally()
    host, where = moody.getsockname()
    with socket.create_connection((host, where)):
        async with accepting(moody, released, tally) as welcomed:
            if number in SHORT:
                for attempt in (1, 2, 3):
                    await reaches(lambda: moody.attempts, attempt)
                    assert tally.pausing
                    released.ring()
            await until(lambda: bool(welcomed))
    assert moody.attempts == 4
    warnings = [record.getMessage() for record in caplog.records]
    if number in SHORT:
        assert warnings == [
            f"{host} port {where}: accepting pauses: {os.strerror(number)}",
            f"{host} port {where}: accepting goes on after 3 pauses",
        ]
        assert tally == Tally(aborted=0, pauses=3)
    else:
        assert warnings == []
        assert tally == Tally(aborted=3)


async def test_an_error_that_does_not_end_is_rested_from(moody: Moody, caplog: pytest.LogCaptureFixture) -> None:
    """What fails a hundred times in a row is no matter of one connection; the loop does not spin over it."""
    moody.moods = [errno.EPERM] * 101
    tally = Tally()
    with socket.create_connection(moody.getsockname()):
        async with accepting(moody, Bell(), tally) as welcomed:
            await until(lambda: bool(welcomed))
    assert tally == Tally(aborted=100, pauses=1)
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "accepting pauses: Operation not permitted",
        "accepting goes on after 1 pauses",
    ]


async def test_many_pauses_are_logged_once(moody: Moody, caplog: pytest.LogCaptureFixture) -> None:
    """Where descriptors are scarce, each that comes free ends a pause, and begins the next (demand 53)."""
    released, tally = Bell(), Tally()
    clock = HandClock().monotonic
    welcomed: list[socket.socket] = []

    async def run() -> None:
        await accept_forever(
            moody, lambda new, _: welcomed.append(new), full=lambda: False, released=released, tally=tally, clock=clock
        )

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        for pause in range(1, 51):
            moody.moods = [errno.EMFILE]
            with socket.create_connection(moody.getsockname()):
                await until(lambda pause=pause: tally.pauses == pause)  # type: ignore[misc]
                released.ring()
                await reaches(lambda: len(welcomed), pause)
            welcomed[-1].close()
        tasks.cancel_scope.cancel()
    assert len(caplog.records) == 2


async def test_a_broken_listening_socket_is_an_error(moody: Moody) -> None:
    moody.moods = [errno.EINVAL]
    with socket.create_connection(moody.getsockname()), pytest.raises(OSError, match="Invalid argument"):
        await accept_forever(moody, lambda *_: None, full=lambda: False, released=Bell())


async def test_a_connection_that_vanished(moody: Moody) -> None:
    """Readiness is a hint; nothing is counted, and nothing lost, where nobody is there."""
    moody.moods = [errno.EAGAIN] * 2
    tally = Tally()
    with socket.create_connection(moody.getsockname()):
        async with accepting(moody, Bell(), tally) as welcomed:
            await until(lambda: bool(welcomed))
    assert tally == Tally()


async def test_a_pause_ends_by_itself(moody: Moody) -> None:
    """Nobody rings here."""
    moody.moods = [errno.EMFILE]
    with anyio.move_on_after(BOUND) as scope, socket.create_connection(moody.getsockname()):

        def welcome(connected: socket.socket, _: object) -> None:
            connected.close()
            scope.cancel()

        await accept_forever(moody, welcome, full=lambda: False, released=Bell())
    assert moody.attempts == 2


async def test_waiting_for_room_costs_no_turns(moody: Moody) -> None:
    """While nobody takes the sessions, the loop sleeps, though there is somebody to accept."""
    full = True
    looked = 0

    def is_full() -> bool:
        nonlocal looked
        looked += 1
        return full

    released = Bell()
    welcomed: list[socket.socket] = []
    with socket.create_connection(moody.getsockname()):
        async with anyio.create_task_group() as tasks:

            async def run() -> None:
                await accept_forever(moody, lambda new, _: welcomed.append(new), full=is_full, released=released)

            tasks.start_soon(run)
            await until(lambda: looked == 1)
            for _ in range(100):
                await checkpoint()
            assert (looked, moody.attempts) == (1, 0)
            full = False
            released.ring()
            await until(lambda: bool(welcomed))
            tasks.cancel_scope.cancel()
    welcomed[0].close()


async def test_listening_where_nobody_can(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was opened before the error is closed again."""
    before = Resources.now()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]

        async def two(*_: object, **__: object) -> list[object]:
            free = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", number))
            return [free, (*free[:4], ("127.0.0.1", number))]

        async def nothing(*_: object, **__: object) -> list[object]:
            return []

        monkeypatch.setattr(anyio, "getaddrinfo", two)
        with pytest.raises(ConfigError, match=rf"cannot listen at some\.example port {number}: Address already in use"):
            await listen(Endpoint.parse(f"v2:some.example:{number}"))
        monkeypatch.setattr(anyio, "getaddrinfo", nothing)
        with pytest.raises(ConnectFailed, match="has no address"):
            await listen(Endpoint.parse("v2:some.example:0"))
    await before.again()
