"""An accept loop that cannot die.

Loops that ended, or stalled for ever, over one connection that had gone before it was accepted, or over descriptors
that had run out, are a family: anyio's own `SocketListener.serve` (at the first EMFILE), paritytech/litep2p 285 and
439, tokio-rs/turmoil 224, rpyc 322, openethereum 9656, ceph 23306 and 39244 (crimson).
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator

import anyio
import pytest
from anyio.lowlevel import checkpoint

from msgr import Limits
from msgr.errors import ConfigError, ConnectFailed
from msgr.net.bell import Bell
from msgr.net.listener import accept_forever, listen
from msgr.wire import Endpoint

from . import raw
from .leaks import Resources, close_wait, reaches, until
from .streams import CUTS, Cut, cut
from .world import BOUND, dialled, echoing, is_served, port

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


def visit(number: int, how: Cut) -> None:
    """Connect, and go at once: the kernel makes connections whether or not anybody accepts."""
    with socket.create_connection(("127.0.0.1", number)) as visitor:
        cut(visitor, how)


@pytest.mark.parametrize("how", CUTS)
async def test_gone_before_they_are_accepted(how: Cut) -> None:
    """They connect and close while the loop has no turn; it finds 200 of them, and the good client after."""
    async with echoing() as server:
        for _ in range(200):
            visit(port(server), how)
        await is_served(server)
        await until(lambda: server.stats.failed == server.stats.accepted - 1)
        if how == "FIN":
            assert server.stats.failed == 200
        await until(lambda: close_wait(port(server)) == 0)


async def test_two_thousand_come_and_go() -> None:
    async with echoing() as server:
        await is_served(server)
        before = Resources.now()
        for round_ in range(20):
            for visitor in range(100):
                visit(port(server), CUTS[(round_ + visitor) % 2])
            await is_served(server)
        await until(lambda: server.stats.ready + server.stats.failed == server.stats.accepted)
        assert server.stats.accepted > 1000
        await before.again()
        assert close_wait(port(server)) == 0


@pytest.fixture
def flood() -> Iterator[list[socket.socket]]:
    """Sockets, closed afterwards."""
    sockets: list[socket.socket] = []
    yield sockets
    for opened in sockets:
        opened.close()


async def test_half_open_flood(flood: list[socket.socket], caplog: pytest.LogCaptureFixture) -> None:
    """There are never more than the limit; the oldest goes first; a good client gets in."""
    caplog.set_level("INFO", "msgr.net")
    async with echoing(limits=Limits(half_open=8)) as server:
        async with dialled(server) as witness:
            for count in range(2, 42):
                opened = socket.create_connection(("127.0.0.1", port(server)))
                opened.setblocking(False)
                flood.append(opened)
                await reaches(lambda: server.stats.accepted, count)
            await until(lambda: server.stats.failed == 32)
            await until(lambda: not any(map(raw.is_open, flood[:32])))
            assert all(map(raw.is_open, flood[32:]))
            await witness.ping()
        await is_served(server)
        assert not raw.is_open(flood[32])
        assert all(map(raw.is_open, flood[33:]))
    assert "more than 8 handshakes at once; the oldest goes first [LIMIT-4]" in caplog.text
    for opened in flood:
        opened.close()


async def test_half_open_flood_all_at_once(flood: list[socket.socket]) -> None:
    """Each that is over the limit ends another one, though all come before any has had its turn."""
    async with echoing(limits=Limits(half_open=8)) as server:
        for _ in range(100):
            opened = socket.create_connection(("127.0.0.1", port(server)))
            opened.setblocking(False)
            flood.append(opened)
        await until(lambda: server.stats.accepted == 100)
        await until(lambda: server.stats.failed == 92)
        await until(lambda: sum(map(raw.is_open, flood)) == 8)
        await is_served(server)
    for opened in flood:
        opened.close()


class Moody(socket.socket):
    """A listening socket whose `accept` fails as it is told."""

    moods: list[int]
    attempts: int

    def accept(self) -> tuple[socket.socket, object]:
        """Accept, or fail."""
        self.attempts += 1
        if self.moods:
            number = self.moods.pop(0)
            raise OSError(number, os.strerror(number))
        return super().accept()


@pytest.fixture
def moody() -> Iterator[Moody]:
    """A moody socket that listens."""
    with Moody(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.moods, listening.attempts = [], 0
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.setblocking(False)
        yield listening


HARMLESS = [errno.ECONNABORTED, errno.EPERM, errno.EPROTO, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ETIMEDOUT]
SHORT = [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM]


@pytest.mark.parametrize("number", HARMLESS + SHORT, ids=lambda number: errno.errorcode[number])
async def test_any_error_of_accept(number: int, moody: Moody, caplog: pytest.LogCaptureFixture) -> None:
    """The loop goes on, at once or after a pause; a pause is logged once, and so is its end."""
    moody.moods = [number] * 3
    welcomed: list[socket.socket] = []
    released = Bell()
    with socket.create_connection(moody.getsockname()):
        async with anyio.create_task_group() as tasks:

            async def run() -> None:
                await accept_forever(
                    moody, lambda connected, _: welcomed.append(connected), full=lambda: False, released=released
                )

            tasks.start_soon(run)
            if number in SHORT:
                for attempt in (1, 2, 3):
                    await reaches(lambda: moody.attempts, attempt)
                    released.ring()
            await until(lambda: bool(welcomed))
            tasks.cancel_scope.cancel()
    welcomed[0].close()
    assert moody.attempts == 4
    warnings = [record.getMessage() for record in caplog.records]
    if number in SHORT:
        assert warnings == [f"accepting pauses: {os.strerror(number)}", "accepting goes on after 3 pauses"]
    else:
        assert warnings == []


async def test_a_broken_listening_socket_is_an_error(moody: Moody) -> None:
    moody.moods = [errno.EINVAL]
    with socket.create_connection(moody.getsockname()), pytest.raises(OSError, match="Invalid argument"):
        await accept_forever(moody, lambda *_: None, full=lambda: False, released=Bell())


async def test_a_pause_ends_by_itself(moody: Moody) -> None:
    """Nobody rings here."""
    moody.moods = [errno.EMFILE]
    with anyio.move_on_after(BOUND) as scope, socket.create_connection(moody.getsockname()):

        def welcome(connected: socket.socket, _: object) -> None:
            connected.close()
            scope.cancel()

        await accept_forever(moody, welcome, full=lambda: False, released=Bell())
    assert moody.attempts == 2


async def test_a_connection_gone_before_its_name_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking a fresh socket for anything may fail; that is the socket's own trouble."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    async with echoing("v2:0.0.0.0:0") as server:
        with monkeypatch.context() as patch:
            patch.setattr("msgr.net.acceptor.SocketStream", fail)
            for _ in range(3):
                visit(port(server), "FIN")
            await until(lambda: server.stats.failed == 3)
        await is_served(server)


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
