"""The client of `spec/example.md`, which knows nothing of msgr, is let in: by our own server, and by real monitors."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID, uuid4

import anyio
import anyio.from_thread
import pytest

import msgr
from msgr import CryptoKey, Keyring, Message
from msgr.auth import KeyType
from msgr.mon.maps import MonMap
from msgr.mon.messages import MessageType, MonMapMessage
from tests.lab import Cluster

from .book import DIRECTORY, Page

ADMIN: Final = "client.admin"
FSID: Final = uuid4()


def converse(address: str, key: CryptoKey) -> dict[str, Any]:
    """Run the page against the server at `address`; returns what it found out."""
    path = DIRECTORY / "example.md"
    endpoint = msgr.EntityAddr.parse(address)
    names: dict[str, Any] = {"HOST": str(endpoint.host), "PORT": endpoint.port, "KEY": key.to_text()}
    try:
        for fence in Page(path, path.read_text(encoding="utf-8")).fences:
            if fence.info == "python":
                exec(compile("\n" * (fence.line - 1) + fence.text, str(path), "exec"), names)
    finally:
        names["peer"].socket.close()
    return names


async def answer(session: msgr.Session) -> None:
    """Tell whoever asks which monitors there are: none."""
    monmap = MonMap(fsid_bytes=FSID.bytes, epoch=1, mons={}, ranks=(), release=18)
    async with session:
        async for message in session:
            assert message.type == MessageType.MON_GET_MAP
            told = MonMapMessage(monmap=monmap.encode()).message(tid=message.tid)
            await session.send(Message(type=told.type, tid=told.tid, front=told.front))


async def monitor(keyring: Keyring, *, task_status: anyio.abc.TaskStatus[str]) -> None:
    """Be a monitor with one answer."""
    async with (
        msgr.serve("v2:127.0.0.1:0", name="mon.a", auth=keyring) as listening,
        anyio.create_task_group() as tasks,
    ):
        task_status.started(str(listening.addresses[0]))
        async for session in listening:
            tasks.start_soon(answer, session)


@contextmanager
def running(keyring: Keyring) -> Iterator[str]:
    """Run that monitor in a thread of its own; yields its address."""
    with anyio.from_thread.start_blocking_portal() as portal:
        future, address = portal.start_task(monitor, keyring)
        try:
            yield address
        finally:
            future.cancel()


def test_our_server_lets_it_in() -> None:
    keyring = Keyring()
    key = keyring.add(ADMIN, CryptoKey.generate(secrets.token_bytes, time.time(), KeyType.AES)).key
    with running(keyring) as address:
        found = converse(address, key)
    assert UUID(bytes=found["fsid"]) == FSID
    assert found["global_id"] > 0


def test_another_key_is_refused() -> None:
    keyring = Keyring()
    keyring.add(ADMIN, CryptoKey.generate(secrets.token_bytes, time.time(), KeyType.AES))
    wrong = CryptoKey.generate(secrets.token_bytes, time.time(), KeyType.AES)
    with running(keyring) as address, pytest.raises(AssertionError, match="tag 3 where 6 was expected"):
        converse(address, wrong)


@pytest.mark.ceph
def test_a_real_monitor_lets_it_in(ceph_cephx: Cluster) -> None:
    key = Keyring.load(ceph_cephx.keyring).get(ADMIN).key
    found = converse(ceph_cephx.addresses["mon.a"], key)
    assert UUID(bytes=found["fsid"]) == UUID(ceph_cephx.fsid)
