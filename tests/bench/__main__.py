"""msgr against what else a user of Python could take, in one command: `python -m tests.bench`.

Every figure is that of two fresh processes over loopback, whose messages are checked by who gets them: each one came,
once, in order, and is what was sent (of those above 64 KiB the length, beginning, middle and end). The clock stops when
the receiver has said so. All transports do the same work one after the other in random order, again and again; medians
are shown, and ratios are made within a repetition.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeAlias

import anyio

from . import perf_msgr
from .figures import Results, machine, markdown, processor_table, table
from .goals import goals
from .materials import make_materials
from .memory import weigh
from .picture import picture
from .runner import Run, measure
from .theirs import programs
from .transports import ENTRIES
from .works import BY_DEPTH, BY_SIZE, MAIN, Work

_QUICK_SECONDS: Final = 0.2
_QUICK_CEPH: Final = 0.1
"""Which part of the usual number of questions Ceph's programs ask."""
_CURVES: Final = 2
"""How often the points of the curves are measured at most; no goal is judged by them."""

CephRates: TypeAlias = dict[str, dict[tuple[int, str], float]]


def options_of(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one short repetition, no curves: to see that it works")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="this one alone; may be repeated")
    parser.add_argument("--list", action="store_true", help="show their names, and end")
    parser.add_argument("--repeat", type=int, help="how many repetitions (5)")
    parser.add_argument("--seconds", type=float, help="how long a run goes on (1)")
    parser.add_argument("--no-curves", action="store_true", help="leave out the curves against size and queue")
    parser.add_argument("--no-ceph", action="store_true", help="leave out Ceph's own messenger programs")
    parser.add_argument("--memory", action="store_true", help="weigh sessions too, which takes some minutes")
    parser.add_argument("--sessions", type=int, default=10_000, help="how many are weighed (10000)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw them, as SVG")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table as README has it")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.only if name not in ENTRIES]:
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(ENTRIES)}")
    options.repeat = options.repeat or (1 if options.quick else 5)
    options.seconds = options.seconds or (_QUICK_SECONDS if options.quick else 1.0)
    return options


def main() -> None:
    """Measure, print, and write what was asked for; the exit code is 1 if any run failed."""
    options = options_of()
    if options.list:
        for name, entry in ENTRIES.items():
            print(f"{name:22}{entry.title}")
        return
    entries = [entry for name, entry in ENTRIES.items() if name in options.only or not options.only]
    skipped = {entry.name: entry.missing for entry in entries if entry.missing}
    for name, missing in skipped.items():
        print(f"{ENTRIES[name].title} is left out: {', '.join(missing)} is not installed (pip install 'msgr[bench]')")
    entries = [entry for entry in entries if not entry.missing]
    with TemporaryDirectory(prefix="msgr-bench-") as name:
        directory = Path(name)
        make_materials(directory)
        runs = measure(_timed(MAIN, options.seconds), entries, directory, options.repeat, _progress)
        if not (options.quick or options.no_curves):
            curves = _timed((*BY_SIZE, *BY_DEPTH), options.seconds)
            runs += measure(curves, entries, directory, min(_CURVES, options.repeat), _progress)
        results = Results(runs)
        memory = weigh(entries, directory, options.sessions, options.seconds, print) if options.memory else {}
    ceph, why_not = ({}, "it was not asked for") if options.no_ceph else _ceph(options)
    reached = goals(results, ceph, memory)
    _show(results, ceph, why_not)
    print("\n".join(["", *map(str, reached)]))
    if options.json:
        document = {
            "machine": machine(),
            "repetitions": options.repeat,
            "seconds": options.seconds,
            "skipped": {name: list(missing) for name, missing in skipped.items()},
            "failures": [f"{run.work.name}, {run.transport}: {run.error}" for run in results.failures],
            "works": results.document(),
            "ceph_perf_msgr": _ceph_document(ceph, why_not),
            "memory": memory,
            "goals": [goal.document() for goal in reached],
        }
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    if options.picture:
        options.picture.write_text(picture(results))
    if options.markdown:
        options.markdown.write_text(markdown(results))
    sys.exit(1 if results.failures else 0)


def _timed(works: Sequence[Work], seconds: float) -> list[Work]:
    return [replace(work, seconds=seconds) for work in works]


def _progress(run: Run) -> None:
    figure = f"failed: {run.error.splitlines()[-1]}" if run.error else run.work.shown(run.work.value(run.figures))
    print(f"{run.repetition + 1}  {run.work.name:12}  {ENTRIES[run.transport].title:32}  {figure}", flush=True)


def _ceph(options: argparse.Namespace) -> tuple[CephRates, str]:
    """Return messages a second of Ceph's programs and ours, and else why there are none."""
    rates: CephRates = {}
    for how in ("without sleeps", "as shipped"):
        with programs(as_shipped=how == "as shipped") as theirs:
            if reason := theirs.tools.release.missing():
                return {}, reason
            if theirs.preload is None and how == "without sleeps":
                print("there is no compiler to take the sleeps out of Ceph's programs")
                continue
            print(f"ceph_perf_msgr, {how}", flush=True)
            figures = anyio.run(perf_msgr.measure, theirs, options.repeat, _QUICK_CEPH if options.quick else 1.0)
        rates[how] = {(figure.size, figure.pair): figure.rate for figure in figures}
    return rates, ""


def _ceph_document(ceph: CephRates, why_not: str) -> dict[str, Any]:
    if not ceph:
        return {"skipped": why_not}
    return {
        how: [
            {"size": size, "pair": pair, "messages_per_second": round(rate, 1)} for (size, pair), rate in rates.items()
        ]
        for how, rates in ceph.items()
    }


def _show(results: Results, ceph: Mapping[str, Mapping[tuple[int, str], float]], why_not: str) -> None:
    print("\n" + table(results))
    print("\nprocessor time of both ends together, us a message\n" + processor_table(results))
    if not ceph:
        print(f"\nceph_perf_msgr is left out: {why_not}")
    for how, rates in ceph.items():
        print(f"\nceph_perf_msgr, {how}: messages a second")
        for pair in perf_msgr.PAIRS:
            cells = "".join(f"{rates[size, pair]:>14,.0f}" for size in perf_msgr.SIZES)
            print(f"{pair:18}{cells}")


if __name__ == "__main__":
    main()
