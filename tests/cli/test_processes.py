"""Nothing is left of a command that was interrupted, or of its parent that was killed."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from .run import ENVIRONMENT, LIMIT, PROGRAM


class Terminal:
    """A terminal that processes write to; when none of them is left, it ends."""

    def __init__(self, reading: int) -> None:
        self._reading = reading
        self.text = ""

    def until(self, words: str) -> None:
        """Read until these words were shown; fails if the end comes first."""
        while words not in self.text:
            assert self._more(), self.text

    def until_end(self) -> None:
        """Read until nobody has the terminal any more."""
        while self._more():
            pass

    def _more(self) -> bool:
        try:
            data = os.read(self._reading, 4096)
        except OSError:  # Linux' way to say that the other end is closed
            return False
        self.text += data.decode()
        return bool(data)


@contextmanager
def benching() -> Iterator[tuple[subprocess.Popen[bytes], Terminal]]:
    """Run a long `msgr bench` at a terminal, until it shows that it is measuring."""
    reading, writing = pty.openpty()
    environment = {name: value for name, value in ENVIRONMENT.items() if name not in ("TERM", "NO_COLOR")}
    with subprocess.Popen(
        [*PROGRAM, "bench", "--seconds", "60"],
        env=environment | {"TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=writing,
    ) as process:
        os.close(writing)
        terminal = Terminal(reading)
        try:
            terminal.until("measuring")
            yield process, terminal
        finally:
            process.kill()
            os.close(reading)


def test_bench_interrupted() -> None:
    with benching() as (process, terminal):
        process.send_signal(signal.SIGINT)
        terminal.until_end()
        assert process.wait(LIMIT) == 130
    assert terminal.text.endswith("msgr: interrupted\r\n")
    assert "Traceback" not in terminal.text


@pytest.mark.parametrize("line", range(1, 5))
def test_demo_interrupted(line: int) -> None:
    """While both ends are at work, in one process: neither takes the end of the other for a failure."""
    command = [*PROGRAM, "demo"]
    with subprocess.Popen(
        command, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        shown = [process.stdout.readline() for _ in range(line + 1)]
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=LIMIT)
    assert "client.demo is in at" in shown[-1]
    assert (process.returncode, told) == (130, "msgr: interrupted\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_bench_killed(number: signal.Signals) -> None:
    with benching() as (process, terminal):
        process.send_signal(number)
        terminal.until_end()
        assert process.wait(LIMIT) == -number
    assert "Traceback" not in terminal.text
