"""Two ends that dial each other in one TCP connection, and one that dials itself (SIMOPEN-1 to SIMOPEN-3).

Against a real Ceph peer nothing of this changes anything: it never sends what a second client would, so the states and
frames are those of any connection. The connections of `tests/interop` show it; all are made by a dialler that would
notice.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio
import pytest

import msgr
from msgr import EntityAddr, FailureKind, Messenger, Mode, Policy, Runtime, Session
from msgr.auth import GlobalIds, NoneClient, NoneServer
from msgr.core import ClientConfig, Closed, Connection, ServerConfig
from msgr.errors import SimultaneousOpen
from msgr.frame import Tag
from msgr.net.afterwards import Afterwards
from msgr.net.dialler import Dialler
from msgr.net.session import Session as NetSession
from msgr.net.stream import SocketStream
from msgr.session import PeerSession, SessionTable
from msgr.testing import Direction, FixedDice, Probes
from msgr.wire import Endpoint, EntityName

from .crossed import address_of, crossed, linux_only, stream_of, with_itself
from .mesh import HURRIED, RING, answer, mesh, talk
from .mesh import at as address_at
from .world import BOUND, LOOPBACK, dialled, echoing

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

ORDERS: Final = [("127.0.0.1", "127.0.0.2"), ("127.0.0.2", "127.0.0.1"), ("127.0.0.1", "127.0.0.1")]


class Ends:
    """The two ends of a crossed connection, each a messenger that listens where its socket is."""

    def __init__(self, one: str, other: str, **more: Any) -> None:
        self.sockets = crossed(one, other)
        self.probes = (Probes(), Probes())
        self.messengers = tuple(
            Messenger(
                f"osd.{number}",
                auth=RING,
                policy=Policy.lossless_peer(),
                timeouts=HURRIED,
                runtime=Runtime(trace=probes),
                **({"listen": address_of(end)} | more),
            )
            for number, (end, probes) in enumerate(zip(self.sockets, self.probes, strict=True), 1)
        )

    @asynccontextmanager
    async def meeting(self, *, first: int = 0) -> AsyncIterator[tuple[Session, Session]]:
        """Hold the sessions that both ends began over the connection; the end `first` begins a little earlier."""
        sessions: dict[int, Session] = {}
        async with mesh(*self.messengers):
            for number in (first, 1 - first):
                stream = await stream_of(self.sockets[number])
                other = address_at(self.messengers[1 - number])
                sessions[number] = self.messengers[number].session(other, stream=stream)
                await anyio.wait_all_tasks_blocked()
            yield sessions[0], sessions[1]


@linux_only
@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize(("one", "other"), ORDERS, ids=["lower", "higher", "same host"])
async def test_both_dialled_and_there_is_one_session(
    one: str, other: str, first: int, record_property: Callable[[str, object], None]
) -> None:
    """Demands 75, 76, 78 and 79: no tie value is needed, both know both addresses; the lower one becomes the server.

    One connection, one session at each end, in secure mode with cephx, and messages both ways.
    """
    ends = Ends(one, other)
    lower = 0 if ends.sockets[0].getsockname() < ends.sockets[1].getsockname() else 1
    started = time.monotonic()
    async with ends.meeting(first=first) as sessions:
        near, far = sessions
        await near.send(msgr.Message(type=2, tid=1))
        await answer(near, far, 1)
        record_property("seconds_to_usable", time.monotonic() - started)
        await far.send(msgr.Message(type=2, tid=7))
        await answer(far, near, 7)
        for session, messenger in zip(sessions, ends.messengers, strict=True):
            assert messenger.sessions == (session,)
            assert session.peer.login.mode is Mode.SECURE
            assert session.stats.counters.connections == 1
            assert messenger.stats.accepted == 0
        server, client = sessions[lower], sessions[1 - lower]
        assert server.peer.login.identity is not None
        assert client.peer.login.identity is None
        assert [probes.passed(Direction.HANDLING, Tag.AUTH_REQUEST) for probes in ends.probes] == [1, 1]
        assert ends.probes[lower].passed(Direction.SENDING, Tag.AUTH_DONE) == 1
        assert ends.probes[1 - lower].passed(Direction.SENDING, Tag.AUTH_DONE) == 0


@linux_only
async def test_the_session_goes_on_after_the_connection() -> None:
    """Demand 79: it is a session like any other: the next connection is dialled, and nothing is lost."""
    ends = Ends(*ORDERS[0])
    async with ends.meeting() as (near, far):
        await near.send(msgr.Message(type=2, tid=1))
        await answer(near, far, 1)
        assert near.driver is not None
        near.driver.end(None)
        await near.send(msgr.Message(type=2, tid=3))
        await answer(near, far, 3)
        assert near.stats.counters.connections == 2
        assert [len(messenger.sessions) for messenger in ends.messengers] == [1, 1]


@linux_only
async def test_who_can_be_no_server_says_so_at_once() -> None:
    """Demands 75 and 76: two ends that only dial both end with an error that is worth another try, and do not hang."""
    errors: list[SimultaneousOpen] = []

    async def dials(end: socket.socket, to: str) -> None:
        stream = await stream_of(end)
        with pytest.raises(SimultaneousOpen) as caught:
            async with msgr.connect(to, name="osd.1", auth=RING, stream=stream, timeouts=HURRIED):
                pass
        errors.append(caught.value)

    one, other = crossed("127.0.0.1", "127.0.0.2")
    addresses = address_of(other), address_of(one)
    with anyio.fail_after(BOUND):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(dials, one, addresses[0])
            tasks.start_soon(dials, other, addresses[1])
    assert {(error.rule, error.kind) for error in errors} == {("SIMOPEN-3", FailureKind.TRANSIENT)}
    assert len(errors) == 2


@linux_only
async def test_where_it_cannot_be_told_another_try_does_not_collide(
    caplog: pytest.LogCaptureFixture, record_property: Callable[[str, object], None]
) -> None:
    """Demands 76 and 79: known by other addresses than the sockets have, as behind a gateway, they dial again."""
    caplog.set_level(logging.INFO)
    ends = Ends(*ORDERS[0], listen=LOOPBACK)
    started = time.monotonic()
    async with ends.meeting() as (near, far):
        await near.send(msgr.Message(type=2, tid=1))
        await answer(near, far, 1)
        record_property("seconds_to_usable", time.monotonic() - started)
        assert near.stats.counters.connections >= 1
        assert any("SIMOPEN-3" in record.getMessage() for record in caplog.records)
        assert sum(messenger.stats.accepted for messenger in ends.messengers) >= 1
        assert [len(messenger.sessions) for messenger in ends.messengers] == [1, 1]


async def test_a_socket_that_is_connected_to_itself() -> None:
    """Demand 80: a clear error at once, before a byte is sent."""
    alone = with_itself()
    where = address_of(alone)
    stream = await stream_of(alone)
    with anyio.fail_after(BOUND), pytest.raises(SimultaneousOpen, match="connected to itself") as caught:
        async with msgr.connect(where, name="osd.1", auth=RING, stream=stream):
            pass
    assert (caught.value.rule, caught.value.kind) == ("SIMOPEN-2", FailureKind.TRANSIENT)
    assert alone.fileno() == -1


async def test_the_dialler_looks_at_its_own_socket() -> None:
    """Demand 80: so it is where the system chose the port, and that was the one which was dialled."""
    alone = with_itself()
    where = address_of(alone)
    name = EntityName.parse("osd.1")
    config = ClientConfig(name=name, target=EntityAddr.parse(where), methods=(NoneClient(name),))
    dialler = Dialler(config, Endpoint.parse(where), SessionTable(), Runtime(), Nobody())
    dialler.given = SocketStream(alone)
    with pytest.raises(SimultaneousOpen, match="connected to itself") as caught:
        await dialler.dial(NetSession(PeerSession(Policy.lossless_peer()), config.limits, config.timeouts))
    assert caught.value.rule == "SIMOPEN-2"
    assert alone.fileno() == -1


class Nobody:
    """A host that has no sessions, because no handshake gets that far."""

    afterwards = Afterwards()

    def adopt(self, driver: object, ready: object) -> NetSession:
        """Fail."""
        raise AssertionError


@pytest.mark.parametrize("piece", [1, 1 << 16])
@pytest.mark.parametrize("is_server", [True, False])
async def test_bytes_that_come_back(is_server: bool, piece: int) -> None:
    """Demand 80, without sockets: an end that reads what it wrote ends with an error, whoever it might have been."""
    here = EntityAddr.parse("v2:10.0.0.1:6800")
    name = EntityName.parse("osd.1")
    server = ServerConfig(name=name, addresses=(here,), methods=(NoneServer(GlobalIds()),)) if is_server else None
    config = ClientConfig(name=name, target=here, methods=(NoneClient(name),), as_server=server)
    connection = Connection(config, dice=FixedDice(1))
    connection.start(now=0.0, wall=0.0)
    error = None
    for _ in range(10):
        said = b"".join(map(bytes, connection.data_to_send()))
        for start in range(0, len(said), piece):
            connection.receive_data(said[start : start + piece], now=0.0)
        while (event := connection.next_event()) is not None:
            error = event.error if isinstance(event, Closed) else error
        if error is not None:
            break
    assert isinstance(error, SimultaneousOpen)
    assert error.rule == ("SIMOPEN-2" if is_server else "SIMOPEN-3")


async def test_who_dials_does_so_from_a_port_of_the_systems_choice() -> None:
    """Demand 77: never from the port at which it listens, which is how simultaneous opens come about."""
    one, other = (
        Messenger(f"osd.{number}", auth=RING, policy=Policy.lossless_peer(), listen=LOOPBACK) for number in (1, 2)
    )
    async with mesh(one, other):
        near = one.session(address_at(other))
        await talk(near, other)
        assert near.peer.login.met.seen_as.port != one.addresses[0].port


async def test_a_plain_client_and_server_are_as_they_were() -> None:
    """Demand 78: nothing is guessed from addresses; who only dials stays the client, whichever is lower."""
    for host in ("127.0.0.1", "127.0.0.200"):
        async with echoing(f"v2:{host}:0") as server, dialled(server) as session:
            await session.send(msgr.Message(type=1, tid=1))
            assert (await session.receive()).tid == 1
