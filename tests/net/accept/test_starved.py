"""A server that has run out of descriptors: it rests, and serves again when there are some (demand 53)."""

from __future__ import annotations

import errno
import json
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import anyio
import pytest

import msgr
from msgr import CryptoKey, Keyring

from ..world import ADMIN, BOUND

_CLIENTS = 80
_LATER = 5
_FAILURES = 6
_ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_out_of_descriptors(backend: str) -> None:
    """80 clients where 40 descriptors are all there is: few attempts meanwhile, and 5 of 5 are served later.

    While it is starved it takes less than 5 % of a processor, by the time that the system charges it for, however long
    that is (section 3, row 15).
    """
    with subprocess.Popen(
        [sys.executable, "-m", "tests.net.accept.starved", backend],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            where, key = process.stdout.readline().split()
            host, number = where.removeprefix("v2:").split("/")[0].split(":")
            with ExitStack() as clients:
                for _ in range(_CLIENTS):
                    clients.enter_context(socket.create_connection((host, int(number))))
                failures = [process.stdout.readline().split() for _ in range(_FAILURES)]
            assert {number for number, _, _ in failures} == {str(errno.EMFILE)}
            # The pauses between six attempts: a loop without them makes thousands in this time.
            (_, began, spent), *_, (_, ended, spent_later) = failures
            elapsed = float(ended) - float(began)
            assert elapsed > 1.5
            assert float(spent_later) - float(spent) < 0.05 * elapsed
            assert anyio.run(visit, where, key, backend=backend) == _LATER
            rest, complaints = process.communicate(timeout=BOUND)
        finally:
            process.kill()
    figures = json.loads(rest.splitlines()[-1])
    assert figures["ready"] == _LATER
    assert _FAILURES <= figures["failures"] == figures["pauses"] < 40
    assert not figures["pausing"]
    assert figures["attempts"] <= _CLIENTS + _LATER + figures["failures"]
    # Logged once, and so is the end of it.
    assert complaints.count("accepting pauses: Too many open files") == 1
    assert complaints.count("accepting goes on after") == 1
    assert process.returncode == 0


async def visit(where: str, key: str) -> int:
    """Be one client after another; returns how many were served."""
    keyring = Keyring()
    keyring.add(ADMIN, CryptoKey.parse(key))
    for served in range(_LATER):
        with anyio.move_on_after(BOUND) as scope:
            async with msgr.connect(where, name=ADMIN, auth=keyring) as session:
                await session.ping()
        if scope.cancelled_caught:
            return served
    return _LATER
