"""Ceph's messenger programs and ours, against each other: `python -m tests.bench.perf_msgr`, with --json for machines.

A client asks with messages of 100 bytes, 4 KiB and 4 MiB of data, 32 at once, and a server answers each with a short
message; crc mode, loopback, method none. Their client is not made to wait for its last 32 answers, so that many are not
counted, for any client. The figures are medians of runs that take turns.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from statistics import median
from typing import Any, Final, TypeAlias

import anyio

from . import ours
from .theirs import WINDOW, Programs, programs

SIZES: Final[Mapping[int, int]] = {100: 20_000, 4096: 20_000, 4 << 20: 600}
"""How many questions a run has, by their size in bytes."""
NAMES: Final[Mapping[int, str]] = {100: "100 B", 4096: "4 KiB", 4 << 20: "4 MiB"}
PAIRS: Final = ("theirs to theirs", "ours to theirs", "theirs to ours")
"""Who asks whom."""

_LIMIT: Final = 60.0
_TRIES: Final = 3

Run: TypeAlias = Callable[..., Awaitable[float]]


@dataclass(slots=True)
class Figure:
    """What the runs of one pair with one size came to."""

    size: int
    pair: str
    rates: list[float] = field(default_factory=list)
    """Messages a second, of each run."""
    hung: int = 0
    """How many runs did not come to an end, and were done again."""

    @property
    def rate(self) -> float:
        """The median, in messages a second."""
        return median(self.rates)

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "size": self.size,
            "pair": self.pair,
            "messages_per_second": round(self.rate, 1),
            "gigabytes_per_second": round(self.rate * self.size / 1e9, 4),
            "runs": [round(rate, 1) for rate in self.rates],
            "hung": self.hung,
        }


async def measure(theirs: Programs, runs: int, part: float = 1.0, limit: float = _LIMIT) -> list[Figure]:
    """Run every pair with every size `runs` times, in turns; `part` of the usual number of questions."""
    figures = {(size, pair): Figure(size, pair) for size, pair in product(SIZES, PAIRS)}
    with theirs.server() as their_address:
        async with ours.answering() as answering:
            ways: dict[str, Run] = {
                "theirs to theirs": partial(theirs.ask, their_address, within=limit),
                "ours to theirs": partial(ours.ask, their_address),
                "theirs to ours": partial(theirs.ask, answering.address, within=limit),
            }
            for _, (size, pair) in product(range(runs), figures):
                await _once(ways[pair], figures[size, pair], int(SIZES[size] * part), limit)
    return list(figures.values())


async def _once(way: Run, figure: Figure, count: int, limit: float) -> None:
    for _ in range(_TRIES):
        try:
            with anyio.fail_after(limit):
                seconds = await way(size=figure.size, count=count)
        except TimeoutError:
            figure.hung += 1
        else:
            figure.rates.append((count - WINDOW) / seconds)
            return
    raise TimeoutError(f"{figure.pair}, {figure.size} bytes: {_TRIES} runs hung for {limit:g} seconds each")


def table(figures: list[Figure]) -> str:
    """Return the figures as people read them: messages a second, and gigabytes a second."""
    found = {(figure.size, figure.pair): figure for figure in figures}
    lines = [f"{'who asks whom':18}" + "".join(f"{NAMES[size]:>24}" for size in SIZES)]
    for pair in PAIRS:
        cells = (found[size, pair] for size in SIZES)
        row = (f"{cell.rate:,.0f}/s {cell.rate * cell.size / 1e9:.3f} GB/s" for cell in cells)
        lines.append(f"{pair:18}" + "".join(f"{cell:>24}" for cell in row))
    if hung := sum(figure.hung for figure in figures):
        lines.append(f"{hung} runs hung and were done again")
    return "\n".join(lines)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.perf_msgr", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--runs", type=int, default=5, help="how many runs of each (5)")
    parser.add_argument("--as-shipped", action="store_true", help="let their programs sleep after each message")
    options = parser.parse_args()
    with programs(as_shipped=options.as_shipped) as theirs:
        if reason := theirs.tools.release.missing():
            sys.exit(reason)
        figures = anyio.run(measure, theirs, options.runs)
        sleeps = theirs.preload is None
    if options.json:
        print(
            json.dumps(
                {
                    "mode": "crc",
                    "window": WINDOW,
                    "theirs_sleep": sleeps,
                    "figures": [figure.document() for figure in figures],
                },
                indent=1,
            )
        )
        return
    print(table(figures))
    if sleeps:
        print("their programs as shipped: they sleep after each message")


if __name__ == "__main__":
    main()
