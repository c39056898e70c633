"""Those who have gone before anybody looked at them do not stop the accept loop (demands 28, 52, 59, 60).

Loops that ended, or stalled for ever, over one connection that had gone before it was accepted, or over descriptors
that had run out, are a family: anyio's own `SocketListener.serve` (at the first EMFILE), paritytech/litep2p 285 and
439, tokio-rs/turmoil 224, rpyc 322, openethereum 9656, ceph 23306 and 39244 (crimson).
"""

from __future__ import annotations

import errno
import socket

import pytest

from msgr.doctor.tables import overflows

from ..leaks import Resources, close_wait, until
from ..streams import CUTS, Cut
from ..world import echoing, is_served, port
from .visitors import HERE, call, visit

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


@pytest.mark.parametrize("how", CUTS)
async def test_gone_before_they_are_accepted(how: Cut) -> None:
    """They connect and close while the loop has no turn; it finds them, and the good client after (demand 52)."""
    async with echoing() as server:
        for _ in range(200):
            visit(port(server), how)
        await is_served(server)
        await until(lambda: server.stats.failed == server.stats.accepted - 1)
        if how == "FIN":
            assert server.stats.failed == 200
        await until(lambda: close_wait(port(server)) == 0)


async def test_recipe_of_the_accept_loop_that_stalled(flood: list[socket.socket]) -> None:
    """The steps by which Tentacle's handshakes came to time out (demand 59; its family is above, demand 60).

    Clients connect while nobody accepts, and close: the server's sockets are in CLOSE_WAIT. More come, until the
    kernel's queue is full and it drops them. A loop that stops at the first of these serves nobody ever again.
    """
    dropped = overflows()
    async with echoing() as server:
        await is_served(server)
        for _ in range(700):  # more than the backlog
            calling = socket.socket()
            calling.setblocking(False)
            assert calling.connect_ex((HERE, port(server))) == errno.EINPROGRESS
            flood.append(calling)
        waiting = server.stats.waiting
        assert waiting is not None
        assert waiting > 500
        for calling in flood:
            calling.close()
        assert close_wait(port(server)) >= waiting
        now = overflows()
        assert dropped is not None
        assert now is not None
        assert now > dropped
        await until(lambda: server.stats.failed >= waiting)
        assert close_wait(port(server)) == 0
        await is_served(server)
        assert server.stats.waiting == 0


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


async def test_gone_before_its_name_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking a fresh socket for anything may fail; that is the socket's own trouble (demand 28)."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    async with echoing("v2:0.0.0.0:0") as server:
        with monkeypatch.context() as patch:
            patch.setattr("msgr.net.acceptor.SocketStream", fail)
            for _ in range(3):
                visit(port(server), "FIN")
            await until(lambda: server.stats.failed == 3)
        await is_served(server)


async def test_reset_before_its_name_was_asked(flood: list[socket.socket]) -> None:
    """A real one: `getpeername` fails for a socket that was reset, and the loop has no need of it (demand 28)."""
    with socket.create_server((HERE, 0)) as listening:
        visit(listening.getsockname()[1], "RST")
        accepted, sockaddr = listening.accept()
        flood.append(accepted)
        with pytest.raises(OSError, match="not connected"):
            accepted.getpeername()
        assert sockaddr[0] == HERE
    async with echoing("v2:0.0.0.0:0") as server:
        for _ in range(20):
            visit(port(server), "RST")
        await is_served(server)
        await until(lambda: server.stats.failed == 20)


async def test_a_connection_that_comes_without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some systems tell no address where the other end has gone (demand 28)."""
    genuine = socket.socket.accept
    anonymous = 3

    def accept(listening: socket.socket) -> tuple[socket.socket, object]:
        nonlocal anonymous
        connected, sockaddr = genuine(listening)
        anonymous -= 1
        return connected, sockaddr if anonymous < 0 else None

    monkeypatch.setattr(socket.socket, "accept", accept)
    async with echoing() as server:
        for _ in range(3):
            visit(port(server), "FIN")
        await until(lambda: server.stats.failed == 3)
        await is_served(server)


async def test_a_fault_of_our_own_is_one_connections(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever else is raised over a fresh connection ends that one, and is logged (demand 52)."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a fault")

    async with echoing() as server:
        with monkeypatch.context() as patch:
            patch.setattr("msgr.net.acceptor.Connection", fail)
            with call(port(server)) as calling:
                await until(lambda: bool(caplog.records))
                await until(lambda: calling.recv(1) == b"")
        await is_served(server)
    assert [record.getMessage() for record in caplog.records] == ["a fault ended a fresh connection"]
