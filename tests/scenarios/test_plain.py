"""What Ceph's own messenger tests check of plain behaviour, first part, under the names that the tests have there."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from typing import Any

import anyio
import pytest

from msgr import ConnectionLost, EntityType, Messenger, Outcome, Policy, Session, Timeouts
from msgr.core import ClientConfig
from msgr.errors import BannerError, ConfigError, FeaturesMissing, TimedOut
from msgr.net.events import SessionConnected, SessionEnded, SessionReset
from msgr.session import Message
from msgr.wire import SUPPORTED

from ..net.raw import dial, dropped, listening
from ..net.world import LOOPBACK
from .stage import HURRIED, LIMIT, RING, at, echo, gone, hear, kind, node, over, say, scene, until

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

V1_BANNER = b"ceph v027" + bytes(281)


async def test_simple() -> None:
    """A ping is answered; the server moves to another port and is found there; a session that was marked down is over.

    What is sent to a server that is gone does no harm, and leaves nothing behind.
    """
    ports: list[int] = []
    async with scene() as tasks, node("client.0", Policy.lossy_client(), listens=False) as client:

        async def visit(server: Messenger, tid: int) -> Session:
            ports.append(server.addresses[0].port)
            near = client.session(at(server))
            await say(near, tid)
            tasks.start_soon(echo, await anext(server))
            assert await hear(near) == [tid]
            return near

        async with node("osd.0", Policy.stateless_server()) as first:
            near = await visit(first, 1)
            near.abort()
            assert not near.connected
            with pytest.raises(ConnectionLost, match="the session has ended"):
                await near.send(Message(type=2))
            async with node("osd.0", Policy.stateless_server()) as second:
                near = await visit(second, 2)
            assert ports[0] != ports[1]
            await over(near)  # its server is gone
            with pytest.raises(ConnectionLost):
                await near.send(Message(type=2))
        lost = client.session(f"v2:127.0.0.1:{ports[1]}")
        receipt = await lost.send(Message(type=2))
        lost.abort()
        assert await receipt is Outcome.UNDELIVERED


async def test_simple_loopback() -> None:
    """A messenger that dials its own address delivers to itself."""
    alone = node("osd.0", Policy.stateless_server())
    async with scene(alone):
        near = alone.session(at(alone), policy=Policy.lossy_client())
        await say(near, 1)
        far = await anext(alone)
        await say(far, 2)
        assert (await hear(far), await hear(near)) == ([1], [2])


async def test_simple_loopback_of_a_lossless_peer() -> None:
    """A lossless session with oneself would race with itself: it is refused, and not tried for ever."""
    alone = node("osd.0", Policy.lossless_peer())
    async with scene(alone):
        with pytest.raises(ConfigError, match="our own address"):
            alone.session(at(alone))


async def test_simple_msgr2(caplog: pytest.LogCaptureFixture) -> None:
    """A client of each protocol comes to a server: that which speaks msgr2 sees, and is seen at, the right address.

    We speak no msgr v1: such a client is turned away at its banner, and so are we by such a server; each is told why.
    """
    caplog.set_level(logging.INFO, logger="msgr")
    server = node("mon.0", Policy.stateful_server())
    client = node("osd.1", Policy.lossless_peer())
    async with scene(server, client):
        async with dial(server) as legacy:
            await legacy.send(V1_BANNER)
            await dropped(legacy)
        assert server.stats.failed == 1
        assert any("BANNER-1" in record.getMessage() for record in caplog.records)
        near = client.session(at(server))
        await say(near, 1)
        far = await anext(server)
        assert await hear(far) == [1]
        assert near.peer.addresses == server.addresses
        assert far.peer.addresses == client.addresses
        assert (kind(near), kind(far)) == (EntityType.MON, EntityType.OSD)

        async def answer(stream: anyio.abc.SocketStream) -> None:
            await stream.send(V1_BANNER)
            await dropped(stream)

        async with listening(answer) as old:
            refused = client.session(old)
            with pytest.raises(BannerError, match="BANNER-1"):
                await refused.ready()


class Featured(Messenger):
    """A messenger that tells of, and as a server requires, chosen features."""

    supported: int = SUPPORTED

    def require(self, bit: int) -> None:
        """Require a feature of clients from now on."""
        assert self._acceptor is not None
        config = self._acceptor.config
        self._acceptor.config = replace(config, required=config.required | bit, supported=config.supported | bit)

    def _client_config(self, *args: Any, **more: Any) -> ClientConfig:
        return replace(super()._client_config(*args, **more), supported=self.supported)


async def test_feature() -> None:
    """A server requires a feature: a client that lacks it is never connected, one that has more is."""
    bit = 1 << 13
    server = Featured("osd.0", auth=RING, policy=Policy.stateful_server(), listen=LOOPBACK)
    poor, rich = (Featured(name, auth=RING, policy=Policy.lossless_client()) for name in ("client.0", "client.1"))
    poor.supported = SUPPORTED & ~bit
    rich.supported = SUPPORTED | bit
    async with scene(server, poor, rich):
        server.require(bit)
        lacking = poor.session(at(server))
        with pytest.raises(FeaturesMissing, match="13"):
            await lacking.ready()
        assert lacking.over
        assert server.stats.ready == 0
        near = rich.session(at(server))
        await say(near, 1)
        assert await hear(await anext(server)) == [1]


@pytest.mark.parametrize("idle_end", ["client", "server"])
async def test_timeout(idle_end: str) -> None:
    """A connection over which no message goes is given up after the idle time-out, and is then gone at both ends."""
    idle = Timeouts(idle=0.1)
    server = node("osd.0", Policy.stateless_server(), timeouts=idle if idle_end == "server" else HURRIED)
    client = node("client.0", Policy.lossy_client(), listens=False, timeouts=idle if idle_end == "client" else HURRIED)
    async with scene(server, client):
        near = client.session(at(server))
        await say(near, 1)
        far = await anext(server)
        assert await hear(far) == [1]
        assert (near.connected, far.connected) == (True, True)
        await gone(near)
        await gone(far)
        with pytest.raises((TimedOut, ConnectionLost)):
            await near.receive()
        assert isinstance((near if idle_end == "client" else far).error, TimedOut)


async def test_stateful() -> None:
    """A stateful server keeps a session when the client marks its own down: the client's next one resets it, once.

    The counts begin anew. When the server marks it down, the client notices, and is told of the reset, once.
    """
    server = node("osd.0", Policy.stateful_server())
    client = node("client.0", Policy.lossless_client())
    async with scene(server, client):
        near = client.session(at(server))
        await say(near, 1, 2)
        far = await anext(server)
        assert await hear(far, 2) == [1, 2]
        with far.events() as noticed:
            await near.close()
            await gone(far)
            assert not far.over
            assert far.stats.counters.received == 2
            near = client.session(at(server))
            await say(near, 3)
            message = await far.receive()
            assert (message.tid, message.seq) == (3, 1)
            await until(far, SessionReset, noticed)
            assert isinstance(await anext(noticed), SessionConnected)
            assert far.stats.counters.resets == 1
        assert server.sessions == (far,)

        with near.events() as seen:
            far.abort()
            await gone(near)  # and it dials again
            reset = await until(near, SessionReset, seen)
            assert reset == SessionReset(full=True)
            assert isinstance(await anext(seen), SessionConnected)
        far = await anext(server)
        await say(near, 4)
        message = await far.receive()
        assert (message.tid, message.seq) == (4, 1)
        assert near.stats.counters.resets == 1
        assert far.stats.counters.resets == 0


async def pinged_to_death(session: Session) -> None:
    """Ask for signs of life until there is none; raises TimeoutError where they do not end."""
    with suppress(ConnectionLost), anyio.fail_after(LIMIT / 2):
        while True:
            await session.ping()


async def test_stateless() -> None:
    """A stateless server forgets: its mark-down ends the client's lossy session, and the next one counts from one.

    A keepalive over a dead lossy connection shows that it is dead.
    """
    server = node("osd.0", Policy.stateless_server())
    client = node("client.0", Policy.lossy_client(), listens=False)
    async with scene(server, client):
        near = client.session(at(server))
        await say(near, 1, 2)
        far = await anext(server)
        assert await hear(far, 2) == [1, 2]
        with near.events() as seen:
            await far.close()
            await until(near, SessionEnded, seen)
        near = client.session(at(server))
        await say(near, 3)
        far = await anext(server)
        message = await far.receive()
        assert (message.tid, message.seq) == (3, 1)
        far.abort()
        await pinged_to_death(near)
        assert near.over
    assert server.sessions == ()


async def test_anon() -> None:
    """Two sessions with the same server are two objects; where one is marked down, the other can be used."""
    server = node("osd.0", Policy.stateless_server())
    client = node("client.0", Policy.lossy_client(), listens=False)
    async with scene(server, client):
        one, other = (client.session(at(server)) for _ in range(2))
        assert one is not other
        await say(one, 1)
        await say(other, 2)
        ends = {(await hear(end))[0]: end for end in [await anext(server), await anext(server)]}
        assert ends[1] is not ends[2]
        one.abort()
        await over(ends[1])
        await say(other, 3)
        assert await hear(ends[2]) == [3]
        assert other.connected


async def test_client_standby() -> None:
    """The server marks a session down: its peer, with nothing to say, does not dial until it has something.

    Then it is told of the reset, which costs what waited; and the next message finds a fresh session.
    """
    server = node("osd.0", Policy.stateful_server())
    client = node("osd.1", Policy.lossless_peer())
    async with scene(server, client):
        near = client.session(at(server))
        receipt = await near.send(Message(type=2, tid=1))
        far = await anext(server)
        assert await hear(far) == [1]
        assert await receipt is Outcome.ACKNOWLEDGED
        with near.events() as seen:
            far.abort()
            await gone(near)
            with anyio.move_on_after(10 * HURRIED.max_backoff) as waited:
                await near.ready()
            assert waited.cancelled_caught
            assert server.stats.accepted == 1
            assert await (await near.send(Message(type=2, tid=2))) is Outcome.UNDELIVERED
            assert await until(near, SessionReset, seen) == SessionReset(full=True)
        await say(near, 3)
        far = await anext(server)
        message = await far.receive()
        assert (message.tid, message.seq) == (3, 1)
        assert server.sessions == (far,)
        assert server.stats.accepted == 2
