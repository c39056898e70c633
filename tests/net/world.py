"""A keyring, servers and clients that are in it, and the two ends of one session."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio

import msgr
from msgr import Keyring, Limits, Message, Messenger, Mode, Revision, Session

from .streams import MemoryStream

LOOPBACK: Final = "v2:127.0.0.1:0"
ADMIN: Final = "client.admin"
BOUND: Final = 10.0
"""More seconds than anything here takes; passing it is a failure."""


def keyring(*names: str) -> Keyring:
    """Return a keyring with a fresh key for each name."""
    ring = Keyring()
    for name in names:
        ring.add(name, msgr.CryptoKey.generate(secrets.token_bytes, 1.0), {"mon": "allow *"})
    return ring


KEYRING: Final = keyring(ADMIN)
FORMS: Final = tuple((mode, revision) for mode in Mode for revision in Revision)
"""The four modes, so to say."""


def address(server: Messenger) -> str:
    """Return where a server can be reached from this machine."""
    port = server.addresses[0].port
    host = server.addresses[0].host
    assert host is not None
    if host.is_unspecified:
        return f"v2:127.0.0.1:{port}" if host.version == 4 else f"v2:[::1]:{port}"
    return str(server.addresses[0])


def port(server: Messenger) -> int:
    """Return the port at which a server listens."""
    return server.addresses[0].port


async def echo(session: Session) -> None:
    """Send back all that comes, until the other end is gone."""
    try:
        async with session:
            async for message in session:
                await session.send(message)
    except msgr.MsgrError:
        pass  # the test at the other end knows


async def echo_all(server: Messenger) -> None:
    """Send back all that comes to a server, until it ends."""
    async with anyio.create_task_group() as tasks:
        async for session in server:
            tasks.start_soon(echo, session)


@asynccontextmanager
async def echoing(at: str = LOOPBACK, **options: Any) -> AsyncIterator[Messenger]:
    """Run a server that sends back all that comes."""
    settings: dict[str, Any] = {"name": "mon.a", "auth": KEYRING} | options
    with anyio.fail_after(6 * BOUND):
        async with anyio.create_task_group() as tasks, msgr.serve(at, **settings) as server:
            tasks.start_soon(echo_all, server)
            yield server


@asynccontextmanager
async def dialled(server: Messenger, **options: Any) -> AsyncIterator[Session]:
    """Be a client of `server`."""
    settings: dict[str, Any] = {"name": ADMIN, "auth": KEYRING} | options
    async with msgr.connect(address(server), **settings) as session:
        yield session


async def is_served(server: Messenger, **options: Any) -> None:
    """Check that a good client gets its echo, soon."""
    with anyio.fail_after(BOUND):
        async with dialled(server, **options) as session:
            await session.send(Message(type=1, tid=7, front=b"good"))
            assert bytes((await session.receive()).front) == b"good"


@asynccontextmanager
async def pair(*, server: Any = None, **client: Any) -> AsyncIterator[tuple[Session, Session]]:
    """Hold the client's and the server's end of one session over loopback."""
    settings: dict[str, Any] = {"name": "mon.a", "auth": KEYRING} | (server or {})
    async with msgr.serve(LOOPBACK, **settings) as listening, dialled(listening, **client) as near:
        with anyio.fail_after(BOUND):
            far = await anext(listening)
        yield near, far


@asynccontextmanager
async def memory_pair(
    *, server: Limits | None = None, client: Limits | None = None, **timeouts: float
) -> AsyncIterator[tuple[Session, Session]]:
    """Hold the client's and the server's end of one session over memory that holds one write, with method none."""
    one, other = MemoryStream.pair()
    where = "v2:127.0.0.1:1"
    both: dict[str, Any] = {"auth": None, "timeouts": msgr.Timeouts(**timeouts)}
    arrived, over = anyio.Event(), anyio.Event()
    far: list[Session] = []

    async def accept() -> None:
        async with msgr.accept(other, where, name="mon.a", limits=server, **both) as session:
            far.append(session)
            arrived.set()
            await over.wait()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(accept)
        async with msgr.connect(where, name=ADMIN, stream=one, limits=client, **both) as near:
            with anyio.fail_after(BOUND):
                await arrived.wait()
            try:
                yield near, far[0]
            finally:
                over.set()


async def all_of(session: Session) -> list[Message]:
    """Return all messages up to the orderly end."""
    return [message async for message in session]
