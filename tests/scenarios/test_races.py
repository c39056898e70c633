"""The races and broken handshakes of Ceph's own messenger tests, under the names that they have there."""

from __future__ import annotations

import pytest
from anyio.lowlevel import checkpoint

from msgr import EntityType, Messenger, Outcome, Policy, Session
from msgr.frame import Tag
from msgr.net.events import SessionConnected, SessionDisconnected, SessionResumed
from msgr.session import Message
from msgr.testing import ChaosProxy, Probe, Probes, Then

from .stage import HANDLING, PATIENT, SENDING, at, hear, kind, node, say, scene, until

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


def reconnects(probes: Probes) -> tuple[int, int]:
    """Return how many SESSION_RECONNECT and SESSION_RECONNECT_OK an end sent, or was about to send."""
    return probes.passed(SENDING, Tag.SESSION_RECONNECT), probes.passed(SENDING, Tag.SESSION_RECONNECT_OK)


@pytest.mark.parametrize("first", ["low", "high"])
async def test_connection_race(first: str) -> None:
    """Both ends dial at the same moment, each with one message, and stand still before CLIENT_IDENT.

    Let go, they agree on one connection: each session has received one message, over that, from the right kind of peer.

    Demands 40 and 84.
    """
    ours, theirs = Probes(), Probes()
    held = [probes.at(SENDING, Tag.CLIENT_IDENT, dialled=True) for probes in (ours, theirs)]
    low = node("osd.0", Policy.lossless_peer_reuse(), nonce=1, probes=ours)
    high = node("mon.0", Policy.lossless_peer_reuse(), nonce=2, probes=theirs)
    async with scene(low, high):
        near, far = low.session(at(high)), high.session(at(low))
        with near.events() as seen, far.events() as noticed:
            await say(near, 1)
            await say(far, 2)
            for probe in held:
                await probe.hit()
            for probe in held if first == "low" else reversed(held):
                probe.go_on()
            assert await hear(far) == [1]
            assert await hear(near) == [2]
            assert isinstance(await anext(seen), SessionConnected)
            assert isinstance(await anext(noticed), SessionConnected)
        assert (kind(near), kind(far)) == (EntityType.MON, EntityType.OSD)
        assert (low.sessions, high.sessions) == ((near,), (far,))
        assert (near.connected, far.connected) == (True, True)
        assert near.stats.counters.received == far.stats.counters.received == 1
        # That of the lower address: the higher one accepted it, and nothing else became a session.
        assert (low.stats.ready, high.stats.ready) == (0, 1)
        assert reconnects(ours) == reconnects(theirs) == (0, 0)


async def test_connection_race_reuse_banner() -> None:
    """Both dial; the client's connection has not got beyond its banner when the server's is identified.

    The client goes on in its own session, over the connection that it accepted, and lets go of the one that it dialled.
    """
    ours, theirs = Probes(), Probes()
    ident = theirs.at(SENDING, Tag.CLIENT_IDENT, dialled=True)
    with_client = node("osd.1", Policy.lossless_peer_reuse(), nonce=2, probes=ours)
    async with ChaosProxy() as proxy:
        proxy.stall()
        known_as = f"{proxy.address}/1"
        server = node("osd.0", Policy.lossless_peer_reuse(), nonce=1, probes=theirs, advertise=known_as)
        async with scene(server, with_client):
            proxy.target = str(server.listening[0]).partition("/")[0]
            near, far = with_client.session(known_as), server.session(at(with_client))
            with near.events() as seen, far.events() as noticed:
                await say(near, 1)
                await say(far, 2)
                await ident.hit()
                while not proxy.links:  # the client has dialled, and its banner leads nowhere
                    await checkpoint()
                ident.go_on()
                assert await hear(near) == [2]
                assert await hear(far) == [1]
                assert isinstance(await anext(seen), SessionConnected)
                assert isinstance(await anext(noticed), SessionConnected)
            assert (with_client.sessions, server.sessions) == ((near,), (far,))
            assert proxy.stats.connections == 1
            assert (with_client.stats.ready, server.stats.ready) == (1, 0)
            assert ours.passed(SENDING, Tag.CLIENT_IDENT) == 0
            assert reconnects(ours) == reconnects(theirs) == (0, 0)
            await say(near, 3)
            assert await hear(far) == [3]


async def queued_without_ident(server: Messenger, ident: Probe) -> Session:
    """Return the server's session, whose SERVER_IDENT failed when it had a message queued."""
    await ident.hit()
    far = await anext(server)
    await say(far, 2)
    ident.fail()
    return far


async def test_missing_server_ident() -> None:
    """The server fails when it sends SERVER_IDENT, with a message queued; the client, which is lossy, dials again.

    Each ends with one message, and the server with the one session.
    """
    theirs = Probes()
    ident = theirs.at(SENDING, Tag.SERVER_IDENT)
    server = node("osd.0", Policy.stateful_server(), probes=theirs)
    client = node("client.0", Policy.lossy_client(), listens=False)
    async with scene(server, client):
        near = client.session(at(server))
        far = await queued_without_ident(server, ident)
        await near.ready()
        await say(near, 1)
        assert await hear(near) == [2]
        assert await hear(far) == [1]
        assert theirs.passed(SENDING, Tag.SERVER_IDENT) == 2
        assert server.sessions == (far,)
        assert near.stats.counters.received == far.stats.counters.received == 1
        assert near.stats.counters.duplicates == far.stats.counters.duplicates == 0


