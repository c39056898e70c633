"""A host with several addresses: all are tried, and one that does not answer holds up no other (demand 83)."""

from __future__ import annotations

import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio
import anyio.lowlevel
import pytest

from msgr.errors import ConnectFailed
from msgr.net.dial import dial
from msgr.wire import Endpoint

from ..world import BOUND, dialled, echoing, port
from .visitors import HERE

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

NO_FAMILY = 99
"""One that no system knows."""


@asynccontextmanager
async def known_as(monkeypatch: pytest.MonkeyPatch, *found: tuple[int, tuple[str | int, ...]]) -> AsyncIterator[None]:
    """Let every name lead to these addresses."""

    async def resolve(*_: object, **__: object) -> list[object]:
        return [(family, socket.SOCK_STREAM, 6, "", sockaddr) for family, sockaddr in found]

    with monkeypatch.context() as patch:
        patch.setattr(anyio, "getaddrinfo", resolve)
        yield


def closed_port() -> int:
    """Return a port at which nobody listens."""
    with socket.socket() as taken:
        taken.bind((HERE, 0))
        number: int = taken.getsockname()[1]
        return number


async def test_a_family_that_is_not_known_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OSError, match="not supported") as caught:
        socket.socket(NO_FAMILY)
    assert caught.value.errno == errno.EAFNOSUPPORT
    async with echoing() as server:
        there = (HERE, port(server))
        both = known_as(monkeypatch, (NO_FAMILY, there), (socket.AF_INET, there))
        async with both, dialled(server) as session:
            assert await session.ping() < BOUND


async def test_nobody_at_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((HERE, 0)) as listening:
        there, nowhere = listening.getsockname(), (HERE, closed_port())
        async with known_as(monkeypatch, (socket.AF_INET, nowhere), (socket.AF_INET, there)):
            connected, address = await dial(Endpoint.parse("v2:some.example:1"))
        assert (connected.getpeername(), address.port) == (there, there[1])
        connected.close()


async def test_the_first_does_not_answer(monkeypatch: pytest.MonkeyPatch, flood: list[socket.socket]) -> None:
    """It has a quarter of a second to itself, not the whole time for the handshake; nothing is left of the attempt."""
    with socket.socket() as deaf, socket.create_server((HERE, 0)) as listening:
        deaf.bind((HERE, 0))
        deaf.listen(0)
        await fill(deaf.getsockname(), flood)
        there = listening.getsockname()
        async with known_as(monkeypatch, (socket.AF_INET, deaf.getsockname()), (socket.AF_INET, there)):
            with anyio.fail_after(BOUND):
                connected, _ = await dial(Endpoint.parse("v2:some.example:1"))
        assert connected.getpeername() == there
        connected.close()


async def fill(sockaddr: tuple[str, int], flood: list[socket.socket]) -> None:
    """Fill a listener's queue, so that it answers nobody any more."""
    while True:
        calling = socket.socket()
        calling.setblocking(False)
        flood.append(calling)
        with suppress(BlockingIOError):
            calling.connect(sockaddr)
        with anyio.move_on_after(0.1) as scope:
            await anyio.wait_writable(calling)
        if scope.cancelled_caught:
            break


async def test_both_answer_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of them is taken, and the other one closed."""
    monkeypatch.setattr("msgr.net.dial._HEAD_START", 0.0)
    with socket.create_server((HERE, 0)) as one, socket.create_server((HERE, 0)) as other:
        ends = [(socket.AF_INET, listening.getsockname()) for listening in (one, other)]
        async with known_as(monkeypatch, *ends):
            for _ in range(50):
                connected, _ = await dial(Endpoint.parse("v2:some.example:1"))
                connected.close()


async def test_all_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error tells what was wrong with each."""
    nowhere = (HERE, closed_port())
    async with known_as(monkeypatch, (NO_FAMILY, nowhere), (socket.AF_INET, nowhere)):
        with pytest.raises(ConnectFailed) as caught:
            await dial(Endpoint.parse("v2:some.example:7"))
    assert str(caught.value) == (
        "no connection to some.example port 7 "
        "(127.0.0.1: Address family not supported by protocol; 127.0.0.1: Connection refused)"
    )


class FarAway(socket.socket):
    """A socket whose peer has not answered yet when it is asked first."""

    def connect_ex(self, address: object, /) -> int:
        """Begin to connect, or say that this is under way."""
        code = super().connect_ex(address)  # type: ignore[arg-type]
        return code if code == errno.EINPROGRESS else errno.EALREADY


async def test_an_answer_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within one host connections are made at once; beyond it, they are waited for."""
    monkeypatch.setattr("msgr.net.dial.socket.socket", FarAway)
    with socket.create_server((HERE, 0)) as listening:
        there = listening.getsockname()
        connected, _ = await dial(Endpoint.parse(f"v2:{HERE}:{there[1]}"))
        assert connected.getpeername() == there
        connected.close()


async def test_cancelled_at_each_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left of what was begun, nor of what had just been reached. Demand 27."""
    monkeypatch.setattr("msgr.net.dial._HEAD_START", 0.0)
    monkeypatch.setattr("msgr.net.dial.socket.socket", FarAway)
    with socket.create_server((HERE, 0), backlog=400) as listening:
        ends = [(socket.AF_INET, listening.getsockname())] * 2
        reached = 0
        async with known_as(monkeypatch, *ends):
            for turns in range(40):
                async with anyio.create_task_group() as tasks:

                    async def begin() -> None:
                        nonlocal reached
                        connected, _ = await dial(Endpoint.parse("v2:some.example:1"))
                        reached += 1
                        connected.close()

                    tasks.start_soon(begin)
                    for _ in range(turns):
                        await anyio.lowlevel.checkpoint()
                    tasks.cancel_scope.cancel()
        assert 0 < reached < 40
