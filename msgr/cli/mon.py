"""`msgr mon`: commands to a Ceph cluster."""

from __future__ import annotations

import base64
import json as json_text
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

import anyio
import typer
from rich.console import Console

from ..auth import AuthMethod, Keyring
from ..capture.words import printable
from ..errors import CommandFailed, ConfigError, ConnectFailed, TimedOut
from ..frame import Mode
from ..mon import CephConf, Cluster, Invocation, Result, connect
from .options import JsonOption, ModeName, ModeOption, load, modes_of
from .report import FAILED, Report
from .watchlog import watch_log

WATCH_LOG: Final = "watch-log"
TELL: Final = "tell"


@dataclass(frozen=True, slots=True)
class _Target:
    """Which cluster, and who asks."""

    monitors: tuple[str, ...]
    name: str
    keyring: Keyring | None
    modes: tuple[Mode, ...]
    """Those of connections to monitors and managers."""
    daemon_modes: tuple[Mode, ...]
    fsid: UUID | None = None
    patience: float = math.inf
    """The seconds in which a monitor has to be found."""


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is asked for, and how it is to be shown."""

    words: tuple[str, ...]
    data: bytes
    form: str | None
    timeout: float | None
    count: int | None


_Words: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        metavar="COMMAND...",
        help="The words of a command, or one JSON object; `tell DAEMON COMMAND...` (mon.NAME, osd.N, mgr); "
        "`watch-log [LEVEL]`.",
    ),
]
_Monitors: TypeAlias = Annotated[
    str | None, typer.Option("-m", "--monitors", metavar="v2:HOST:PORT[,...]", help="Monitors to begin with.")
]
_Conf: TypeAlias = Annotated[
    Path | None, typer.Option("-c", "--conf", metavar="FILE", help="A ceph.conf that names monitors and keyring.")
]
_Name: TypeAlias = Annotated[str, typer.Option("--name", "-n", metavar="TYPE.ID", help="Who we are.")]
_Keyring: TypeAlias = Annotated[
    Path | None, typer.Option("--keyring", "-k", metavar="FILE", help="The keyring with our key.")
]
_Form: TypeAlias = Annotated[
    str | None, typer.Option("--format", "-f", help="How the daemon is to write: plain, json, json-pretty, ...")
]
_Infile: TypeAlias = Annotated[
    Path | None, typer.Option("-i", "--in", metavar="FILE", help="Input for the command; - is standard input.")
]
_Outfile: TypeAlias = Annotated[
    Path | None, typer.Option("-o", "--out", metavar="FILE", help="Where the output goes, byte for byte.")
]
_Timeout: TypeAlias = Annotated[
    float | None, typer.Option("--timeout", min=0.1, help="Seconds to wait for the answer; for ever without it.")
]
_Count: TypeAlias = Annotated[int | None, typer.Option("--count", min=1, help="watch-log: end after so many lines.")]


def mon(
    words: _Words,
    monitors: _Monitors = None,
    conf: _Conf = None,
    name: _Name = "client.admin",
    keyring: _Keyring = None,
    mode: ModeOption = None,
    form: _Form = None,
    infile: _Infile = None,
    outfile: _Outfile = None,
    timeout: _Timeout = None,
    count: _Count = None,
    json: JsonOption = False,
) -> None:
    """Have a Ceph cluster carry out a command.

    Options come before the command's words: what follows the first of them is the command's own. --json prints
    {"code": 0, "status": "...", "output": ...}, whose output is an object where the daemon can write JSON; watch-log
    prints one document a line. The exit code is 1 where the command failed.
    """
    report = Report(json=json)
    target = _target(monitors, conf, name, keyring, mode)
    if target.keyring is None:
        report.note("no keyring is given: method none, which proves nothing")
    if count is not None and words[0] != WATCH_LOG:
        raise ConfigError("--count belongs to watch-log")
    wish = _Wish(tuple(words), _input(infile), form or ("json" if json else None), timeout, count)
    result = anyio.run(partial(_run, target, wish, report))
    if result is not None:
        _show(result, outfile, report)
        if result.code < 0:
            raise typer.Exit(FAILED)


def _target(monitors: str | None, conf: Path | None, name: str, keyring: Path | None, mode: ModeName | None) -> _Target:
    """Return whom to ask, from the options and, where they leave something open, from ceph.conf."""
    seeds = () if monitors is None else tuple(each.strip() for each in monitors.split(","))
    if seeds and conf is None:
        return _Target(seeds, name, load(keyring, mode), modes_of(mode), modes_of(mode))
    settings = CephConf.load(conf, name=name)
    keys = None
    if keyring is not None:
        keys = Keyring.load(keyring)
    elif AuthMethod.CEPHX in settings.auth_client_required:
        keys = settings.keyring()
    modes = modes_of(mode) or settings.ms_mon_client_mode
    daemon_modes = modes_of(mode) or settings.ms_client_mode
    patience = settings.client_mount_timeout or math.inf
    return _Target(seeds or settings.monitors, name, keys, modes, daemon_modes, settings.fsid, patience)


def _input(infile: Path | None) -> bytes:
    if infile is None:
        return b""
    return sys.stdin.buffer.read() if str(infile) == "-" else infile.read_bytes()


async def _run(target: _Target, wish: _Wish, report: Report) -> Result | None:
    with (
        _progress(f"looking for a monitor among {', '.join(target.monitors)}") as found,
        anyio.move_on_after(target.patience) as looking,
    ):
        async with connect(
            target.monitors,
            name=target.name,
            auth=target.keyring,
            modes=target.modes,
            daemon_modes=target.daemon_modes,
            fsid=target.fsid,
        ) as cluster:
            looking.deadline = math.inf
            found()
            return await _granted(cluster, wish, report)
    raise ConnectFailed(f"no monitor let us in within {target.patience:g} s (client_mount_timeout)")


async def _granted(cluster: Cluster, wish: _Wish, report: Report) -> Result | None:
    """Do what is wished for; returns what is to be shown, unless it has been shown line by line."""
    if wish.words[0] == WATCH_LOG:
        await watch_log(cluster, wish.words[1:], wish.count, report)
        return None
    try:
        with anyio.fail_after(wish.timeout):
            return await _command(cluster, wish)
    except TimeoutError:
        raise TimedOut(f"no answer after {wish.timeout:g} s; the command may be carried out [MON-3]") from None


async def _command(cluster: Cluster, wish: _Wish) -> Result:
    try:
        if wish.words[0] != TELL:
            asked = await _understood(cluster, None, wish.words)
            return await cluster.command(_arguments(asked, wish), wish.data, manager=asked.manager)
        if len(wish.words) < 3:
            raise ConfigError("tell whom what? tell DAEMON COMMAND..., such as tell osd.0 version")
        daemon, words = wish.words[1], wish.words[2:]
        asked = await _understood(cluster, daemon, words)
        return await cluster.tell(daemon, _arguments(asked, wish), wish.data)
    except CommandFailed as error:  # the question what the words mean
        return Result(error.code, error.status, b"")


async def _understood(cluster: Cluster, daemon: str | None, words: Sequence[str]) -> Invocation:
    """Return the command behind the words."""
    if len(words) == 1 and words[0].lstrip().startswith("{"):
        return Invocation(_object(words[0]), manager=False)
    return (await cluster.grammar(daemon)).parse(words)


def _object(word: str) -> dict[str, Any]:
    try:
        arguments = json_text.loads(word)
    except ValueError as error:
        raise ConfigError(f"the command begins like JSON, and is none: {error}") from None
    if not isinstance(arguments, dict) or not isinstance(arguments.get("prefix"), str):
        raise ConfigError('a command in JSON is an object with a "prefix", such as {"prefix": "status"}')
    return arguments


def _arguments(asked: Invocation, wish: _Wish) -> dict[str, Any]:
    form = {} if wish.form is None else {"format": wish.form}
    return form | dict(asked.arguments)


def _show(result: Result, outfile: Path | None, report: Report) -> None:
    if outfile is not None:
        outfile.write_bytes(result.output)
    if report.json:
        report.document({"code": result.code, "status": result.status, "output": _output(result.output)})
        return
    if outfile is None and result.output:
        sys.stdout.buffer.write(result.output)
        sys.stdout.buffer.flush()
        if not result.output.endswith(b"\n"):
            report.line()
    status = [printable(line) for line in result.status.splitlines()]
    if result.code < 0:
        status = [f"msgr: the command failed with {result.code}: {' '.join(status) or 'no reason given'}"]
    for line in status:
        report.note(line)


def _output(output: bytes) -> Any:
    """Return the output as JSON has it: what it says, text, or (of other bytes) their base64 with that name."""
    try:
        written = output.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(output).decode()}
    try:
        return json_text.loads(written)
    except ValueError:
        return written


@contextmanager
def _progress(text: str) -> Iterator[Any]:
    """Show on a terminal that something is under way, until what is yielded is called."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda: None
        return
    status = console.status(text)
    with status:
        yield status.stop
