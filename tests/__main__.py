"""Everything that is checked, in one command: `python -m tests`, or `python -m tests --quick` without the slow ones.

All checks run even when one fails; the exit code is 0 if all passed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RULE = "─" * 72


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one check ended."""

    name: str
    passed: bool
    seconds: float
    last_line: str

    def __str__(self) -> str:
        return f"{'pass' if self.passed else 'FAIL'}  {self.name:<12}  {self.seconds:6.1f} s"


def checks(*, quick: bool) -> dict[str, list[str]]:
    """Return the command line of each check, in the order in which they run."""
    python = sys.executable
    # The console script has no module form; it stands beside the interpreter of the environment.
    lint_imports = str(Path(python).with_name("lint-imports"))
    return {
        "ruff format": [python, "-m", "ruff", "format", "--check", "--diff", "."],
        "ruff check": [python, "-m", "ruff", "check", "."],
        "mypy": [python, "-m", "mypy"],
        "lint-imports": [lint_imports],
        "pytest": [python, "-m", "pytest", *(["-m", "not slow"] if quick else [])],
    }


def run(name: str, command: Sequence[str]) -> Outcome:
    """Run a check, showing its output as it comes."""
    print(f"\n{RULE}\n{name}\n{RULE}", flush=True)
    begin = time.monotonic()
    last_line = ""
    try:
        with subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            for line in process.stdout or ():
                print(line, end="", flush=True)
                last_line = line.strip() or last_line
    except OSError as error:
        print(error)
        return Outcome(name, False, time.monotonic() - begin, str(error))
    return Outcome(name, process.returncode == 0, time.monotonic() - begin, last_line)


def main() -> int:
    """Run all checks and sum up; pytest's closing line comes last."""
    parser = argparse.ArgumentParser(prog="python -m tests", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave out the tests marked slow")
    options = parser.parse_args()
    outcomes = [run(name, command) for name, command in checks(quick=options.quick).items()]
    print(f"\n{RULE}\nsummary\n{RULE}")
    print(*outcomes, sep="\n")
    print(outcomes[-1].last_line.strip("= "))
    return 0 if all(outcome.passed for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
