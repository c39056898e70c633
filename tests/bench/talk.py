"""What the two ends do, in programs that await; `blocking.py` has the same for those that block."""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from statistics import median
from time import perf_counter, process_time
from typing import Any, Final, TypeAlias

import anyio

from .links import Link, Task, Transport
from .load import BYE, Accountant, Checker, Load, end_of, load_of, settle
from .works import Kind, Work

Figures: TypeAlias = dict[str, float]
"""What came of it, by name."""

WARM: Final = 0.2
"""How much of the time is spent before the clock runs."""
_AT_ONCE: Final = 16
"""How many connections are begun at once, where many are to be held."""


async def answer(link: Link, work: Work) -> None:
    """Be the server at one connection, until the client says goodbye."""
    load = load_of(work.size)
    checker = Checker(load)
    accountant = Accountant(checker)
    echo = work.kind in (Kind.ECHO, Kind.CONNECT, Kind.HOLD)
    memory = Memory(work)
    while True:
        message = await link.receive()
        if len(message) == work.size:
            checker.check(message)
            if echo:
                await link.send(message)
                await link.flush()
        elif message == BYE:
            return
        else:
            await link.send(accountant.answer(bytes(message), **memory.measured()))
            await link.flush()


class Memory:
    """Counts how much memory Python takes beyond what it had, where the work is about that."""

    def __init__(self, work: Work) -> None:
        self._size = work.size
        self._counts = work.copies
        if self._counts:
            tracemalloc.start()
            self._before = tracemalloc.get_traced_memory()[0]

    def measured(self) -> dict[str, float]:
        """Return the most there was since the beginning, in messages."""
        if not self._counts:
            return {}
        return {"copies": (tracemalloc.get_traced_memory()[1] - self._before) / self._size}


async def ask(transport: Transport, task: Task, address: str, held: Callable[[], Awaitable[None]]) -> Figures:
    """Be the client, and return what was measured; `held` is awaited while many connections are held."""
    work = task.work
    if work.kind is Kind.CONNECT:
        return await _connect(transport, task, address)
    if work.kind is Kind.HOLD:
        return await _hold(transport, task, address, held)
    load = load_of(work.size)
    async with _connected(transport, task, address) as link:
        if work.kind is Kind.ECHO:
            checker = Checker(load)
            await _echo(link, load, checker, work, work.seconds * WARM)
            return await _echo(link, load, checker, work, work.seconds)
        memory = Memory(work)
        figures = await _stream(link, load, 0, work.seconds * WARM)
        return {**await _stream(link, load, int(figures["count"]), work.seconds), **memory.measured()}


@asynccontextmanager
async def _connected(transport: Transport, task: Task, address: str) -> AsyncIterator[Link]:
    async with transport.connect(task, address) as link:
        yield link
        await link.send(BYE)
        await link.flush()


async def _stream(link: Link, load: Load, first: int, seconds: float) -> Figures:
    """Send for so many seconds, beginning with message `first`; the clock stops when the receiver has all."""
    messages, turns, stride, send = load.messages, len(load.messages), load.stride, link.send
    number = first
    cpu, begin = process_time(), perf_counter()
    until = begin + seconds
    while True:
        for _ in range(stride):
            await send(messages[number % turns])
            number += 1
        if perf_counter() >= until:
            break
    count = number - first
    await send(end_of(count))
    await link.flush()
    account = settle(await link.receive(), count)
    taken = perf_counter() - begin
    return figures_of(count, taken, process_time() - cpu, account)


async def _echo(link: Link, load: Load, checker: Checker, work: Work, seconds: float) -> Figures:
    """Keep so many messages on their way; the clock stops when all have come back."""
    messages, turns, depth = load.messages, len(load.messages), work.depth
    first = number = checker.number
    singles: list[float] = []
    over = False
    cpu, begin = process_time(), perf_counter()
    asked = begin
    while True:
        while not over and number - checker.number < depth:
            await link.send(messages[number % turns])
            number += 1
        if number == checker.number:
            break
        await link.flush()
        checker.check(await link.receive())
        now = perf_counter()
        if depth == 1:
            singles.append(now - asked)
            asked = now
        over = now - begin >= seconds
    count, taken, cpu = number - first, perf_counter() - begin, process_time() - cpu
    await link.send(end_of(count))
    await link.flush()
    figures = figures_of(count, taken, cpu, settle(await link.receive(), count))
    return {**figures, "round_trip": median(singles)} if singles else figures


def figures_of(count: int, seconds: float, cpu: float, account: dict[str, Any]) -> Figures:
    """Return what a burst came to; `cpu` is what the sender took, and the account has that of the receiver."""
    more = {"receiver_copies": account["copies"]} if "copies" in account else {}
    return {"count": count, "seconds": seconds, "cpu": cpu, "receiver_cpu": account["cpu"], **more}


async def _connect(transport: Transport, task: Task, address: str) -> Figures:
    work = task.work
    load = load_of(work.size)
    message = load.messages[0]
    count = 0

    async def many(until: float) -> None:
        nonlocal count
        while perf_counter() < until:
            async with _connected(transport, task, address) as link:
                await link.send(message)
                await link.flush()
                Checker(load).check(await link.receive())
            count += 1

    async def burst(seconds: float) -> Figures:
        nonlocal count
        count, cpu, begin = 0, process_time(), perf_counter()
        async with anyio.create_task_group() as tasks:
            for _ in range(work.depth):
                tasks.start_soon(many, begin + seconds)
        return {"count": count, "seconds": perf_counter() - begin, "cpu": process_time() - cpu}

    await burst(work.seconds * WARM)
    return await burst(work.seconds)


async def _hold(transport: Transport, task: Task, address: str, held: Callable[[], Awaitable[None]]) -> Figures:
    """Hold many connections, each of which has carried a message there and back; the last thing they do is to wait."""
    work = task.work
    load = load_of(work.size)
    slots = anyio.Semaphore(_AT_ONCE)
    missing, complete = work.depth, anyio.Event()

    async def one() -> None:
        nonlocal missing
        async with AsyncExitStack() as stack:
            async with slots:
                link = await stack.enter_async_context(transport.connect(task, address))
                await link.send(load.messages[0])
                await link.flush()
                Checker(load).check(await link.receive())
            missing -= 1
            if not missing:
                complete.set()
            await anyio.sleep_forever()

    begin = perf_counter()
    async with anyio.create_task_group() as tasks:
        for _ in range(work.depth):
            tasks.start_soon(one)
        await complete.wait()
        taken = perf_counter() - begin
        await held()
        tasks.cancel_scope.cancel()
    return {"count": work.depth, "seconds": taken}
