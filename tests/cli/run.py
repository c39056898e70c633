"""Calling the command, in this process or in one of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from msgr.cli import main

ROOT: Final = Path(__file__).resolve().parents[2]
PROGRAM: Final = (sys.executable, "-m", "msgr")
ENVIRONMENT: Final = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}
LIMIT: Final = 30.0
"""Seconds after which a process of a test counts as hung."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one document on standard output; anything more, or less, is an error here."""
        assert self.out.count("\n") == 1, self.out
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found

    @property
    def error(self) -> dict[str, Any]:
        """What the one document says of an error, which standard error says in one line."""
        assert list(self.document) == ["error"]
        error = self.document["error"]
        assert list(error) == ["kind", "message", "rule"]
        line = re.fullmatch(r"msgr: (.*?)( \((?:permanent|transient|session mismatch); .*\))?\n", self.err)
        assert line
        assert line[1] == error["message"]
        return dict(error)


class Msgr:
    """The command, called in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Outcome:
        """Run one command."""
        self._capsys.readouterr()
        code = main(arguments)
        printed = self._capsys.readouterr()
        return Outcome(code, printed.out, printed.err)


def spawn(*arguments: str) -> Outcome:
    """Run one command in a process of its own."""
    done = subprocess.run(
        [*PROGRAM, *arguments],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True, slots=True)
class Served:
    """A `msgr serve` that runs."""

    process: subprocess.Popen[str]
    address: str

    def stop(self, number: int) -> Outcome:
        """Send it a signal, and return how it ended. That its standard error ended tells that nobody is left of it."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=LIMIT)
        return Outcome(self.process.returncode, out, err)


@contextmanager
def serving(*options: str) -> Iterator[Served]:
    """Run `msgr serve --json` on a free port while the body runs."""
    with subprocess.Popen(
        [*PROGRAM, "serve", "v2:127.0.0.1:0", "--json", *options],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            ready = next((line for line in process.stderr if " listens at " in line), "")
            assert ready, "the server ended before it listened"
            yield Served(process, ready.split()[-1])
        finally:
            process.kill()
