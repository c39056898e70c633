"""The system's own tables of TCP sockets, as Linux shows them to everybody: `/proc/net`.

A line of `/proc/net/tcp` has, among others, the columns local address, remote address, state, and two queues. An
address is the IP in hexadecimal words of the machine's byte order, a colon, and the port. Of a socket that listens, the
second queue counts connections that nobody has accepted yet.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from ..wire import IPAddress, unmapped

PROC: Final = Path("/proc/net")
CLOSE_WAIT: Final = 8
LISTEN: Final = 10

_WORD: Final = 8
"""Hexadecimal digits of a word."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One TCP socket of this network namespace."""

    local: tuple[IPAddress, int]
    remote: tuple[IPAddress, int]
    state: int
    waiting: int
    """Bytes that nobody has read; of a socket that listens, connections that nobody has accepted."""


def sockets(proc: Path = PROC) -> list[TableRow] | None:
    """Return the TCP sockets of both families, or None where the system does not tell."""
    rows: list[TableRow] = []
    told = False
    for name in ("tcp", "tcp6"):
        try:
            text = (proc / name).read_text("ascii")
        except OSError:  # another system, or one without this family
            continue
        told = True
        rows += parse(text.splitlines()[1:])
    return rows if told else None


def parse(lines: Iterable[str]) -> Iterator[TableRow]:
    """Yield the sockets of a table without its headline; raises ValueError for what is none."""
    for line in lines:
        _, local, remote, state, queues, *_ = line.split()
        yield TableRow(_address(local), _address(remote), int(state, 16), int(queues.partition(":")[2], 16))


def _address(written: str) -> tuple[IPAddress, int]:
    digits, _, port = written.partition(":")
    words = [bytes.fromhex(digits[at : at + _WORD]) for at in range(0, len(digits), _WORD)]
    if sys.byteorder == "little":
        words = [word[::-1] for word in words]
    return unmapped(ip_address(b"".join(words))), int(port, 16)


def overflows(proc: Path = PROC) -> int | None:
    """Return how many connections this host dropped for a full queue since it started, or None if it does not tell."""
    try:
        lines = (proc / "netstat").read_text("ascii").splitlines()
    except OSError:
        return None
    for names, values in zip(lines[::2], lines[1::2], strict=False):
        counters = dict(zip(names.split(), values.split(), strict=False))
        if "ListenOverflows" in counters:
            return int(counters["ListenOverflows"])
    return None
