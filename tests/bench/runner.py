"""Runs every transport at every work, again and again in changing order: two fresh processes a run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryFile
from threading import Timer
from typing import IO, Any, Final

from .transports import Entry
from .works import Kind, Work

ROOT: Final = Path(__file__).resolve().parents[2]
_PATIENCE: Final = 60.0
"""Seconds that a run may take beyond what its work takes."""
_GRACE: Final = 5.0


class Failed(Exception):
    """A run did not come to a good end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run, and what it came to."""

    work: Work
    transport: str
    repetition: int
    figures: dict[str, float]
    error: str = ""
    """What went wrong; then there are no figures."""


def measure(
    works: Sequence[Work], entries: Sequence[Entry], directory: Path, repeat: int, told: Callable[[Run], None]
) -> list[Run]:
    """Run all `repeat` times; within a repetition those that are compared run one after the other, in random order."""
    random = Random(repeat)
    runs: list[Run] = []
    for repetition in range(repeat):
        for work in works:
            taking_part = [entry for entry in entries if takes_part(entry, work)]
            random.shuffle(taking_part)
            for entry in taking_part:
                runs.append(_run(entry, work, directory, repetition))
                told(runs[-1])
    return runs


def takes_part(entry: Entry, work: Work) -> bool:
    """Tell whether a transport is measured at a work."""
    if work.kind is Kind.CONNECT:
        return entry.handshakes
    return entry.curves or not work.name.startswith(("size ", "depth "))


def _run(entry: Entry, work: Work, directory: Path, repetition: int) -> Run:
    figures: dict[str, float] = {}
    error = ""
    try:
        figures = run_once(entry, work, directory)
    except Failed as failure:
        error = str(failure)
    return Run(work=work, transport=entry.name, repetition=repetition, figures=figures, error=error)


def run_once(entry: Entry, work: Work, directory: Path) -> dict[str, float]:
    """Start a server and a client, and return what the client measured; raises Failed."""
    orders = {"transport": entry.name, "work": work.document(), "directory": str(directory)}
    patience = work.seconds + _PATIENCE
    with end(orders, patience) as server, end({**orders, "address": server.line()}, patience) as client:
        figures: dict[str, float] = json.loads(answer(client, server))
    return figures


def answer(client: End, server: End) -> str:
    """Return the next line of a client; where it has none, raises Failed with what both ends complained about."""
    try:
        return client.line()
    except Failed as failure:
        raise Failed(f"client: {failure}; server: {server.said()}") from None


@dataclass(frozen=True, slots=True)
class End:
    """A process that is one end."""

    process: subprocess.Popen[str]
    complaints: IO[str]

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self.process.pid

    def line(self) -> str:
        """Return the next line that it says; raises Failed where it ends without a word."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise Failed(self.said())
        return line.strip()

    def said(self) -> str:
        """Return what it complained about, and how it ended if it has."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_GRACE)
        self.complaints.seek(0)
        return f"exit code {self.process.returncode}: {self.complaints.read()[-2000:].strip() or 'no word'}"


@contextmanager
def end(orders: dict[str, Any], patience: float) -> Iterator[End]:
    """Run one end while the body runs; it is killed when the patience is over."""
    with TemporaryFile("w+") as complaints:
        process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.end"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        timer = Timer(patience, process.kill)
        timer.start()
        try:
            with suppress(BrokenPipeError):
                process.stdin.write(json.dumps(orders) + "\n")
                process.stdin.flush()
            yield End(process, complaints)
        finally:
            with suppress(BrokenPipeError):
                process.stdin.close()
            try:
                process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            timer.cancel()
            process.stdout.close()
