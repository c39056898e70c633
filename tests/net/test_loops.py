"""Loops that call nobody back when a socket is ready."""

from __future__ import annotations

import asyncio

import pytest

from msgr import Message
from msgr.net.driver.tasked import TaskDriver

from .world import dialled, echoing

pytestmark = pytest.mark.anyio


class Proactor(asyncio.SelectorEventLoop):
    """A loop that calls nobody back when a socket is ready, like that of Windows: anyio has a thread for it."""

    add_reader = asyncio.AbstractEventLoop.add_reader
    remove_reader = asyncio.AbstractEventLoop.remove_reader
    add_writer = asyncio.AbstractEventLoop.add_writer
    remove_writer = asyncio.AbstractEventLoop.remove_writer


async def _one_comes_back() -> None:
    async with echoing() as server, dialled(server) as session:
        assert isinstance(session.driver, TaskDriver)
        await session.send(Message(type=1, tid=5))
        assert (await session.receive()).tid == 5


@pytest.mark.parametrize("anyio_backend", [("asyncio", {"loop_factory": Proactor})], ids=["proactor"])
async def test_a_loop_without_callbacks_has_tasks(anyio_backend: object) -> None:
    """The same socket is then waited for as on trio."""
    await _one_comes_back()
