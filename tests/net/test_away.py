"""A session whose peer stays away: an end that is told to ends it after a time, and settles what it holds."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import anyio
import pytest

from msgr import EntityType, Message, Messenger, Outcome, Policies, Policy, Session, TimedOut, Timeouts
from msgr.net.events import SessionReset, SessionResumed
from msgr.testing import ChaosProxy

from .leaks import until
from .world import BOUND, LOOPBACK, address

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

PATIENCE: Final = 0.3
QUICK: Final = Timeouts(initial_backoff=0.01, max_backoff=0.02, close=0.1)
POLICIES: Final = Policies(Policy.stateful_server(), {EntityType.OSD: Policy.lossless_peer()})


def dialling(name: str, policy: Policy) -> Messenger:
    """Return a messenger that only dials."""
    return Messenger(name, auth=None, policy=policy, timeouts=QUICK)


@asynccontextmanager
async def serving(patience: float | None, *, advertise: str | None = None) -> AsyncIterator[Messenger]:
    """Run a server that keeps the sessions of clients for so long, and dials other OSDs."""
    timeouts = Timeouts(session=patience, close=0.1)
    server = Messenger("osd.0", auth=None, policies=POLICIES, listen=LOOPBACK, advertise=advertise, timeouts=timeouts)
    with anyio.fail_after(BOUND):
        async with server:
            yield server


async def met(server: Messenger, session: Session) -> Session:
    """Let the client say something; returns the server's end."""
    receipt = await session.send(Message(type=1))
    far = await anext(server)
    assert (await far.receive()).type == 1
    assert await receipt is Outcome.ACKNOWLEDGED
    return far


async def left(server: Messenger, name: str, policy: Policy) -> Session:
    """Have a client come, say something, and go for good; returns the server's end."""
    async with dialling(name, policy) as client:
        near = client.session(address(server))
        far = await met(server, near)
        near.abort()
        await until(lambda: not far.connected)
    return far


async def test_a_session_whose_client_never_comes_back() -> None:
    """It ends with an error that says so, and what it held is settled. So does one with a peer that we would dial."""
    async with serving(PATIENCE) as server:
        peer = await left(server, "osd.1", Policy.lossless_peer())
        began = time.monotonic()
        far = await left(server, "client.0", Policy.lossless_client())
        receipt = await far.send(Message(type=2))
        assert await receipt is Outcome.UNDELIVERED
        assert time.monotonic() - began >= PATIENCE
        assert far.over
        with pytest.raises(TimedOut, match=r"no connection with the peer for 0.3 s \[LIVE-4\]"):
            await far.receive()
        await until(lambda: server.sessions == ())
        assert isinstance(peer.error, TimedOut)
        assert far.core not in server._table


async def test_nobody_is_forgotten_unless_it_is_asked_for() -> None:
    """The sessions of two servers lose their clients one after the other; the later one ends, and the other stays."""
    async with serving(None) as patient, serving(0.05) as server:
        kept = await left(patient, "client.0", Policy.lossless_client())
        far = await left(server, "client.0", Policy.lossless_client())
        await until(lambda: far.over)
        assert not kept.over
        assert kept.core in patient._table


async def test_a_client_that_comes_back_in_time() -> None:
    """However often: only the time without a connection counts, and only since the last one."""
    async with ChaosProxy() as proxy, serving(PATIENCE, advertise=proxy.address) as server:
        proxy.target = str(server.listening[0])
        async with dialling("client.0", Policy.lossless_client()) as client:
            near = client.session(proxy.address)
            far = await met(server, near)
            with far.events() as events:
                proxy.cut(reset=True)
                async for event in events:
                    if isinstance(event, SessionResumed):
                        break
            later = time.monotonic() + 2 * PATIENCE
            while time.monotonic() < later:
                await far.ping()
            assert not far.over
            assert far.stats.counters.connections == 2


async def test_a_client_that_comes_back_too_late() -> None:
    """It is told that its session is lost, and begins a new one."""
    async with ChaosProxy() as proxy, serving(0.05, advertise=proxy.address) as server:
        proxy.target = str(server.listening[0])
        async with dialling("client.0", Policy.lossless_client()) as client:
            near = client.session(proxy.address)
            far = await met(server, near)
            with near.events() as events:
                proxy.target = "v2:127.0.0.1:1"
                proxy.cut(reset=True)
                await until(lambda: far.over)
                proxy.target = str(server.listening[0])
                async for event in events:
                    if isinstance(event, SessionReset):
                        break
                assert event == SessionReset(full=True)
            assert await met(server, near) is not far
