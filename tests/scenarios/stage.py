"""Messengers for the scenarios, and the questions that the scenarios put to them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio

from msgr import Keyring, Message, Messenger, Policies, Policy, Runtime, Session, Timeouts
from msgr.net.events import EventStream, SessionEvent
from msgr.net.tasks import quiet_tasks
from msgr.testing import Direction, Probes

from ..net.mesh import entered
from ..net.world import LOOPBACK, keyring

LIMIT: Final = 20.0
"""More seconds than a scenario takes; passing it is a failure."""
HURRIED: Final = Timeouts(initial_backoff=0.01, max_backoff=0.05)
PATIENT: Final = Timeouts(initial_backoff=2 * LIMIT, max_backoff=2 * LIMIT)
"""Who was refused or cut off waits for the other end to dial."""
RING: Final = keyring("osd.0", "osd.1", "mon.0", "client.0", "client.1")
HANDLING: Final = Direction.HANDLING
SENDING: Final = Direction.SENDING


def node(
    name: str,
    policy: Policy | Policies,
    *,
    nonce: int = 0,
    listens: bool = True,
    probes: Probes | None = None,
    timeouts: Timeouts = HURRIED,
    auth: Keyring | None = RING,
    **more: Any,
) -> Messenger:
    """Return a messenger, which listens on loopback; of two that dial each other, the one with the lower nonce wins."""
    chosen: dict[str, Any] = {"policies": policy} if isinstance(policy, Policies) else {"policy": policy}
    if listens:
        chosen["listen"] = f"{LOOPBACK}/{nonce}"
    return Messenger(name, auth=auth, timeouts=timeouts, runtime=Runtime(trace=probes), **(chosen | more))


def at(messenger: Messenger) -> str:
    """Return the address by which a messenger is known."""
    return str(messenger.addresses[0])


async def say(session: Session, *tids: int) -> None:
    """Send one small message for each tid."""
    for tid in tids:
        await session.send(Message(type=2, tid=tid))


async def hear(session: Session, count: int = 1) -> list[int]:
    """Return the tids of the next messages."""
    return [(await session.receive()).tid for _ in range(count)]


def kind(session: Session) -> int:
    """Return the type of entity that the other end says it is."""
    return session.peer.login.met.entity_type


async def until(session: Session, event: type[SessionEvent], events: EventStream) -> SessionEvent:
    """Wait for an event of a type and return it; those before are passed over."""
    async for each in events:
        if isinstance(each, event):
            return each
    raise AssertionError(f"no {event.__name__} before the end of {session}")


async def gone(session: Session) -> None:
    """Wait until a session has no connection."""
    while session.connected:
        await session.changed.wait()


async def over(session: Session) -> None:
    """Wait until a session is over."""
    while not session.over:
        await session.changed.wait()


async def echo(session: Session) -> None:
    """Send back all that comes, to the end of the session."""
    async for message in session:
        await session.send(message)


@asynccontextmanager
async def scene(*messengers: Messenger) -> AsyncIterator[anyio.abc.TaskGroup]:
    """Enter messengers, each with the time of a scenario, and hold a task group that is cancelled before they end."""
    with anyio.fail_after(LIMIT):
        async with entered(messengers), quiet_tasks() as tasks:
            yield tasks
            tasks.cancel_scope.cancel()
