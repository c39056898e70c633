"""Nodes of a mesh on loopback, and what stands between them."""

from __future__ import annotations

import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import anyio
import pytest

from msgr import (
    Encryption,
    Interconnect,
    Keyring,
    Message,
    Messenger,
    MsgrError,
    Node,
    NodeRefused,
    Policy,
    Session,
    Timeouts,
)
from msgr.net.tasks import quiet_tasks

from .world import BOUND, LOOPBACK, keyring

RING: Final = keyring(*(f"osd.{id}" for id in range(1, 10)))
HURRIED: Final = Timeouts(handshake=5.0, initial_backoff=0.01, max_backoff=0.05)


def member(
    id: int,
    cluster: str = "prod",
    *,
    name: str | None = None,
    auth: Keyring | None = RING,
    listen: str | None = LOOPBACK,
    timeouts: Timeouts = HURRIED,
    asks: dict[str, Any] | None = None,
    messenger: dict[str, Any] | None = None,
    **node: Any,
) -> Messenger:
    """Return the messenger `osd.ID`, unless it has a `name`, that is node ID at host hID.

    `asks` is for `Interconnect`, `node` for `Node`.
    """
    if auth is None:
        node.setdefault("encryption", Encryption.DISABLED)
    settings: dict[str, Any] = {"id": id, "cluster": cluster, "host": f"h{id}"} | node
    return Messenger(
        name or f"osd.{id}",
        auth=auth,
        listen=listen,
        interconnect=Interconnect(node=Node(**settings), **(asks or {})),
        timeouts=timeouts,
        **({"policy": Policy.lossless_peer()} | (messenger or {})),
    )


def at(messenger: Messenger) -> str:
    """Return the address by which a node is known."""
    return str(messenger.addresses[0])


async def ended(session: Session) -> MsgrError:
    """Wait until a session is over; returns what went wrong."""
    error = await session.ended()
    assert error is not None
    return error


async def refused(session: Session) -> NodeRefused:
    """Wait until a session is over because one node does not let the other in."""
    error = await ended(session)
    assert isinstance(error, NodeRefused), error.explain()
    return error


async def talk(near: Session, far_end: Messenger, tid: int = 1) -> Session:
    """Check that messages go both ways on a session that its other end has not taken yet; returns its other end."""
    await near.send(Message(type=2, tid=tid))
    far = await anext(far_end)
    await answer(near, far, tid)
    return far


async def answer(near: Session, far: Session, tid: int) -> None:
    """Check that a message that was sent is there, and that the answer to it comes."""
    assert (await far.receive()).tid == tid
    await far.send(Message(type=2, tid=tid + 1))
    assert (await near.receive()).tid == tid + 1


@asynccontextmanager
async def mesh(*messengers: Messenger) -> AsyncIterator[anyio.abc.TaskGroup]:
    """Enter messengers, and hold a task group that is cancelled before they end."""
    with anyio.fail_after(2 * BOUND):
        async with entered(messengers), quiet_tasks() as tasks:
            yield tasks
            tasks.cancel_scope.cancel()


@asynccontextmanager
async def entered(messengers: tuple[Messenger, ...]) -> AsyncIterator[None]:
    """Enter messengers, one within the other."""
    if not messengers:
        yield
        return
    async with messengers[0], entered(messengers[1:]):
        yield


class BlackHole:
    """Takes connections, and never says a word; counts how many there were, and how many at once at the most."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._listening = socket.create_server((host, 0))
        self._listening.setblocking(False)
        self.came = 0
        self.open = 0
        self.most = 0

    @property
    def address(self) -> str:
        """Where it is."""
        host, port = self._listening.getsockname()
        return f"v2:{host}:{port}"

    def close(self) -> None:
        """Be gone."""
        self._listening.close()

    async def run(self) -> None:
        """Take connections until it is cancelled."""
        async with anyio.create_task_group() as tasks:
            while True:
                await anyio.wait_readable(self._listening)
                connected, _ = self._listening.accept()
                self.came += 1
                tasks.start_soon(self._swallow, connected)

    async def _swallow(self, connected: socket.socket) -> None:
        connected.setblocking(False)
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            while True:
                await anyio.wait_readable(connected)
                try:
                    if not connected.recv(1 << 16):
                        return
                except OSError:
                    return
        finally:
            self.open -= 1
            connected.close()


@contextmanager
def black_hole(host: str = "127.0.0.1") -> Iterator[BlackHole]:
    """Hold a black hole, which runs in a task of the test's."""
    hole = BlackHole(host)
    try:
        yield hole
    finally:
        hole.close()


def closed_port() -> str:
    """Return an address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"v2:127.0.0.1:{listening.getsockname()[1]}"


def told(caplog: pytest.LogCaptureFixture, event: str, level: int = logging.INFO) -> list[dict[str, Any]]:
    """Return the structures of what was logged about an event, at that level or above."""
    found = [record for record in caplog.records if record.levelno >= level and hasattr(record, "msgr")]
    structures: list[dict[str, Any]] = [record.msgr for record in found]
    return [structure for structure in structures if structure["event"] == event]
