"""The commands together, and what becomes of their errors."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Final, Protocol, runtime_checkable

import typer
import typer.main

from .. import __version__
from ..errors import MsgrError
from .bench import bench
from .conform import conform
from .decode import decode
from .demo import demo
from .dissector import dissector
from .doctor import doctor
from .keygen import keygen
from .mesh import mesh
from .mon import mon
from .ping import ping
from .probe import probe
from .report import FAILED, FINE, Failure, Report
from .serve import serve
from .soak import soak
from .vectors import vectors

_HELP: Final = """\
Speak Ceph's msgr2 wire protocol.

New here? `msgr demo` needs nothing and shows everything.

Every command takes --json, and then prints exactly one JSON document (watch-log: one a line).

Exit codes: 0 fine, 1 what was asked for failed, 2 usage (arguments, addresses, keyrings), 3 no peer,
130 interrupted.
"""

app: Final = typer.Typer(
    help=_HELP,
    add_completion=False,
    rich_markup_mode=None,  # plain help, the same on a terminal, in a pipe and in a manual
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"msgr {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


for command in (demo, probe, ping, doctor, serve, keygen, decode, dissector, bench, soak, mesh):
    app.command()(command)

# What follows the first word of a command belongs to it, dashes and all.
app.command(context_settings={"allow_interspersed_args": False, "ignore_unknown_options": False})(mon)
app.add_typer(conform, name="conform")
app.add_typer(vectors, name="vectors")


@runtime_checkable
class _UsageError(Protocol):
    """What typer raises for arguments that it cannot understand; older versions take the class from click."""

    exit_code: int

    def format_message(self) -> str:
        """Return what is wrong with the arguments."""


def run(arguments: Sequence[str], report: Report) -> int:
    """Run one command and return its exit code. It raises KeyboardInterrupt and BrokenPipeError."""
    try:
        _invoke(list(arguments))
    except typer.Exit as end:
        return int(end.exit_code)
    except BaseException as raised:  # an interrupt, too, may come wrapped in groups
        error = _innermost(raised)
        if isinstance(error, _UsageError):
            return report.failure(_usage(error))
        if isinstance(error, MsgrError | OSError) and not isinstance(error, BrokenPipeError):
            return report.failure(Failure.of(error))
        if not isinstance(error, Exception) or isinstance(error, BrokenPipeError):
            raise error from None
        if sys.flags.dev_mode:
            raise
        text = f"internal error, please report it (python -X dev shows where): {type(error).__name__}: {error}"
        return report.failure(Failure(type(error).__name__, text, FAILED))
    return FINE


def _invoke(arguments: list[str]) -> None:
    """Parse and call, without typer's own handling of errors: it knows neither our exit codes nor --json."""
    group = typer.main.get_command(app)
    with group.make_context("msgr", arguments) as context:
        group.invoke(context)


def _innermost(error: BaseException) -> BaseException:
    """Return what went wrong first: task groups wrap what their tasks raise."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _usage(error: _UsageError) -> Failure:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "msgr"
    text = " ".join(error.format_message().split()).rstrip(".").replace(": Value error, ", ": ")
    return Failure(type(error).__name__, f"{text} (see {command} --help)", error.exit_code)
