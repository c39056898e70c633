"""A lossy session is closed in good order while keepalives are due: who said that this was all says nothing more."""

from __future__ import annotations

from typing import Final

import anyio
import pytest

import msgr
from msgr import Limits, Message, Policy, Runtime, Session, Timeouts
from msgr.frame import Tag
from msgr.net.stream import SocketStream
from msgr.testing import Direction, Probes

from .leaks import until
from .world import BOUND, LOOPBACK, all_of, dialled

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

COUNT: Final = 20
SIZE: Final = 10_000
"""Of one message: all of them are more than a read takes, and less than the system holds."""
OFTEN: Final = Timeouts(keepalive=0.05, close=BOUND)
NEVER: Final = Timeouts(close=BOUND)


class Farewell:
    """Notes when the end that closes has sent its FIN, and the keepalives that come to it, or from it, after that."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.probes = Probes()
        self.said = False
        self._before = 0
        finish = SocketStream.finish

        async def noted(stream: SocketStream) -> bool:
            done = await finish(stream)
            if not self.said:
                self.said, self._before = True, self._passed()
            return done

        monkeypatch.setattr(SocketStream, "finish", noted)

    def _passed(self) -> int:
        return sum(self.probes.passed(way, Tag.KEEPALIVE2, dialled=True) for way in Direction)

    @property
    def since(self) -> int:
        """The keepalives since then."""
        return self._passed() - self._before if self.said else 0


@pytest.mark.parametrize("whose", ["client", "server", "nobody"])
async def test_a_close_while_keepalives_are_due(whose: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither our own keepalive, nor the answer to one of the peer's, is written after our FIN; nor does it end us."""
    farewell = Farewell(monkeypatch)
    runtime = Runtime(trace=farewell.probes)
    async with msgr.serve(
        LOOPBACK,
        name="mon.a",
        auth=None,
        limits=Limits(inbox=1),
        timeouts=OFTEN if whose == "server" else NEVER,
        runtime=runtime,
    ) as server:
        timeouts = OFTEN if whose == "client" else NEVER
        policy = Policy.lossy_client()
        async with dialled(server, auth=None, policy=policy, timeouts=timeouts, runtime=runtime) as near:
            far = await anext(server)
            with anyio.fail_after(BOUND):
                got = await _close_and_read(near, far, farewell, 0 if whose == "nobody" else 3)
            assert got == list(range(COUNT))
            assert near.error is far.error is None


async def _close_and_read(near: Session, far: Session, farewell: Farewell, keepalives: int) -> list[int]:
    """Close one end, and read at the other only when so many keepalives came after the FIN; returns what is read."""
    for tid in range(COUNT):
        await near.send(Message(type=1, tid=tid, data=bytes(SIZE)))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(near.close)
        await until(lambda: near.over or (farewell.said and farewell.since >= keepalives))
        assert not near.over, near.error
        got = [message.tid for message in await all_of(far)]
    return got
