"""Compression with Ceph's own messenger programs: their client asks our server for it, and ours asks theirs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import anyio
import pytest

import msgr
from msgr import Algorithm, Compression, Mode, Policy
from msgr.testing import ChaosProxy

from ..bench import ours
from ..bench.theirs import WINDOW, Programs, programs
from ..lab.fixtures import only_release

pytestmark = [pytest.mark.anyio, only_release("18.2")]

LIMIT: Final = 30.0
SIZE: Final = 64 << 10
COUNT: Final = 300
BUILT: Final = (Algorithm.SNAPPY, Algorithm.ZLIB, Algorithm.ZSTD, Algorithm.LZ4)
"""Brotli is in no package."""
EVERYTHING: Final = Compression(algorithms=tuple(Algorithm), minimum=0)


@pytest.fixture(params=BUILT, ids=lambda algorithm: algorithm.name.lower())
def algorithm(request: pytest.FixtureRequest) -> Algorithm:
    """Each that their programs have."""
    chosen: Algorithm = request.param
    return chosen


@pytest.fixture
def theirs(release: str, algorithm: Algorithm) -> Iterator[Programs]:
    """The programs, with compression wherever the other end is an OSD."""
    extra = {
        "ms osd compress mode": "force",
        "ms osd compression algorithm": algorithm.name.lower(),
        "ms osd compress min size": "0",
    }
    with programs(extra=extra) as found:
        yield found


async def test_their_client_asks_our_server(theirs: Programs, algorithm: Algorithm) -> None:
    """It takes us for an OSD, so it wishes to compress; questions and answers all come, and few bytes for them."""
    async with (
        ChaosProxy() as proxy,
        msgr.serve(
            "v2:127.0.0.1:0",
            name="osd.0",
            auth=(ours.SilentNone(),),
            policy=Policy.stateless_server(),
            advertise=proxy.address,
            modes=(Mode.CRC,),
            compression=EVERYTHING,
        ) as node,
        anyio.create_task_group() as tasks,
    ):
        proxy.target = str(node.listening[0])
        server = ours.Answering(node)
        tasks.start_soon(server.run)
        await theirs.ask(proxy.address, size=SIZE, count=COUNT, within=LIMIT)
        (session,) = server.sessions
        assert session.peer.compression is algorithm
        assert COUNT - WINDOW <= server.questions <= COUNT
        assert server.octets == server.questions * SIZE
        assert 0 < proxy.stats.bytes < server.octets / 4
        tasks.cancel_scope.cancel()
        session.abort()


async def test_our_client_asks_their_server(theirs: Programs, algorithm: Algorithm) -> None:
    """It takes us for an OSD too, by what we say of ourselves."""
    question = ours.question(SIZE)
    with theirs.server() as address, anyio.fail_after(LIMIT):
        async with msgr.connect(address, name="osd.5", auth=None, modes=(Mode.CRC,), compression=EVERYTHING) as session:
            assert session.peer.compression is algorithm
            for _ in range(COUNT):
                await session.send(question)
                answer = await session.receive()
                assert answer.type == ours.OPERATION_REPLY
                assert answer.front == ours.ANSWER.front
