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
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest

from msgr.wire import EntityAddr
from tests.lab import Cluster
from tests.lab.process import reserve_port

_REQUIRE: Final = "MSGR_REQUIRE_CAPTURE"
_LIMIT: Final = 20.0
"""Seconds that tcpdump may take for anything."""
_SIZE: Final = 32
_PROMPT: Final = ("--immediate-mode", "-U")
_ROOM: Final = ("-B", "262144")
"""Each slot of tcpdump's buffer is as long as the longest packet to keep, and a burst needs thousands of slots."""
_WHOLE: Final = 66_000
"""More bytes than a packet has on loopback."""


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


def ports_of(cluster: Cluster) -> list[int]:
    """Return the ports at which the daemons of a cluster listen."""
    return [EntityAddr.parse(address).port for address in cluster.addresses.values()]


@contextmanager
def sniffed_at(path: Path, host: str = "127.0.0.1", *, snap_length: int = _WHOLE) -> Iterator[str]:
    """Capture one that is yet to listen: reserves a port of `host`, and yields the address for it to listen at."""
    need(missing())
    with ExitStack() as stack:
        port = reserve_port(stack, host)
        stack.enter_context(sniffed(path, port, snap_length=snap_length))
        yield f"v2:[{host}]:{port}" if ":" in host else f"v2:{host}:{port}"


@contextmanager
def sniffed(path: Path, *ports: int | range, snap_length: int = _WHOLE) -> Iterator[None]:
    """Capture what passes over TCP from and to these ports on the loopback interface while the body runs.

    The file is whole once this has ended. The kernel passes by what others say, who may be so quick that tcpdump could
    not keep up with them. The ports have to be known in advance, since what is filtered later comes too late.
    """
    need(missing())
    peers = " or ".join(f"tcp {_term(each)}" for each in ports)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as beacon:
        beacon.bind(("127.0.0.1", 0))
        port = beacon.getsockname()[1]
        command = ["tcpdump", "-i", "lo", "-n", "-Z", "root", *_PROMPT, *_ROOM, "-s", str(snap_length)]
        with subprocess.Popen(
            [*command, "-w", str(path), f"{peers} or udp port {port}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                assert process.stderr is not None
                assert any("listening on" in line for line in process.stderr), "tcpdump ended before it listened"
                yield
                _until_written(beacon, path)
            finally:
                process.send_signal(signal.SIGINT)
                _, told = process.communicate(timeout=_LIMIT)
    assert "\n0 packets dropped by kernel" in told, told


def _term(ports: int | range) -> str:
    """Say a port, or those of a range, in the words of tcpdump."""
    return f"port {ports}" if isinstance(ports, int) else f"portrange {ports[0]}-{ports[-1]}"


def _until_written(beacon: socket.socket, path: Path) -> None:
    """Send a datagram over the same interface, and wait until it is in the file, with all before it.

    The peers may go on meanwhile, so it is looked for in all that is written.
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
