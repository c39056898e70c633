"""What a connection is made of is freed when it has ended: where it held itself, each would cost the collector time."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from msgr import Message, Messenger, Session
from msgr.core import Connection
from msgr.net.broker import Broker
from msgr.net.driver import Driver
from msgr.session import PeerSession

from .leaks import until
from .world import dialled, echoing

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

_PARTS = Connection, Driver, PeerSession, Session, Broker, Messenger


@pytest.fixture
def without_collector() -> Iterator[None]:
    """Free nothing that is held by itself."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def _parts() -> int:
    return sum(isinstance(one, _PARTS) for one in gc.get_objects())


@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_nothing_waits_for_the_collector() -> None:
    async with echoing() as server:
        await _come_and_go(server)  # the server's loop has a hold on the last that came
        before = _parts()
        for _ in range(3):
            await _come_and_go(server)
        await until(lambda: _parts() <= before)


async def _come_and_go(server: Messenger) -> None:
    async with dialled(server) as session:
        await session.send(Message(type=1))
        await session.receive()
