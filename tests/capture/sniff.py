"""tcpdump at work on the loopback interface."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

_REQUIRE: Final = "MSGR_REQUIRE_CAPTURE"
_LIMIT: Final = 20.0
"""Seconds that tcpdump may take for anything."""
_SIZE: Final = 32
_PROMPT: Final = ("--immediate-mode", "-U")
_ROOM: Final = ("-s", "66000", "-B", "262144")
"""Each slot of tcpdump's buffer is as long as the longest packet to keep, and a burst needs thousands of slots."""


def missing() -> str | None:
    """Return why nothing can be captured here, if that is so."""
    if shutil.which("tcpdump") is None:
        return "tcpdump is not installed"
    if os.geteuid() != 0:
        return "only root may capture"
    return None


def need(reason: str | None) -> None:
    """Skip a test for a reason, if there is one, or fail it where MSGR_REQUIRE_CAPTURE=1 promises there is none."""
    if reason is not None and os.environ.get(_REQUIRE) == "1":
        pytest.fail(f"{_REQUIRE}=1, but {reason}", pytrace=False)
    elif reason is not None:
        pytest.skip(reason)


@dataclass(frozen=True, slots=True)
class Sniffer:
    """A tcpdump that writes a file; the file is whole once `sniffed` has ended."""

    path: Path


@contextmanager
def sniffed(path: Path, *options: str) -> Iterator[Sniffer]:
    """Capture all that passes over TCP on this machine's loopback interface while the body runs."""
    need(missing())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as beacon:
        beacon.bind(("127.0.0.1", 0))
        port = beacon.getsockname()[1]
        command = ["tcpdump", "-i", "lo", "-n", "-Z", "root", *_PROMPT, *_ROOM, *options]
        with subprocess.Popen(
            [*command, "-w", str(path), f"tcp or udp port {port}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                assert process.stderr is not None
                assert any("listening on" in line for line in process.stderr), "tcpdump ended before it listened"
                yield Sniffer(path)
                _until_written(beacon, path)
            finally:
                process.send_signal(signal.SIGINT)
                _, told = process.communicate(timeout=_LIMIT)
    assert "\n0 packets dropped by kernel" in told, told


def _until_written(beacon: socket.socket, path: Path) -> None:
    """Send a datagram over the same interface, and wait until it is in the file, with all before it.

    Others may be busy on this interface too, so it is looked for in all that is written.
    """
    mark = secrets.token_bytes(_SIZE)
    beacon.sendto(mark, beacon.getsockname())
    end = time.monotonic() + _LIMIT
    seen = b""
    with path.open("rb") as file:
        while mark not in seen:
            assert time.monotonic() < end, "tcpdump does not write what it was sent"
            more = file.read()
            seen = seen[-_SIZE:] + more
            if not more:
                time.sleep(0.01)  # tcpdump tells nobody that it has written
