"""Crowds, at a server in a process of its own: nothing is left of them, and each costs little."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from contextlib import ExitStack, suppress

import pytest

from msgr.doctor.tables import CLOSE_WAIT, sockets

from ..raw import BANNER
from . import rush
from .hosting import Hosted, hosted
from .visitors import call

CROWD = 100_000
ROUNDS = CROWD // len(rush.ROUND)
HALF_OPEN = 10_000
CEILING = 48 << 10
"""Bytes that a handshake under way may cost; it takes about 30 KiB, most of it the four tasks that drive it."""
BACKENDS = ["asyncio", "trio"]


def come_and_go(to: Hosted, rounds: int) -> None:
    """Have clients come and go, in a process of their own."""
    command = [sys.executable, "-m", "tests.net.accept.rush", str(to.port), str(rounds)]
    subprocess.run(command, check=True, timeout=400)


def left_open(number: int) -> int:
    """Count the sockets of a server that are in CLOSE_WAIT, by the system's own tables."""
    rows = sockets()
    assert rows is not None
    return sum(row.state == CLOSE_WAIT and row.local[1] == number for row in rows)


def test_what_is_left_open_is_seen() -> None:
    """A server that does not close is told from one that does."""
    with hosted("asyncio") as server:
        stopped = server.pid
        subprocess.run(["kill", "-STOP", str(stopped)], check=True)
        try:
            call(server.port).close()
            assert left_open(server.port) == 1
        finally:
            subprocess.run(["kill", "-CONT", str(stopped)], check=True)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "rounds", [50, pytest.param(ROUNDS, marks=[pytest.mark.slow, pytest.mark.timeout(600)])], ids=["few", "100,000"]
)
def test_come_and_go(backend: str, rounds: int) -> None:
    """They close, reset, break off, or have a session: no descriptor, task, session or CLOSE_WAIT is left of them."""
    count = rounds * len(rush.ROUND)
    with hosted(backend) as server:
        come_and_go(server, 2)
        before = settled(server, 2 * len(rush.ROUND))
        come_and_go(server, rounds)
        after = settled(server, count + 2 * len(rush.ROUND))
        assert (after["descriptors"], after["tasks"]) == (before["descriptors"], before["tasks"])
        assert (after["half_open"], after["sessions"], after["waiting"]) == (0, 0, 0)
        assert after["ready"] == rounds + 2
        assert left_open(server.port) == 0
        # Memory does not grow with those who have been there.
        assert after["resident"] - before["resident"] < (8 << 20)
        with call(server.port) as good:
            good.setblocking(True)
            rush.session(good)


@pytest.mark.parametrize("backend", BACKENDS)
def test_quick_clients_do_not_displace_each_other(backend: str) -> None:
    """Two hundred are there at once where 64 have a place, and are slow only together: most wait their turn.

    A loop that took them all at once would keep the last 64.
    """
    served = 0
    with hosted(backend, half_open=64) as server, ExitStack() as crowd:
        there = [crowd.enter_context(call(server.port)) for _ in range(200)]
        for one in there:
            one.setblocking(True)
            with suppress(OSError, AssertionError):  # on a busy machine a few are not quick
                rush.session(one)
                served += 1
        figures = settled(server, len(there))
        assert figures["ready"] == served > 128
        assert figures["displaced"] == len(there) - served


def settled(server: Hosted, accepted: int) -> dict[str, int]:
    """Return a server's figures when it is done with so many."""
    until = time.monotonic() + 30
    while True:
        figures = server.figures()
        done = figures["accepted"] == accepted and not figures["half_open"] and not figures["sessions"]
        if done or time.monotonic() > until:
            break
    assert figures["accepted"] == figures["ready"] + figures["failed"] == accepted
    return figures


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("backend", BACKENDS)
def test_memory_of_a_handshake_under_way(backend: str) -> None:
    """Ten thousand at once, of 250 hosts: each costs less than 48 KiB, and good clients are served (demand 34)."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit < HALF_OPEN + 500:
        pytest.skip(f"a process may hold {limit} descriptors here")
    with hosted(backend, half_open=HALF_OPEN + 100, handshake=200.0) as server, ExitStack() as crowd:
        before = server.figures()
        for count in range(HALF_OPEN):
            opened = crowd.enter_context(call(server.port, f"127.0.0.{1 + count % 250}"))
            opened.send(BANNER)
            if count % 400 == 399:  # fewer than the kernel keeps; who is served now came after them
                with call(server.port) as good:
                    good.setblocking(True)
                    rush.session(good)
        after = server.figures()
        assert after["half_open"] == HALF_OPEN
        assert after["hosts"] == 250
        each = (after["resident"] - before["resident"]) / HALF_OPEN
        print(f"{backend}: {each:,.0f} bytes for each handshake under way")
        assert 1 << 10 < each < CEILING
        crowd.close()
        rest = settled(server, after["accepted"])
        assert (rest["descriptors"], rest["tasks"]) == (before["descriptors"], before["tasks"])
        assert left_open(server.port) == 0
