"""Processes of the lab: started here, watched here, and ended here by their own process id."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

_POLL_INTERVAL: Final = 0.02
_TOOL_LIMIT: Final = 60.0
_TAIL: Final = 2000


class LabError(Exception):
    """The lab could not do what it was asked; the last words of the program concerned are in the message."""


def environment(conf: Path) -> Mapping[str, str]:
    """Return the environment of Ceph's programs: this one, with `conf` for the only cluster they know."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CEPH_")}
    return kept | {"CEPH_CONF": str(conf), "LC_ALL": "C.UTF-8"}


def run_tool(argv: Sequence[str], conf: Path) -> str:
    """Run a program to its end and return what it printed; raises LabError if it failed or took too long."""
    try:
        done = subprocess.run(
            argv,
            env=environment(conf),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TOOL_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{' '.join(argv)}: still running after {_TOOL_LIMIT:g} seconds") from error
    if done.returncode:
        raise LabError(f"{' '.join(argv)}: exit code {done.returncode}\n{done.stderr[-_TAIL:]}")
    return done.stdout


def wait_until(what: str, ready: Callable[[], bool], *, within: float) -> None:
    """Poll `ready` until it is true; raises LabError when the time is over."""
    deadline = time.monotonic() + within
    while not ready():
        if time.monotonic() > deadline:
            raise LabError(f"no {what} within {within:g} seconds")
        time.sleep(_POLL_INTERVAL)


def ask(path: Path, command: str) -> dict[str, Any] | None:
    """Put one command to a daemon's admin socket; None while nobody answers there."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(5)
            connection.connect(str(path))
            connection.sendall(json.dumps({"prefix": command, "format": "json"}).encode() + b"\0")
            with connection.makefile("rb") as stream:
                answer: dict[str, Any] = json.loads(stream.read()[4:])  # a length comes first
    except (OSError, ValueError):
        return None
    return answer


def reserve_port(stack: ExitStack) -> int:
    """Return a free port of loopback, which stays ours until `stack` closes.

    The socket is bound and never listens. Since both it and Ceph's daemons set SO_REUSEADDR, a daemon can listen there,
    while the kernel gives the port to nobody else, not even while the daemon is down.
    """
    holder = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    port: int = holder.getsockname()[1]
    return port


class Daemon:
    """One daemon, which may be killed and started again on the same data."""

    def __init__(self, name: str, conf: Path) -> None:
        self.name = name
        self._conf = conf
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id, None while it does not run."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    def start(self) -> None:
        """Start the process; it is not ready then. Raises LabError if it runs already."""
        if self.pid is not None:
            raise LabError(f"{self.name} runs already")
        kind, _, ident = self.name.partition(".")
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                [f"ceph-{kind}", "--foreground", "--conf", str(self._conf), "--id", ident],
                env=environment(self._conf),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # an interrupt at the keyboard is for the tests, which then end it in order
            )

    def kill(self) -> None:
        """End the process at once, as a power cut would; nothing happens if it does not run."""
        if self._process is not None:
            self._process.kill()  # our own unreaped child: its id cannot have gone to another process
            self._process.wait()

    def ask(self, command: str) -> dict[str, Any] | None:
        """Put one command to the admin socket, None while nobody answers; raises LabError if the process ended."""
        if self.pid is None:
            code = None if self._process is None else self._process.returncode
            words = self._output.read_text(errors="replace")[-_TAIL:] if self._output.exists() else ""
            raise LabError(f"{self.name} does not run (exit code {code})\n{words}")
        return ask(self._conf.with_name(f"{self.name}.asok"), command)

    @property
    def _output(self) -> Path:
        return self._conf.with_name(f"{self.name}.out")
