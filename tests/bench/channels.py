"""What channels give and cost: `python -m tests.bench.channels [--json]`.

Three questions. *Shares*: three channels with quotas 1:4:16 send messages of mixed sizes, all of them more than the
reader takes; what has each had when the reader has taken so much? *Waiting*: channel 1 is kept full of messages of
64 MiB while small ones go through channel 2, one at a time; how long does the slowest take there and back, with the
large ones in parts and whole? *Many*: what does a message cost that is pushed and popped while 65,536 channels are
busy, against one?
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Final

import anyio

from msgr import ChannelQuotas, Interconnect, Limits, Message, Messenger, Node, Policy, Session
from msgr.session import ChannelQueue, OutQueue, Receipt
from msgr.session.channels import OVERHEAD

MIB: Final = 1 << 20
QUOTAS: Final = {1: 1, 2: 4, 3: 16}
SIZES: Final = {1: (100, 9_000), 2: (64, 700, 90_000), 3: (2_000, 70_000)}
LARGE: Final = 64 * MIB
PACE: Final = 20 * MIB
"""Bytes a second that the slow reader takes."""
BUSY: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Share:
    """What one channel had."""

    channel: int
    quota: int
    due: float
    """Its share by the quotas, in per cent."""
    had: float
    """What it had, in per cent."""
    off: float
    """How far that is from what was due, in per cent of it."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Round trips of small messages beside large ones, in milliseconds."""

    trips: int
    median_ms: float
    worst_ms: float
    large_mib_per_second: float


@dataclass(frozen=True, slots=True)
class Flow:
    """Messages of 4 MiB, one way, in one channel; the CPU time is that of both ends."""

    mib_per_second: float
    cpu_seconds_per_gib: float


def _node(number: int, channels: ChannelQuotas | None, limits: Limits, listen: str | None = None) -> Messenger:
    return Messenger(
        f"osd.{number}",
        auth=None,
        policy=Policy.lossless_peer(),
        listen=listen,
        channels=channels,
        limits=limits,
        interconnect=Interconnect(node=Node(id=number)),
    )


class Pair:
    """Two nodes in one process, and both ends of their session."""

    def __init__(self, channels: ChannelQuotas | None, limits: Limits) -> None:
        self._far = _node(2, channels, limits, "v2:127.0.0.1:0")
        self._near = _node(1, channels, limits)

    async def __aenter__(self) -> tuple[Session, Session]:
        await self._far.__aenter__()
        await self._near.__aenter__()
        near = self._near.session(str(self._far.addresses[0]))
        await near.send(Message(type=1))
        far = await anext(self._far)
        await far.receive()
        return near, far

    async def __aexit__(self, *_: object) -> None:
        for node in (self._near, self._far):
            for session in node.sessions:
                session.abort()
            await node.__aexit__(None, None, None)


async def shares(seconds: float) -> list[Share]:
    """Measure the shares of three channels towards a slow reader."""
    limits = Limits(inbox=MIB, outbox=4 * MIB)
    had = Counter[int]()
    async with Pair(ChannelQuotas(1, QUOTAS), limits) as (near, far), anyio.create_task_group() as tasks:

        async def fill(channel: int) -> None:
            number = 0
            while True:
                size = SIZES[channel][number % len(SIZES[channel])]
                await near.send(Message(type=2, channel=channel, data=bytes(size)))
                number += 1

        for channel in QUOTAS:
            tasks.start_soon(fill, channel)
        began, skipped = time.monotonic(), 0
        while time.monotonic() - began < seconds:
            message = await far.receive()
            # What went before all were busy is not in the figures: as much as the buffers between hold.
            skipped += message.size
            if skipped > 24 * MIB:
                had[message.channel] += message.size + OVERHEAD
            ahead = skipped / PACE - (time.monotonic() - began)
            if ahead > 0.01:
                await anyio.sleep(ahead)
        tasks.cancel_scope.cancel()
    total, weights = had.total(), sum(QUOTAS.values())
    found = []
    for channel, quota in QUOTAS.items():
        due, got = 100 * quota / weights, 100 * had[channel] / total
        found.append(Share(channel, quota, round(due, 2), round(got, 2), round(100 * (got / due - 1), 2)))
    return found


async def waiting(channels: ChannelQuotas | None, seconds: float, *, parts: bool = True) -> Waiting:
    """Measure round trips of small messages while large ones flow the same way, in parts if the peer takes them."""
    limits = Limits(inbox=2 * LARGE, outbox=2 * LARGE, parts=LARGE if parts else 0)
    trips, taken = list[float](), 0
    async with Pair(channels, limits) as (near, far), anyio.create_task_group() as tasks:

        async def fill() -> None:
            data = bytes(LARGE)
            while True:
                await near.send(Message(type=2, channel=1, data=data))

        async def answer() -> None:
            nonlocal taken
            while True:
                message = await far.receive()
                taken += message.size
                if message.type == 3:
                    await far.send(message)

        tasks.start_soon(answer)
        tasks.start_soon(fill)
        await near.ping()
        began, before = time.monotonic(), taken
        while time.monotonic() - began < seconds:
            sent = time.monotonic()
            await near.send(Message(type=3, channel=2))
            await near.receive()
            trips.append(1e3 * (time.monotonic() - sent))
            await anyio.sleep(0.005)
        rate = (taken - before) / (time.monotonic() - began) / MIB
        tasks.cancel_scope.cancel()
    return Waiting(len(trips), round(median(trips), 2), round(max(trips), 2), round(rate, 1))


