"""A test marked `anyio` runs on the event loop that its id names."""

from __future__ import annotations

import sys

import anyio
import pytest


def running() -> str:
    """Return the name of the event loop that runs here."""
    if "trio" in sys.modules:
        import trio

        if trio.lowlevel.in_trio_run():
            return "trio"
    return "asyncio"


@pytest.mark.anyio
async def test_the_loop_is_the_one_asked_for(anyio_backend: str) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anyio.lowlevel.checkpoint)
    assert running() == anyio_backend
