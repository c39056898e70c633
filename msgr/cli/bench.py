"""`msgr bench`: how many messages, how many bytes, how soon?"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Annotated, Final

import anyio
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from ..auth import CryptoKey, Keyring
from ..core import Limits
from ..errors import MessageTooLarge, PeerError
from ..frame import Mode, Revision
from ..net import Session, connect
from ..session import Message
from .options import JsonOption, ModeName, RevisionName, RevisionOption, revision_of
from .report import FAILED, Report
from .scale import MESSAGES, Progressed, measure, show
from .words import micros
from .worker import echo_process

_NAME: Final = "client.bench"
_TYPE: Final = 1
_SECONDS: Final = 3.0
_SINGLE: Final = 200
"""How many requests are made one at a time, to measure the round trip, unless a second is over before."""
_WINDOW_BYTES: Final = 16 << 20
_WINDOW_MESSAGES: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be measured; it ends after `count` messages or `seconds`, whichever comes first."""

    size: int
    count: int | None
    seconds: float | None
    mode: Mode
    revision: Revision

    @property
    def window(self) -> int:
        """How many messages may be on their way at once."""
        return max(2, min(_WINDOW_MESSAGES, _WINDOW_BYTES // max(1, self.size)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured."""

    count: int
    seconds: float
    round_trip: float
    """The median, in seconds."""
    singles: int
    """How many round trips that is of."""


def bench(
    size: Annotated[int, typer.Option("--size", min=0, help="Bytes in a message.")] = 4096,
    count: Annotated[
        int | None, typer.Option("--count", min=1, help="How many messages; by default as many as the time allows.")
    ] = None,
    mode: Annotated[ModeName, typer.Option("--mode", help="The connection mode.")] = ModeName.SECURE,
    revision: RevisionOption = RevisionName.REV1,
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=0.01, help="How long, at most; 3 unless --count is given.")
    ] = None,
    scale: Annotated[
        bool, typer.Option("--scale", help="Measure whether many messages or sessions make one cost more.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Measure messages between two processes over loopback.

    Both authenticate with cephx. Each message is sent, echoed by the other process, and compared with what was sent.
    It is counted once, as one message of SIZE bytes, though it travels there and back. The round trip is that of one
    message at a time.

    With --scale nothing is sent: in memory, the steps of a session with COUNT unacknowledged messages (1,000,000), and
    of a table with COUNT/10 sessions, are compared with the same of a thousandth. It takes about a minute and 400 MB;
    of the other options only --count and --json then matter. The exit code is 1 if any step costs over 2 times as much.

    Its JSON keys: send_ratio, ack_ratio, replay_ratio (send again after a cut) and queue_ratio (send while COUNT wait
    unsent) for messages; lookup_ratio (decode a request, find its session), decide_ratio (find, and answer a new and a
    returning peer) and register_ratio (remove and register) for the table; find_ratio (the find alone) and dict_ratio
    (a plain dict of the same sizes), to compare: memory that no cache holds is most of them. Each has its times in
    microseconds, small and large, under _us in place of _ratio. bytes_per_session, bytes_per_message (waiting, without
    payload) and bytes_per_unacknowledged are counted by tracemalloc. cut_us is to lose a connection halfway through
    sending all again (small, large), gc_pause_us a full garbage collection;
    messages and sessions are the sizes (small, large), limit is 2, and ok tells whether all but find_ratio and
    dict_ratio are within.
    """
    report = Report(json=json)
    if scale:
        _scale(count or MESSAGES, report)
        return
    if size > Limits().data:
        raise MessageTooLarge(f"messages of {size} bytes; {Limits().data} are allowed [LIMIT-2]")
    if count is None and seconds is None:
        seconds = _SECONDS
    plan = Plan(size=size, count=count, seconds=seconds, mode=Mode[mode.name], revision=revision_of(revision))
    keyring = Keyring()
    keyring.add(_NAME, CryptoKey.generate(secrets.token_bytes, time.time()))
    with echo_process(keyring, plan.mode, plan.revision) as address, _bar(report) as progressed:
        figures = anyio.run(partial(_measure, address, keyring, plan, progressed))
    _show(plan, figures, report)


def _scale(messages: int, report: Report) -> None:
    with _bar(report) as progressed:
        figures = measure(messages, progressed)
    show(figures, report)
    if not figures.good:
        raise typer.Exit(FAILED)


@contextmanager
def _bar(report: Report) -> Iterator[Progressed]:
    """Show a bar on a terminal, and nothing elsewhere."""
    console = Console(stderr=True)
    if report.json or not console.is_terminal:
        yield lambda done: None
        return
    columns = (TextColumn("measuring"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=1.0)
        yield lambda done: progress.update(task, completed=min(1.0, done))


async def _measure(address: str, keyring: Keyring, plan: Plan, progressed: Progressed) -> Figures:
    modes, revisions = (plan.mode,), frozenset({plan.revision})
    async with connect(address, name=_NAME, auth=keyring, modes=modes, revisions=revisions) as session:
        data = secrets.token_bytes(plan.size)
        singles = await _one_at_a_time(session, data, plan)
        count, taken = await _pipelined(session, data, plan, progressed)
    return Figures(count=count, seconds=taken, round_trip=median(singles), singles=len(singles))


async def _one_at_a_time(session: Session, data: bytes, plan: Plan) -> list[float]:
    times: list[float] = []
    limit = min(1.0, plan.seconds or 1.0)
    begin = time.perf_counter()
    while len(times) < _SINGLE and (not times or time.perf_counter() - begin < limit):
        sent = time.perf_counter()
        await session.send(Message(type=_TYPE, tid=len(times), data=data))
        reply = await session.receive()
        times.append(time.perf_counter() - sent)
        _compare(reply, len(times) - 1, data)
    return times


async def _pipelined(session: Session, data: bytes, plan: Plan, progressed: Progressed) -> tuple[int, float]:
    """Keep the window full until the work or the time is over; returns how many came back, and the seconds taken."""
    sent = received = 0
    target = plan.count
    shown = begin = time.perf_counter()
    while target is None or received < target:
        while sent - received < plan.window and (target is None or sent < target):
            await session.send(Message(type=_TYPE, tid=sent, data=data))
            sent += 1
        _compare(await session.receive(), received, data)
        received += 1
        now = time.perf_counter()
        if plan.seconds is not None and now - begin >= plan.seconds:
            target = sent  # what is on its way still counts, and so does its time
        if now - shown > 0.1:
            shown = now
            by_time = (now - begin) / plan.seconds if plan.seconds else 0.0
            progressed(max(by_time, received / plan.count if plan.count else 0.0))
    return received, time.perf_counter() - begin


def _compare(reply: Message, tid: int, data: bytes) -> None:
    if reply.tid != tid or reply.data != data:
        raise PeerError(f"message {tid} came back as another, with tid {reply.tid}", rule="MESSAGE-1")


def _show(plan: Plan, figures: Figures, report: Report) -> None:
    rate = figures.count / figures.seconds
    gigabytes = rate * plan.size / 1e9
    report.line(
        f"{plan.size:,} bytes a message, {plan.mode.name.lower()} mode, revision {plan.revision}, cephx, loopback"
    )
    report.line(f"messages    {rate:>12,.0f} a second     each sent, echoed by another process, and counted once")
    report.line(f"payload     {gigabytes:>12.4f} GB a second  counted once too, though it travels there and back")
    report.line(
        f"round trip  {micros(figures.round_trip):>12,.0f} us           median of {figures.singles}, one at a time"
    )
    report.line(
        f"compared with what was sent: {figures.count:,} replies, {figures.count * plan.size:,} bytes, "
        f"in {figures.seconds:.2f} s, up to {plan.window:,} on their way"
    )
    report.document(
        {
            "size": plan.size,
            "count": figures.count,
            "mode": plan.mode.name.lower(),
            "revision": str(plan.revision),
            "messages_per_second": round(rate, 1),
            "gigabytes_per_second": round(gigabytes, 6),
            "rtt_us": micros(figures.round_trip),
        }
    )
