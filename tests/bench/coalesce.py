"""What waiting for more before little is written costs and gains: `python -m tests.bench.coalesce [--json]`.

One end sends small messages, with turns of other tasks in between, so that nothing brings them together by itself; the
other end only counts. The figures are for both ends, which are in one process: system calls that write, for each 1000
messages; CPU seconds for as many; and the round trip of a single message and its answer, where both ends wait alike.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from statistics import median
from typing import Final
from unittest.mock import patch

import anyio
from anyio.lowlevel import checkpoint

from msgr import Message, Session, Timeouts, connect, serve
from msgr.net.stream import SocketStream
from msgr.wire import Octets

DELAYS: Final = (0.0, 200e-6)


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured with one delay."""

    delay_us: float
    writes_per_1000: float
    """System calls that write."""
    cpu_seconds_per_1000: float
    messages_per_second: float
    rtt_us: float


@contextmanager
def counted() -> Iterator[dict[SocketStream, int]]:
    """Count the writes of every socket while the body runs; one of few bytes is one system call."""
    writes: dict[SocketStream, int] = {}
    send_now = SocketStream.send_now

    def counting(stream: SocketStream, pieces: list[Octets]) -> list[Octets]:
        writes[stream] = writes.get(stream, 0) + 1
        return send_now(stream, pieces)

    with patch.object(SocketStream, "send_now", counting):
        yield writes


async def _answer(session: Session) -> None:
    async for message in session:
        if message.type == 3:
            await session.send(message)


async def measure(delay: float, messages: int) -> Figures:
    """Send so many messages, and make round trips, with this delay at both ends."""
    timeouts = Timeouts(coalesce=delay)
    async with (
        serve("v2:127.0.0.1:0", name="mon.a", auth=None, timeouts=timeouts) as server,
        connect(str(server.addresses[0]), name="client.admin", auth=None, timeouts=timeouts) as near,
        anyio.create_task_group() as tasks,
    ):
        far = await anext(server)
        tasks.start_soon(_answer, far)
        await _trip(near)
        with counted() as writes:
            cpu, began = time.process_time(), time.perf_counter()
            for tid in range(messages):
                await near.send(Message(type=2, tid=tid, front=b"small"))
                await checkpoint()
            await _trip(near)
            taken, cpu = time.perf_counter() - began, time.process_time() - cpu
        trips = [await _trip(near) for _ in range(200)]
        tasks.cancel_scope.cancel()
        far.abort()
    count = sum(writes.values())
    return Figures(
        delay_us=round(1e6 * delay, 1),
        writes_per_1000=round(1000 * count / messages, 1),
        cpu_seconds_per_1000=round(1000 * cpu / messages, 5),
        messages_per_second=round(messages / taken, 1),
        rtt_us=round(1e6 * median(trips), 1),
    )


async def _trip(session: Session) -> float:
    began = time.perf_counter()
    await session.send(Message(type=3))
    await session.receive()
    return time.perf_counter() - began


def main() -> None:
    """Measure, and show it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--messages", type=int, default=20_000)
    options = parser.parse_args()
    found = [anyio.run(measure, delay, options.messages) for delay in DELAYS]
    if options.json:
        print(json.dumps([asdict(figures) for figures in found]))
        return
    for figures in found:
        cost = (
            f"{figures.writes_per_1000:>7} writes and {figures.cpu_seconds_per_1000:.4f} CPU seconds for 1000 messages"
        )
        speed = f"{figures.messages_per_second:>8} a second, round trip {figures.rtt_us} us"
        print(f"delay {figures.delay_us:>5} us: {cost}, {speed}")


if __name__ == "__main__":
    main()
