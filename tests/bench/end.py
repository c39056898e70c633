"""One end, in a process of its own: `python -m tests.bench.end`, which the benchmark starts twice for every run.

It reads one line of JSON that says what to do. A server prints its address, and serves until its input ends; a client
prints what it measured.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from functools import partial
from pathlib import Path
from typing import Any, cast

import anyio

from . import blocking, talk
from .links import BlockingTransport, Link, Task, Transport
from .transports import ENTRIES, Entry, Loop
from .works import Kind, Work


def main() -> None:
    """Do what the line says."""
    orders = json.loads(sys.stdin.readline())
    entry = ENTRIES[orders["transport"]]
    task = Task(work=Work.of(orders["work"]), directory=Path(orders["directory"]))
    address: str | None = orders.get("address")
    if task.work.kind is Kind.HOLD:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if entry.loop is Loop.NONE:
        _block(entry, task, address)
        return
    options = {"use_uvloop": True} if entry.loop is Loop.UVLOOP else {}
    backend = "trio" if entry.loop is Loop.TRIO else "asyncio"
    program = partial(_serve, entry, task) if address is None else partial(_ask, entry, task, address)
    anyio.run(program, backend=backend, backend_options=options)


def _say(line: str) -> None:
    os.write(sys.stdout.fileno(), line.encode() + b"\n")


def _block(entry: Entry, task: Task, address: str | None) -> None:
    transport = cast(BlockingTransport, entry.load())
    if address is not None:
        _say(json.dumps(blocking.ask(transport, task, address)))
        return
    with transport.accept(task, _say) as link:
        blocking.answer(link, task.work)


async def _input_ends(*_: Any) -> None:
    await anyio.wait_readable(sys.stdin.fileno())


async def _serve(entry: Entry, task: Task) -> None:
    transport = cast(Transport, entry.load())

    async def answer(link: Link) -> None:
        await talk.answer(link, task.work)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(transport.serve, task, _say, answer)
        await _input_ends()
        tasks.cancel_scope.cancel()


async def _ask(entry: Entry, task: Task, address: str) -> None:
    transport = cast(Transport, entry.load())

    async def held() -> None:
        _say("held")
        await _input_ends()

    _say(json.dumps(await talk.ask(transport, task, address, held)))


if __name__ == "__main__":
    main()
