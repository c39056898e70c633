"""Floor 8: the command `msgr`. Arguments and printing; no protocol logic.

It needs the extra `cli`; this module does not, so that it can say so.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from .report import FAILED, INTERRUPTED, USAGE, Failure, Report, wants_json

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 fine, 1 what was asked for failed, 2 usage, 3 no peer."""
    arguments = sys.argv[1:] if arguments is None else arguments
    report = Report(json=wants_json(arguments))
    try:
        code = _run(arguments, report)
        if sys.stdout is not None:  # it is where the shell closed it
            sys.stdout.flush()
    except KeyboardInterrupt:
        # Where it was raised within an `exec`, as dataclasses need one when a module is imported, Python remembers, and
        # would end by the signal although the interrupt is dealt with; the next one makes it forget.
        exec("")
        return report.failure(Failure("KeyboardInterrupt", "interrupted", INTERRUPTED))
    except BrokenPipeError:
        # Whoever read our output has gone. What is still buffered must not fail again when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return code


def _run(arguments: Sequence[str], report: Report) -> int:
    try:
        from .app import run
    except ModuleNotFoundError as error:
        if (error.name or "msgr").partition(".")[0] == "msgr":
            raise
        text = f"the command line needs {error.name}, which the extra `cli` brings: pip install 'msgr[cli]'"
        return report.failure(Failure("ModuleNotFoundError", text, USAGE))
    return run(arguments, report)
