"""`msgr mesh`: nodes that are processes, joined with each other, renamed while they talk, and an account of it all."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Final

import anyio
import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ..mesh import Figures, Plan, Stage, run
from .options import JsonOption
from .report import FAILED, Report

_COUNT: Final = 10
"""Characters of a column of messages: wide enough for millions, so that the table does not move as they grow."""


def mesh(
    nodes: Annotated[int, typer.Option("--nodes", min=2, max=32, help="How many, each a process of its own.")] = 4,
    seconds: Annotated[float, typer.Option("--seconds", min=0.5, help="How long they talk.")] = 10.0,
    roll: Annotated[bool, typer.Option("--roll", help="Rename the cluster meanwhile, node by node.")] = False,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="What contents follow from; any, unless it is given.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Run a mesh of nodes: who is connected to whom, what the channels share, what became of each message.

    Each node is a process with one session to each other, encrypted, in three channels with quotas 1, 2 and 4, all of
    them busy all the time; a message's content follows from its number. With --roll each node takes a new cluster name
    and still accepts the old one, and then each forgets the old one, while the others go on. Meanwhile a node
    of another cluster knocks, which has to be refused.

    The exit code is 1 if anything was lost, came twice or out of order, if the pairs do not have one session each, if a
    channel's share is more than a tenth off its quota, or if the stranger was let in.

    JSON keys: nodes, sessions (pairs that have one), sent, delivered, undelivered, unknown, lost, rejected
    (handshakes), shares (by channel, the quota and what was measured).
    """
    report = Report(json=json)
    plan = Plan(nodes=nodes, seconds=seconds, roll=roll, seed=secrets.randbelow(1 << 32) if seed is None else seed)
    with _table(report) as look:
        figures = anyio.run(partial(run, plan, look))
    _show(figures, report)
    if figures.faults:
        raise typer.Exit(FAILED)


class _Nothing:
    def __call__(self, stage: Stage) -> None:
        """Show nothing."""


class _Screen:
    def __init__(self, live: Live) -> None:
        self._live = live

    def __call__(self, stage: Stage) -> None:
        """Show how it stands."""
        plan = stage.plan
        head = Text(f"{stage.step}, {stage.done:.0f} of {plan.seconds:g} s")
        self._live.update(Group(head, _links(stage.figures), _shares(stage.figures)))


@contextmanager
def _table(report: Report) -> Iterator[_Nothing | _Screen]:
    """Hold a live table on a terminal, and nothing elsewhere."""
    console = Console(stderr=True)
    if report.json or not console.is_terminal:
        yield _Nothing()
        return
    with Live(console=console, transient=True, refresh_per_second=4) as live:
        yield _Screen(live)


def _links(figures: Figures) -> Table:
    """Return who is connected to whom, and what each node counts."""
    table = Table("node", "cluster", "connected to", box=None, pad_edge=False)
    for name in ("sent", "delivered", "open", "failed", "refused"):
        table.add_column(name, justify="right", min_width=_COUNT if name in ("sent", "delivered") else None)
    for node in figures.nodes:
        failed = node.undelivered + node.unknown
        counts = (node.sent, node.delivered, node.sent - node.delivered - failed, failed, len(node.refused))
        peers = " ".join(map(str, node.peers))
        table.add_row(str(node.node), node.cluster, peers, *[f"{count:,}" for count in counts])
    return table


def _shares(figures: Figures) -> Table:
    table = Table("channel", box=None, pad_edge=False)
    for name in ("quota", "measured"):
        table.add_column(name, justify="right")
    for channel, share in figures.shares.items():
        table.add_row(str(channel), f"{share.quota:.1%}", f"{share.measured:.1%}")
    return table


def _show(figures: Figures, report: Report) -> None:
    plan = figures.plan
    rolled = ", renamed node by node" if plan.roll else ""
    report.line(f"{plan.nodes} nodes in {plan.nodes} processes{rolled}, seed {plan.seed}, {figures.seconds:.1f} s")
    if not report.json:
        console = Console(highlight=False, soft_wrap=True)
        console.print(_links(figures))
        console.print(_shares(figures))
    report.line(f"sessions    {figures.sessions:>10,}  (of {plan.links:,} pairs)")
    for name in ("sent", "delivered", "undelivered", "unknown"):
        report.line(f"{name:<11} {figures.total(name):>10,}")
    report.line(f"lost        {figures.lost:>10,}")
    report.line(f"reconnects  {figures.total('reconnects'):>10,}")
    report.line(f"rejected    {_rejected(figures):>10,}")
    for words in figures.strangers:
        report.line(f"  {words}")
    for fault in figures.faults:
        report.note(f"msgr: {fault}")
    report.document(
        {
            "nodes": plan.nodes,
            "sessions": figures.sessions,
            "sent": figures.total("sent"),
            "delivered": figures.total("delivered"),
            "undelivered": figures.total("undelivered"),
            "unknown": figures.total("unknown"),
            "lost": figures.lost,
            "rejected": _rejected(figures),
            "shares": {
                str(channel): {"quota": round(share.quota, 4), "measured": round(share.measured, 4)}
                for channel, share in figures.shares.items()
            },
        }
    )


def _rejected(figures: Figures) -> int:
    return sum(len(node.refused) for node in figures.nodes)
