"""An orderly end that is cancelled: everything ends all the same, and in order."""

from __future__ import annotations

import anyio
import pytest

import msgr
from msgr import Message

from .leaks import until
from .world import ADMIN, BOUND, KEYRING, LOOPBACK, address

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


async def test_while_the_other_end_does_not_answer() -> None:
    with anyio.fail_after(BOUND):
        async with msgr.serve(LOOPBACK, name="mon.a", auth=KEYRING) as server, anyio.create_task_group() as tasks:
            sessions: list[msgr.Session] = []

            async def client() -> None:
                async with msgr.connect(address(server), name=ADMIN, auth=KEYRING) as session:
                    sessions.append(session)
                    await session.send(Message(type=1))

            tasks.start_soon(client)
            far = await anext(server)  # which is not closed
            await until(lambda: bool(sessions) and sessions[0].closing and far.stats.inbox == 1)
            tasks.cancel_scope.cancel()
        assert sessions[0].over


async def test_while_the_messenger_ends() -> None:
    """Its tasks are waited for in any case: scopes that are left out of order break the event loop."""
    with anyio.fail_after(BOUND):
        async with msgr.serve(LOOPBACK, name="mon.a", auth=KEYRING) as server:
            with anyio.CancelScope() as scope:
                async with msgr.connect(address(server), name=ADMIN, auth=KEYRING) as session:
                    session.abort()
                    scope.cancel()
            assert session.over
