"""How long a session waits before it dials again."""

from __future__ import annotations

import socket
import time
from itertools import pairwise
from typing import Final

import anyio
import pytest

from msgr.core import Timeouts
from msgr.net import Messenger
from msgr.session import Policy

pytestmark = pytest.mark.anyio

WAITS: Final = (0.05, 0.1, 0.2, 0.2)
"""Each twice the one before it, up to the longest."""


async def test_each_wait_is_twice_the_one_before_up_to_the_longest() -> None:
    """Demand 85."""
    dialled: list[float] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        port = listening.getsockname()[1]
        timeouts = Timeouts(initial_backoff=WAITS[0], max_backoff=WAITS[-1], close=0.1)
        async with Messenger("osd.1", auth=None, policy=Policy.lossless_client(), timeouts=timeouts) as node:
            node.session(f"v2:127.0.0.1:{port}/1")
            with anyio.fail_after(10):
                for _ in range(len(WAITS) + 1):
                    await anyio.wait_readable(listening)
                    visitor, _ = listening.accept()
                    dialled.append(time.monotonic())
                    visitor.close()
    waited = [later - before for before, later in pairwise(dialled)]
    assert all(long >= least * 0.9 for long, least in zip(waited, WAITS, strict=True)), waited
