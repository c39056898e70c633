"""A whole messenger of ours against a real monitor, through cuts from either end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import anyio
import anyio.to_thread
import pytest

from msgr import Keyring, Message, Messenger, Mode, Outcome, Policy, Receipt, Session, Timeouts
from msgr.frame import Tag
from msgr.net.events import EventStream, SessionEnded, SessionEvent, SessionReset, SessionResumed

from ..lab import Cluster
from ..lab.fixtures import ClusterFactory
from .duel import PING, in_a_row
from .tapped import Strings, strings

__all__ = ["strings"]

pytestmark = [pytest.mark.ceph, pytest.mark.anyio]

_LIMIT: Final = 60.0
_ROUNDS: Final = 10
_AT_ONCE: Final = 8
_QUICK: Final = {"mon probe timeout": "0.5", "ms max backoff": "0.5"}
_FAILURES: Final[Mapping[str, Mapping[str, str]]] = {
    "us": {},
    "the daemon": {"ms inject socket failures": "40"},
    "both": {"ms inject socket failures": "60"},
}


@asynccontextmanager
async def messenger(
    cluster: Cluster, name: str, address: str, keyring: Keyring | None = None
) -> AsyncIterator[Messenger]:
    """Be the monitor of this name, within a time limit; at the end of it all, nothing is waited for."""
    with anyio.fail_after(_LIMIT):
        async with Messenger(
            name,
            auth=keyring,
            policy=Policy.lossless_peer_reuse(),
            listen=cluster.addresses[address],
            timeouts=Timeouts(max_backoff=0.5),
        ) as node:
            yield node
            for session in node.sessions:
                session.abort()


async def answers(session: Session, count: int) -> list[int]:
    """Receive until so many pings are answered; returns the numbers of all messages on the way."""
    numbers: list[int] = []
    while count:
        message = await session.receive()
        numbers.append(message.seq)
        count -= message.type == PING
    return numbers


async def ping(session: Session, count: int = _AT_ONCE) -> list[Receipt]:
    """Send messages that the daemon will answer."""
    return [await session.send(Message(type=PING)) for _ in range(count)]


async def happened(events: EventStream) -> list[SessionEvent]:
    """Return all events of a session that is over."""
    return [event async for event in events]


async def exchange(session: Session, strings: Strings, *, cut: bool) -> tuple[list[Receipt], list[int]]:
    """Send bursts of pings, cut in the middle of each if asked to, and take all answers.

    What is sent after the cut makes us dial: with nothing to say we would leave that to the daemon.
    """
    receipts: list[Receipt] = []
    numbers: list[int] = []
    for _ in range(_ROUNDS):
        receipts += await ping(session)
        numbers += await answers(session, _AT_ONCE // 2)
        receipts += await ping(session)
        if cut:
            strings.cut()
        receipts += await ping(session, 1)
        numbers += await answers(session, 2 * _AT_ONCE + 1 - _AT_ONCE // 2)
    return receipts, numbers


@pytest.mark.parametrize("by", ["us", "the daemon", pytest.param("both", marks=pytest.mark.slow)])
@pytest.mark.parametrize("address", ["smaller", "larger"])
async def test_nothing_is_lost_or_doubled(
    ceph_cluster: ClusterFactory, strings: Strings, address: str, by: str
) -> None:
    """Seen and sent: whatever the cuts lead to, RECONNECT and RECONNECT_OK among it.

    The daemon's own cuts are dice that it throws at every read and write of a socket.
    """
    ours, theirs = ("mon.a", "mon.b") if address == "smaller" else ("mon.b", "mon.a")
    extra = _QUICK | dict(_FAILURES[by])
    cluster = await anyio.to_thread.run_sync(
        lambda: ceph_cluster(monitors=2, foreign=(ours,), auth="none", modes="crc", extra=extra)
    )
    async with messenger(cluster, ours, ours) as node:
        session = node.session(cluster.addresses[theirs])
        with session.events() as events:
            receipts, numbers = await exchange(session, strings, cut=by != "the daemon")
            assert {await receipt for receipt in receipts} == {Outcome.ACKNOWLEDGED}
            session.abort()
            history = await happened(events)
    assert in_a_row(numbers)
    assert any(isinstance(event, SessionResumed) for event in history)
    assert not any(isinstance(event, SessionReset) for event in history)
    assert {Tag.SESSION_RECONNECT, Tag.SESSION_RECONNECT_OK} <= {tag for tag, _ in strings.story}


async def test_nothing_is_lost_or_doubled_with_the_key_of_the_monitors(
    ceph_cluster: ClusterFactory, strings: Strings
) -> None:
    """Encrypted, so that nobody reads along; the daemon cannot dial us, as we take no tickets of monitors here."""
    cluster = await anyio.to_thread.run_sync(
        lambda: ceph_cluster(monitors=3, foreign=("mon.a",), auth="cephx", modes="secure", extra=_QUICK)
    )
    strings.readable = False
    keyring = Keyring.load(cluster.keyring)
    async with messenger(cluster, "mon.", "mon.a", keyring) as node:
        session = node.session(cluster.addresses["mon.b"])
        receipts, numbers = await exchange(session, strings, cut=True)
        assert {await receipt for receipt in receipts} == {Outcome.ACKNOWLEDGED}
        assert in_a_row(numbers)
        assert session.peer.login.mode is Mode.SECURE
        assert session.stats.counters.connections > _ROUNDS
        assert session.stats.counters.resets == 0


@pytest.mark.parametrize("address", ["smaller", "larger"])
async def test_restarts_are_told(ceph_cluster: ClusterFactory, strings: Strings, address: str) -> None:
    """Seen: RESET(1), or CLIENT_IDENT with a new cookie, whoever dials first."""
    ours, theirs = ("mon.a", "mon.b") if address == "smaller" else ("mon.b", "mon.a")
    cluster = await anyio.to_thread.run_sync(
        lambda: ceph_cluster(monitors=2, foreign=(ours,), auth="none", modes="crc", extra=_QUICK)
    )
    async with messenger(cluster, ours, ours) as node:
        session = node.session(cluster.addresses[theirs])
        with session.events() as events:
            for _ in range(3):
                before = await ping(session)
                await answers(session, len(before))
                assert {await receipt for receipt in before} == {Outcome.ACKNOWLEDGED}
                await anyio.to_thread.run_sync(cluster.kill, theirs)
                lost = await ping(session)
                await anyio.to_thread.run_sync(cluster.restart, theirs)
                assert {await receipt for receipt in lost} <= {Outcome.UNDELIVERED, Outcome.UNKNOWN}
            after = await ping(session)
            assert await answers(session, len(after))
            session.abort()
            history = await happened(events)
    assert sum(isinstance(event, SessionReset) for event in history) == 3
    assert isinstance(history[-1], SessionEnded)
