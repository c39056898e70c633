"""What many runs come to: medians, ratios, a table, and JSON."""

from __future__ import annotations

import datetime
import os
import platform
import ssl
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from typing import Any, Final

import msgr.core.connection

from .runner import Run
from .transports import ENTRIES
from .works import MAIN, Work

_PACKAGES: Final = (
    "msgr",
    "anyio",
    "cryptography",
    "crc32c",
    "trio",
    "uvloop",
    "pyzmq",
    "grpcio",
    "websockets",
)


class Results:
    """All runs, by work and transport."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self._runs = tuple(runs)

    @cached_property
    def works(self) -> tuple[Work, ...]:
        """What was measured, in its order."""
        return tuple(dict.fromkeys(run.work for run in self._runs))

    def names(self, work: Work) -> list[str]:
        """Return who was measured at it, in the order in which they are shown."""
        there = {run.transport for run in self._runs if run.work == work and not run.error}
        return [name for name in ENTRIES if name in there]

    def find(self, name: str) -> Work | None:
        """Return the work of that name, if it was measured."""
        return next((work for work in self.works if work.name == name), None)

    def values(self, work: Work, name: str) -> dict[int, float]:
        """Return the figures of one transport by repetition."""
        return {
            run.repetition: work.value(run.figures)
            for run in self._runs
            if run.work == work and run.transport == name and not run.error
        }

    def median(self, work: Work, name: str) -> float:
        """Return the median of one transport; raises StatisticsError where it has no figures."""
        return median(self.values(work, name).values())

    def ratio(self, work: Work, name: str, other: str) -> float | None:
        """Return how many times as good one is as the other: the median of the ratios within the repetitions."""
        ours, theirs = self.values(work, name), self.values(work, other)
        ratios = [ours[number] / theirs[number] for number in ours.keys() & theirs.keys()]
        if not ratios:
            return None
        return 1 / median(ratios) if work.unit == "us" else median(ratios)

    def best_secure_peer(self, work: Work) -> str | None:
        """Return the best of those that encrypt and are not ours."""
        peers = [name for name in self.names(work) if ENTRIES[name].secure and not ENTRIES[name].ours]
        choose = min if work.unit == "us" else max
        return choose(peers, key=lambda name: self.median(work, name), default=None)

    @property
    def failures(self) -> list[Run]:
        """The runs that did not come to a good end."""
        return [run for run in self._runs if run.error]

    def processor_us(self, work: Work, name: str) -> dict[str, float]:
        """Return the processor time of a message at both ends, in microseconds: medians."""
        found: dict[str, list[float]] = {}
        for run in self._runs:
            if run.work == work and run.transport == name and not run.error:
                for key in ("cpu", "receiver_cpu"):
                    if key in run.figures:
                        found.setdefault(key, []).append(run.figures[key] / run.figures["count"] * 1e6)
        return {f"{key}_us": round(median(values), 2) for key, values in found.items()}

    def document(self) -> list[dict[str, Any]]:
        """Return the figures as JSON has them."""
        return [
            {
                **work.document(),
                "unit": work.unit,
                "transports": {
                    name: {
                        "median": round(self.median(work, name), 3),
                        "runs": [round(value, 3) for value in self.values(work, name).values()],
                        **self.processor_us(work, name),
                    }
                    for name in self.names(work)
                },
            }
            for work in self.works
        ]


def machine() -> dict[str, Any]:
    """Return what it was measured on, and with what."""
    versions: dict[str, str | None] = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "compiled": compiled(),
        "packages": versions,
    }


def compiled() -> bool:
    """Tell whether it is the compiled core that runs here."""
    return not str(msgr.core.connection.__file__).endswith(".py")


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or sys.platform


def _rows(results: Results) -> tuple[list[str], list[list[str]]]:
    works = [work for work in MAIN_NAMES if results.find(work)]
    found = [work for name in works if (work := results.find(name)) is not None]
    there = {name for work in found for name in results.names(work)}
    rows = [
        [
            entry.title,
            *(work.shown(results.median(work, name)) if name in results.names(work) else "" for work in found),
        ]
        for name, entry in ENTRIES.items()
        if name in there
    ]
    return ["", *(HEADINGS[name] for name in works)], rows


MAIN_NAMES: Final = tuple(work.name for work in MAIN)
HEADINGS: Final[Mapping[str, str]] = {
    "100 B": "100 B, pipelined",
    "4 KiB": "4 KiB, pipelined",
    "4 MiB": "4 MiB",
    "round trip": "64 B round trip",
    "connections": "new connections",
}


def table(results: Results) -> str:
    """Return the medians as people read them at a terminal."""
    heading, rows = _rows(results)
    widths = [max(len(row[column]) for row in (heading, *rows)) for column in range(len(heading))]
    return "\n".join(_line(row, widths) for row in (heading, *rows))


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = row
    return f"{first:{widths[0]}}" + "".join(f"  {cell:>{width}}" for cell, width in zip(rest, widths[1:], strict=True))


def processor_table(results: Results) -> str:
    """Return what a message costs, whoever waits for whom: this hardly depends on what else the machine does."""
    found = [work for work in results.works if work.name in MAIN_NAMES]
    rows = [["", *(HEADINGS[work.name] for work in found)]]
    for name, entry in ENTRIES.items():
        costs = [results.processor_us(work, name) for work in found]
        if any(costs):
            rows.append([entry.title, *(f"{sum(cost.values()):,.1f}" if len(cost) == 2 else "" for cost in costs)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(_line(row, widths) for row in rows)


def markdown(results: Results) -> str:
    """Return the medians as a table for README."""
    heading, rows = _rows(results)
    lines = [heading, ["---"] + ["---:"] * (len(heading) - 1)]
    lines += [[f"**{row[0]}**", *row[1:]] if row[0].startswith("msgr") else row for row in rows]
    where = machine()
    foot = (
        f"Medians; {where['cores']} cores of {where['processor']}, Python {where['python']}, {where['openssl']}, "
        f"{where['system']}; {where['date']}."
    )
    return "\n".join(f"| {' | '.join(row)} |" for row in lines) + f"\n\n{foot}\n"
