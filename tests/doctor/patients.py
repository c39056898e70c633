"""Who is examined here: servers that are well, others that are not, and paths between."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import anyio
import anyio.abc

from msgr import Timeouts
from msgr.doctor import Examination, Finding, Subject, examine
from msgr.wire import Endpoint
from tests.net.raw import listening

NAMES: Final = (
    *("resolve", "connect", "banner", "hello", "auth", "ident", "round_trip", "path_size"),
    *("reverse_path", "backlog", "close_wait"),
)
"""The questions, in their order."""
HASTE: Final = Timeouts(handshake=0.5)
"""For peers that never answer at all."""
CALM: Final = Timeouts(handshake=2.0)
"""For peers that answer some questions, and have to do so on a busy machine."""
ENDED: Final = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError)


async def examined(address: str, **options: Any) -> tuple[Examination, dict[str, Finding]]:
    """Examine a patient; returns the findings by name too, after checking what holds for all patients."""
    found = await examine(Subject(address=address, **options))
    assert tuple(finding.name for finding in found.findings) == NAMES
    for finding in found.findings:
        assert finding.detail
        assert (finding.ok is False) == bool(finding.advice), finding
        assert finding.ok is not None or finding.detail.startswith(("not asked: ", "no socket of this host")), finding
    assert found.verdict.endswith("."), found.verdict
    return found, {finding.name: finding for finding in found.findings}


def wrong(found: Examination) -> list[str]:
    """Return the names of what is wrong."""
    return [finding.name for finding in found.findings if finding.ok is False]


@asynccontextmanager
async def saying(answer: bytes, *, then_close: bool = True) -> AsyncIterator[str]:
    """Run a server that waits for the first bytes of a client, and answers them with these."""

    async def say(stream: anyio.abc.SocketStream) -> None:
        await stream.receive()
        if answer:
            await stream.send(answer)
        while not then_close:
            await stream.receive()

    async with listening(say) as address:
        yield address


Passed = Callable[[bytes], bytes | None]
"""What becomes of a burst on its way: what is passed on, or None: from then on nothing is."""


@asynccontextmanager
async def forwarding(
    target: Callable[[], str], passed: Passed = bytes, *, down: Passed = bytes, source: str = ""
) -> AsyncIterator[str]:
    """Run a forwarder on the way to `target`, which sees its clients come from the address `source`.

    `passed` is what becomes of a burst on the way up, `down` that on the way back.
    """

    async def forward(near: anyio.abc.SocketStream) -> None:
        endpoint = Endpoint.parse(target())
        far = await anyio.connect_tcp(endpoint.host, endpoint.port, local_host=source or None)
        async with far, anyio.create_task_group() as tasks:

            async def carry(one: anyio.abc.SocketStream, other: anyio.abc.SocketStream, passed: Passed) -> None:
                await pump(one, other, passed)
                tasks.cancel_scope.cancel()

            tasks.start_soon(carry, far, near, down)
            tasks.start_soon(carry, near, far, passed)

    async with listening(forward) as address:
        yield address


async def pump(one: anyio.abc.SocketStream, other: anyio.abc.SocketStream, passed: Passed) -> None:
    """Carry bytes in one direction until it ends."""
    lost = False
    with suppress(*ENDED):
        while True:
            burst = await one.receive()
            kept = None if lost else passed(burst)
            lost = kept is None
            if kept:
                await other.send(kept)


def larger_is_lost(size: int) -> Passed:
    """Return a path that loses what is larger than `size`, and all that comes after it."""
    return lambda burst: bytes(burst) if len(burst) <= size else None