async def flow(channels: ChannelQuotas | None, seconds: float, *, parts: bool = True) -> Flow:
    """Measure messages of one size, one way, in one channel."""
    limits = Limits(inbox=32 * MIB, outbox=32 * MIB, parts=LARGE if parts else 0)
    taken = 0
    async with Pair(channels, limits) as (near, far), anyio.create_task_group() as tasks:

        async def fill() -> None:
            data = bytes(4 * MIB)
            while True:
                await near.send(Message(type=2, channel=1, data=data))

        tasks.start_soon(fill)
        began, cpu, lasted = time.monotonic(), time.process_time(), 0.0
        while lasted < seconds:
            taken += (await far.receive()).size
            lasted = time.monotonic() - began
        cpu = time.process_time() - cpu
        tasks.cancel_scope.cancel()
    return Flow(round(taken / lasted / MIB, 1), round(1024 * MIB * cpu / taken, 3))


def cost(queue: ChannelQueue | OutQueue, busy: int, rounds: int = 100_000) -> float:
    """Return the microseconds of a push and a pop while messages wait in so many channels."""
    messages = [Message(type=1, channel=number % busy) for number in range(max(busy, rounds))]
    receipt = Receipt()
    for message in messages[: max(busy, 2)]:
        queue.push(message, receipt)
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        for message in messages[:rounds]:
            queue.push(message, receipt)
            queue.pop()
        best = min(best, time.process_time() - began)
    return 1e6 * best / rounds


async def measure(seconds: float) -> dict[str, Any]:
    """Answer all questions."""
    beside = [await waiting(ChannelQuotas(), seconds, parts=parts) for parts in (False, True)]
    flows = [await flow(ChannelQuotas(), seconds, parts=parts) for parts in (False, True)]
    one, many = cost(ChannelQueue(ChannelQuotas()), 1), cost(ChannelQueue(ChannelQuotas()), BUSY)
    return {
        "shares": [asdict(share) for share in await shares(3 * seconds)],
        "waiting": _side_by_side(beside) | {"ratio": round(beside[0].worst_ms / beside[1].worst_ms, 1)},
        "flow": _side_by_side(flows) | {"ratio": round(flows[1].cpu_seconds_per_gib / flows[0].cpu_seconds_per_gib, 2)},
        "channels": {
            "strict_us": round(cost(OutQueue(), 1), 3),
            "one_us": round(one, 3),
            "busy": BUSY,
            "busy_us": round(many, 3),
            "ratio": round(many / one, 2),
        },
    }


def _side_by_side(found: Sequence[Waiting | Flow]) -> dict[str, Any]:
    return {name: asdict(each) for name, each in zip(("whole", "parts"), found, strict=True)}


def show(figures: dict[str, Any]) -> None:
    """Print the figures for people."""
    print("shares, towards a reader that takes 20 MiB/s")
    for share in figures["shares"]:
        print(
            "  channel {channel}  quota {quota:>2}  due {due:6.2f} %  had {had:6.2f} %  off {off:+.2f} %".format(
                **share
            )
        )
    print("round trips of small messages beside messages of 64 MiB, both over one connection")
    for name in ("whole", "parts"):
        found = figures["waiting"][name]
        print(
            f"  {name:<6} worst {found['worst_ms']:>9.2f} ms  median {found['median_ms']:>9.2f} ms  "
            f"({found['trips']} trips, {found['large_mib_per_second']} MiB/s of large ones)"
        )
    print(f"  the worst is {figures['waiting']['ratio']} times shorter in parts")
    print("messages of 4 MiB alone, both ends in one process")
    for name in ("whole", "parts"):
        found = figures["flow"][name]
        print(f"  {name:<6} {found['cpu_seconds_per_gib']} CPU seconds a GiB, {found['mib_per_second']} MiB/s")
    queue = figures["channels"]
    alone = f"{queue['strict_us']} us without channels, {queue['one_us']} in one"
    print(f"a push and a pop: {alone}, {queue['busy_us']} with {queue['busy']:,} busy ({queue['ratio']} times)")


def main() -> None:
    """Measure, and show it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=4.0, help="for each of the measurements over sockets")
    options = parser.parse_args()
    figures = anyio.run(measure, options.seconds)
    if options.json:
        print(json.dumps(figures))
    else:
        show(figures)


if __name__ == "__main__":
    main()
