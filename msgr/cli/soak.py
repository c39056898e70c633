"""`msgr soak`: peers that talk while their connections are cut, and an account of every message."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated

import anyio
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ..frame import Mode
from .options import JsonOption, ModeName, RevisionName, RevisionOption, revision_of
from .peers import Figures, Plan, Progressed, linked
from .report import FAILED, Report


def soak(
    seconds: Annotated[float, typer.Option("--seconds", min=0.1, help="How long messages are sent.")] = 60.0,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="What cuts and contents follow from; any, unless it is given.")
    ] = None,
    peers: Annotated[int, typer.Option("--peers", min=2, max=64, help="How many, each linked with each.")] = 4,
    cuts_per_second: Annotated[
        float, typer.Option("--cuts-per-second", min=0.0, help="How often each link is cut.")
    ] = 5.0,
    mode: Annotated[ModeName, typer.Option("--mode", help="The connection mode.")] = ModeName.SECURE,
    revision: RevisionOption = RevisionName.REV1,
    json: JsonOption = False,
) -> None:
    """Send messages between peers whose connections are cut all the time, and check every one of them.

    The peers authenticate with cephx, and each is behind a proxy that splits, merges and delays what passes, and cuts
    connections, in handshakes too. Each asks each other and answers; a message's content follows from its number.
    The exit code is 1 if any message was lost, came twice or out of order.
    """
    report = Report(json=json)
    plan = Plan(
        seconds=seconds,
        seed=secrets.randbelow(1 << 32) if seed is None else seed,
        peers=peers,
        cuts_per_second=cuts_per_second,
        mode=Mode[mode.name],
        revision=revision_of(revision),
    )
    with _bar(report, plan) as progressed:
        figures = anyio.run(partial(_soak, plan, progressed))
    _show(plan, figures, report)
    if not figures.good:
        raise typer.Exit(FAILED)


async def _soak(plan: Plan, progressed: Progressed) -> Figures:
    async with linked(plan) as peers:
        return await peers.run(progressed)


@contextmanager
def _bar(report: Report, plan: Plan) -> Iterator[Progressed]:
    """Show a bar on a terminal, and nothing elsewhere."""
    console = Console(stderr=True)
    if report.json or not console.is_terminal:
        yield lambda done: None
        return
    columns = (TextColumn("soaking"), BarColumn(), TimeElapsedColumn(), TextColumn("of"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=plan.seconds)
        yield lambda done: progress.update(task, completed=min(plan.seconds, done))


def _show(plan: Plan, figures: Figures, report: Report) -> None:
    per_link = figures.cuts / figures.links / figures.seconds
    report.line(
        f"{plan.peers} peers, {figures.links} links, {plan.mode.name.lower()} mode, revision {plan.revision}, "
        f"seed {plan.seed}, {figures.seconds:.1f} s"
    )
    report.line(f"sent        {figures.sent:>10,}  ({figures.sent / figures.seconds:,.0f} a second)")
    report.line(f"received    {figures.received:>10,}")
    report.line(f"lost        {figures.lost:>10,}")
    report.line(f"duplicated  {figures.duplicated:>10,}")
    report.line(f"reordered   {figures.reordered:>10,}")
    report.line(f"cuts        {figures.cuts:>10,}  ({per_link:.1f} a second and link)")
    report.line(f"reconnects  {figures.reconnects:>10,}")
    report.line(f"resets      {figures.resets:>10,}")
    report.line(f"resent      {figures.resent:>10,}")
    if figures.unsure:
        report.line(f"unsure      {figures.unsure:>10,}  (not acknowledged, by their receipts)")
    for error in figures.errors:
        report.note(f"msgr: {error}")
    report.document(
        {
            "sent": figures.sent,
            "received": figures.received,
            "lost": figures.lost,
            "duplicated": figures.duplicated,
            "reordered": figures.reordered,
            "reconnects": figures.reconnects,
            "resets": figures.resets,
            "seconds": figures.seconds,
            "seed": plan.seed,
        }
    )
