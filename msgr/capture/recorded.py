"""Recorded conversations: one JSON object a line, of bytes as a proxy between the two ends saw them pass.

`t` is the time in seconds and `c` the number of the connection. `event` `open` names the `client` and the `server`;
`d` and `hex` are bytes of one direction, `>` from the one who dialled; other events say nothing of bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from .packets import Host
from .source import LONGEST, Damage, Source


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection begins."""

    number: int
    client: Host
    server: Host


@dataclass(frozen=True, slots=True)
class Passed:
    """Bytes pass; `side` 0 is the client's."""

    number: int
    side: int
    time: float
    data: bytes = field(repr=False)


def read_recorded(source: Source) -> Iterator[Opened | Passed]:
    """Yield what a recording tells; raises Damage where it is none, or not any more."""
    for count, line in enumerate(_lines(source), start=1):
        try:
            step = _step(json.loads(line))
        except (ValueError, KeyError, TypeError, RecursionError):
            raise Damage(f"line {count} is not of a recorded conversation") from None
        if step is not None:
            yield step


def _lines(source: Source) -> Iterator[bytes]:
    left = b""
    while more := source.upto(1 << 20):
        *whole, left = (left + more).split(b"\n")
        yield from filter(None, whole)
        if len(left) > LONGEST:
            raise Damage(f"a line of more than {LONGEST} bytes")
    if left:
        yield left


def _step(said: Any) -> Opened | Passed | None:
    number = int(said["c"])
    if said.get("event") == "open":
        return Opened(number, _host(said["client"]), _host(said["server"]))
    if "hex" not in said:
        return None
    return Passed(number, (">", "<").index(said["d"]), float(said["t"]), bytes.fromhex(said["hex"]))


def _host(written: str) -> Host:
    address, _, port = written.rpartition(":")
    return Host(ip_address(address.strip("[]")), int(port))
