"""What Ceph's own messenger tests check of authentication, size and shutdown, under the names that they have there."""

from __future__ import annotations

import anyio
import pytest

from msgr import AuthRefused, Message, Mode, Outcome, Policy, Timeouts
from msgr.session import Phase

from ..net.leaks import Resources
from .stage import RING, at, echo, hear, node, over, say, scene

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

LARGE = b"abcdefghijklmnopqrstuvwxyz" * (30 * 1024)
"""What Ceph's test sends: 30 * 1024 strings of 26 bytes, some 800 KB."""


async def test_auth() -> None:
    """A round trip with cephx; the session is marked down, both turn to method none, and there is another.

    An end that has not turned is refused.
    """
    for auth in (RING, None):
        server = node("osd.0", Policy.stateless_server(), auth=auth)
        client = node("client.0", Policy.lossy_client(), listens=False, auth=auth)
        async with scene(server, client) as tasks:
            near = client.session(at(server))
            await say(near, 1)
            far = await anext(server)
            tasks.start_soon(echo, far)
            assert await hear(near) == [1]
            assert near.peer.login.mode is (Mode.SECURE if auth else Mode.CRC)
            near.abort()
            await over(far)
            assert not near.connected
    strict = node("osd.0", Policy.stateless_server())
    async with scene(strict, client := node("client.0", Policy.lossy_client(), listens=False, auth=None)):
        with pytest.raises(AuthRefused):
            await client.session(at(strict)).ready()


@pytest.mark.parametrize("mode", list(Mode))
async def test_message(mode: Mode) -> None:
    """Some 800 KB in the front of a message, then as much in its data: both come whole."""
    server = node("osd.0", Policy.stateful_server(), modes=(mode,))
    client = node("client.0", Policy.lossless_client(), listens=False, modes=(mode,))
    async with scene(server, client):
        near = client.session(at(server))
        receipts = [await near.send(Message(type=2, front=LARGE)), await near.send(Message(type=2, data=LARGE))]
        far = await anext(server)
        first, second = await far.receive(), await far.receive()
        assert (bytes(first.front), bytes(first.data)) == (LARGE, b"")
        assert (bytes(second.front), bytes(second.data)) == (b"", LARGE)
        assert {await receipt for receipt in receipts} == {Outcome.ACKNOWLEDGED}


@pytest.mark.parametrize("lossy", [False, True])
async def test_shutdown_messenger(lossy: bool) -> None:
    """A messenger that is shut down first sends what is queued: a lossless one until all is acknowledged."""
    server = node("osd.0", Policy.stateless_server() if lossy else Policy.stateful_server())
    client = node("client.0", Policy.lossy_client() if lossy else Policy.lossless_client(), listens=False)
    async with scene(server) as tasks:
        arrived: list[int] = []

        async def take() -> None:
            async for message in await anext(server):
                arrived.append(message.tid)

        tasks.start_soon(take)
        async with client:
            near = client.session(at(server))
            await near.ready()
            receipts = [await near.send(Message(type=2, tid=tid, front=bytes(10_000))) for tid in range(200)]
        assert near.over
        assert {receipt.outcome for receipt in receipts} == {Outcome.UNKNOWN if lossy else Outcome.ACKNOWLEDGED}
        (far,) = server.sessions or (None,)
        while len(arrived) < 200:
            assert far is not None
            await far.changed.wait()
        assert arrived == list(range(200))


async def test_shutdown_messenger_that_takes_too_long() -> None:
    """The server does not take what is queued: the shutdown gives up in time, and says what became of each message."""
    seconds = 0.2
    server = node("osd.0", Policy.stateful_server())
    client = node(
        "client.0", Policy.lossless_client(), listens=False, timeouts=Timeouts(close=seconds, initial_backoff=0.01)
    )
    async with scene(server):
        async with client:
            near = client.session(at(server))
            await say(near, 1)
            far = await anext(server)
            await hear(far)
            receipts = []
            while near.stats.held_bytes < 31 << 20 or far.inbox.size < far.limits.inbox:
                with anyio.move_on_after(seconds) as stuck:
                    receipts.append(await near.send(Message(type=2, front=bytes(4 << 20))))
                if stuck.cancelled_caught:
                    break
            started = anyio.current_time()
        assert seconds / 2 < anyio.current_time() - started < 10 * seconds
        outcomes = {receipt.outcome for receipt in receipts}
        assert None not in outcomes
        assert outcomes & {Outcome.UNKNOWN, Outcome.UNDELIVERED}


async def test_admin_socket_hook_lifecycle() -> None:
    """There is no admin socket here; what it shows, the list of sessions, begins and ends with the messenger."""
    before = Resources.now()
    server = node("osd.0", Policy.stateful_server())
    assert (server.sessions, server.addresses) == ((), ())
    for _ in range(3):
        server = node("osd.0", Policy.stateful_server())
        client = node("client.0", Policy.lossless_client(), listens=False)
        async with scene(server, client):
            near = client.session(at(server))
            await near.ready()
            far = await anext(server)
            assert (client.sessions, server.sessions) == ((near,), (far,))
        assert (client.sessions, server.sessions) == ((), ())
        await before.again()


async def test_dump_basics() -> None:
    """What *messenger dump* tells of a connection, `Session.stats` and `Session.peer` tell of a session."""
    server = node("osd.0", Policy.stateful_server())
    client = node("client.0", Policy.lossless_client())
    async with scene(server, client) as tasks:
        assert client.sessions == ()
        near = client.session(at(server))
        await say(near, 1, 2)
        far = await anext(server)
        tasks.start_soon(echo, far)
        assert await hear(near, 2) == [1, 2]
        stats = near.stats
        assert (stats.connected, stats.queued, stats.inbox, stats.unacknowledged) == (True, 0, 0, 0)
        assert (stats.counters.sent, stats.counters.received) == (2, 2)
        assert near.peer.addresses == server.addresses
        assert far.peer.addresses == client.addresses
        assert (server.stats.accepted, server.stats.ready, server.stats.failed) == (1, 1, 0)


@pytest.mark.parametrize("policy", [Policy.lossless_client(), Policy.lossy_client()])
async def test_a_session_after_one_that_was_marked_down(policy: Policy) -> None:
    """Marked down and asked for at once, the session is a new one."""
    server = node("osd.0", Policy.stateful_server())
    client = node("client.0", policy)
    async with scene(server, client):
        near = client.session(at(server))
        await near.ready()
        near.abort()
        again = client.session(at(server))
        assert again is not near
        await say(again, 1)
        far = await anext(server)
        assert await hear(far) == [1]


async def test_a_session_that_has_ended_is_not_found_again() -> None:
    """From the moment that it is marked down, the acceptor's table knows that it is over."""
    server = node("osd.0", Policy.stateful_server())
    client = node("client.0", Policy.lossless_client())
    async with scene(server, client):
        near = client.session(at(server))
        await near.ready()
        far = await anext(server)
        far.abort()
        assert far.core.phase is Phase.CLOSED
