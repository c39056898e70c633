"""How much memory a session takes: idle, among many; and while messages of megabytes pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from .runner import Failed, answer, end, run_once
from .transports import Entry
from .works import MIB, Kind, Work

HELD: Final = ("msgr-secure", "msgr-crc", "asyncio-tls", "uvloop-tls")
"""Whose idle connections are weighed."""

_HOLD: Final = Work(name="hold", kind=Kind.HOLD, size=64)
_COPIES: Final = Work(name="copies", kind=Kind.COPIES, size=4 * MIB)
_QUEUES: Final = Work(name="queues", kind=Kind.QUEUES, size=4 * MIB)
_PATIENCE: Final = 900.0


def weigh(
    entries: Sequence[Entry], directory: Path, sessions: int, seconds: float, told: Callable[[str], None]
) -> dict[str, dict[str, float]]:
    """Return what memory the transports take, by their names."""
    found: dict[str, dict[str, float]] = {}
    for entry in entries:
        if entry.name not in HELD:
            continue
        try:
            found[entry.name] = {**idle(entry, directory, sessions), **copies(entry, directory, seconds)}
        except Failed as failure:
            told(f"{entry.title}: {failure}")
        else:
            figures = ", ".join(f"{name} {value:,.1f}" for name, value in found[entry.name].items())
            told(f"{entry.title}: {figures}")
    return found


def idle(entry: Entry, directory: Path, sessions: int) -> dict[str, float]:
    """Have a client hold so many connections, and return by how much the server has grown, for each of them.

    Every one has carried a message there and back, and has a task that waits for the next.
    """
    work = replace(_HOLD, depth=sessions)
    orders = {"transport": entry.name, "work": work.document(), "directory": str(directory)}
    with end(orders, _PATIENCE) as server:
        address = server.line()
        empty = resident(server.pid)
        with end({**orders, "address": address}, _PATIENCE) as client:
            if (line := answer(client, server)) != "held":
                raise Failed(f"the client says {line[:100]}")
            return {"sessions": float(sessions), "idle_bytes": (resident(server.pid) - empty) / sessions}


def copies(entry: Entry, directory: Path, seconds: float) -> dict[str, float]:
    """Return how often a large message is in memory at most: with limits of one message, and with the usual ones.

    The sender's own message is one of them; what the benchmark keeps to send and to compare is not counted.
    """
    found: dict[str, float] = {}
    for work, suffix in ((_COPIES, "copies"), (_QUEUES, "copies_by_default")):
        if work.kind is Kind.COPIES and not entry.ours:
            continue
        figures = run_once(entry, replace(work, seconds=seconds), directory)
        found[f"sender_{suffix}"] = 1 + figures["copies"]
        found[f"receiver_{suffix}"] = figures["receiver_copies"]
    return found


def resident(pid: int) -> int:
    """Return the bytes of memory that a process has."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    raise Failed(f"process {pid} has gone")
