"""The cluster log, line by line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from rich.console import Console
from rich.text import Text

from ..capture.words import printable
from ..errors import ConfigError
from ..mon import Cluster, Level, LogEntry
from .report import Report

_WORDS: Final = {Level.DEBUG: "DBG", Level.INFO: "INF", Level.SECURITY: "SEC", Level.WARNING: "WRN", Level.ERROR: "ERR"}
_STYLES: Final = {Level.SECURITY: "magenta", Level.WARNING: "yellow", Level.ERROR: "bold red"}


async def watch_log(cluster: Cluster, words: Sequence[str], count: int | None, report: Report) -> None:
    """Print the cluster log from a level on, as it is written from now on, until `count` lines are printed."""
    if len(words) > 1:
        raise ConfigError("watch-log takes one word: debug, info, sec, warn or error")
    console = Console(highlight=False, soft_wrap=True)
    with cluster.log(*words) as entries:
        async for entry in entries:
            if report.json:
                report.document(_fields(entry))
            else:
                style = _STYLES.get(Level(entry.level)) if entry.level in tuple(Level) else None
                console.print(Text(_line(entry), style=style or ""))
            count = None if count is None else count - 1
            if count == 0:
                return


def _time(entry: LogEntry) -> str:
    return datetime.fromtimestamp(float(entry.stamp), UTC).isoformat(timespec="milliseconds")


def _line(entry: LogEntry) -> str:
    level = _WORDS.get(Level(entry.level), "?") if entry.level in tuple(Level) else str(entry.level)
    text = " ".join(entry.text.split())
    # What daemons and users wrote may hold anything; a terminal must not obey it.
    return printable(f"{_time(entry)} {entry.name} ({entry.channel}) [{level}] {text}")


def _fields(entry: LogEntry) -> dict[str, object]:
    return {
        "stamp": _time(entry),
        "name": str(entry.name),
        "channel": entry.channel,
        "level": int(entry.level),
        "text": entry.text,
    }