async def test_missing_server_ident_2() -> None:
    """The same among lossless peers, where the client has nothing to send: the server dials back with its message.

    The client receives one message, and the server none.
    """
    ours, theirs = Probes(), Probes()
    ident = theirs.at(SENDING, Tag.SERVER_IDENT)
    server = node("osd.0", Policy.lossless_peer(), nonce=1, probes=theirs)
    client = node("osd.1", Policy.lossless_peer(), nonce=2, probes=ours, timeouts=PATIENT)
    async with scene(server, client):
        near = client.session(at(server))
        far = await queued_without_ident(server, ident)
        assert await hear(near) == [2]
        assert ours.passed(SENDING, Tag.CLIENT_IDENT) == 1  # the client dialled once
        assert theirs.passed(SENDING, Tag.SESSION_RECONNECT) == 1  # of a session of which the client knows nothing,
        assert ours.passed(SENDING, Tag.SESSION_RESET) == 1  # as it says
        assert (near.stats.counters.received, far.stats.counters.received) == (1, 0)
        assert (server.sessions, client.sessions) == ((far,), (near,))


async def test_reconnect() -> None:
    """The client fails while it handles a message: it takes the session up again, once, and traffic goes on."""
    ours, theirs = Probes(), Probes()
    server = node("osd.0", Policy.stateful_server(), probes=theirs)
    client = node("client.0", Policy.lossless_peer(), listens=False, probes=ours)
    async with scene(server, client):
        near = client.session(at(server))
        await say(near, 1)
        far = await anext(server)
        ours.at(HANDLING, Tag.MESSAGE, then=Then.FAIL)
        with near.events() as seen:
            assert await hear(far) == [1]
            await say(far, 2)
            await say(near, 3)
            assert await hear(near) == [2]
            assert await hear(far) == [3]
            await until(near, SessionResumed, seen)
        assert (reconnects(ours), reconnects(theirs)) == ((1, 0), (0, 1))
        await say(near, 4)
        await say(far, 5)
        assert (await hear(far), await hear(near)) == ([4], [5])


@pytest.mark.parametrize("behind", [False, True])
async def test_reconnect_race(behind: bool) -> None:
    """Both have lost the connection, and both stand still before SESSION_RECONNECT; the server is let go first.

    The client answers SESSION_RECONNECT_OK, and the server never does. Where the server was *behind*, as the client had
    tried before, it is told once to try again with a higher number.
    """
    ours, theirs = Probes(), Probes()
    server = node("osd.0", Policy.lossless_peer(), nonce=1, probes=theirs)
    client = node("osd.1", Policy.lossless_peer(), nonce=2, probes=ours)
    async with scene(server, client):
        near = client.session(at(server))
        await say(near, 1)
        far = await anext(server)
        assert await hear(far) == [1]
        if behind:
            ours.at(SENDING, Tag.SESSION_RECONNECT, then=Then.FAIL)
        client_asks = ours.at(SENDING, Tag.SESSION_RECONNECT)
        server_asks = theirs.at(SENDING, Tag.SESSION_RECONNECT)
        theirs.at(HANDLING, Tag.MESSAGE, then=Then.FAIL)
        with near.events() as seen, far.events() as noticed:
            receipt = await near.send(Message(type=2, tid=2))
            await until(near, SessionDisconnected, seen)
            await until(far, SessionDisconnected, noticed)
            await say(far, 3)
            await client_asks.hit()
            await server_asks.hit()
            server_asks.go_on()
            await until(far, SessionResumed, noticed)
            await until(near, SessionResumed, seen)
        client_asks.go_on()  # its connection is gone
        assert (await hear(far), await hear(near)) == ([2], [3])
        assert await receipt is Outcome.ACKNOWLEDGED
        assert reconnects(ours) == (1 + behind, 1)
        assert reconnects(theirs) == (1 + behind, 0)
        assert ours.passed(SENDING, Tag.SESSION_RETRY) == behind
        assert near.stats.counters.duplicates == far.stats.counters.duplicates == 0


async def test_missing_server_ident_keeps_what_was_queued() -> None:
    """What waits in a lossy session while the first connection fails is sent over the next, as by Ceph's messenger."""
    theirs = Probes()
    theirs.at(SENDING, Tag.SERVER_IDENT, then=Then.FAIL)
    server = node("osd.0", Policy.stateless_server(), probes=theirs)
    client = node("client.0", Policy.lossy_client(), listens=False)
    async with scene(server, client):
        near = client.session(at(server))
        receipt = await near.send(Message(type=2, tid=1))
        await near.ready()
        assert receipt.outcome is not Outcome.UNDELIVERED
        assert await hear(await anext(server)) == [1]
