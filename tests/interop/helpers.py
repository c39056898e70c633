"""How these tests reach a monitor of the lab."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgr
from msgr import Keyring, Message, Session
from tests.lab import Cluster

ADMIN: Final = "client.admin"
SOON: Final = 5.0
"""More seconds than a monitor on this machine needs for any answer."""

PING: Final = 2
MONMAP: Final = 4
GET_MONMAP: Final = 5


@asynccontextmanager
async def connected(cluster: Cluster, **options: Any) -> AsyncIterator[Session]:
    """Be client.admin at the first monitor, unless told otherwise."""
    settings: dict[str, Any] = {"name": ADMIN, "auth": credentials(cluster)} | options
    async with msgr.connect(cluster.addresses["mon.a"], **settings) as session:
        yield session


def credentials(cluster: Cluster) -> Keyring | None:
    """Return what `auth` has to be."""
    return Keyring.load(cluster.keyring) if cluster.settings.auth == "cephx" else None


async def ask(session: Session, type: int, answer: int) -> Message:
    """Send a message without a body, and return the answer, passing over whatever else the monitor has to say."""
    await session.send(Message(type=type, tid=1))
    async for message in session:
        if message.type == answer:
            return message
    raise AssertionError("the monitor has nothing more to say")
