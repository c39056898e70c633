"""Processes of the lab: started here, watched here, and ended here by their own process id."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .releases import Release

_POLL_INTERVAL: Final = 0.02
_TOOL_LIMIT: Final = 60.0
_TAIL: Final = 2000


class LabError(Exception):
    """The lab could not do what it was asked; the last words of the program concerned are in the message."""


@dataclass(frozen=True, slots=True)
class Tools:
    """The programs of one release of Ceph, with `conf` for the only cluster they know; no cluster has to run."""

    release: Release
    conf: Path

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment that they run in."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CEPH_")}
        return kept | {"CEPH_CONF": str(self.conf), "LC_ALL": "C.UTF-8"}

    def command(self, *argv: str) -> list[str]:
        """Return the command line of a program; the files it is given must be in the temporary directory."""
        return self.release.command(argv)

    def finish(self, *argv: str, stdin: bytes = b"", within: float = _TOOL_LIMIT) -> subprocess.CompletedProcess[bytes]:
        """Run a program to its end, whatever that is; raises LabError if it takes longer."""
        try:
            return subprocess.run(
                self.command(*argv),
                env=self.environment,
                input=stdin,
                capture_output=True,
                timeout=within,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise LabError(f"{' '.join(argv)}: still running after {within:g} seconds") from error

    def run(self, *argv: str, stdin: bytes = b"", within: float = _TOOL_LIMIT) -> str:
        """Run a program and return what it printed; raises LabError if it failed or took too long."""
        done = self.finish(*argv, stdin=stdin, within=within)
        if done.returncode:
            words = done.stderr.decode(errors="replace")[-_TAIL:]
            raise LabError(f"{' '.join(argv)}: exit code {done.returncode}\n{words}")
        return done.stdout.decode(errors="replace")

    def start(self, argv: Sequence[str], output: Path) -> subprocess.Popen[bytes]:
        """Start a program that goes on; what it prints is added to the file `output`."""
        with output.open("ab") as stream:
            return subprocess.Popen(
                self.command(*argv),
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,  # an interrupt at the keyboard is for the tests, which then end it in order
            )


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


def reserve_port(stack: ExitStack, host: str = "127.0.0.1") -> int:
    """Return a free port of a loopback address, which stays ours until `stack` closes.

    The socket is bound and never listens. Since both it and Ceph's daemons set SO_REUSEADDR, a daemon can listen there,
    while the kernel gives the port to nobody else, not even while the daemon is down.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    holder = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind((host, 0))
    port: int = holder.getsockname()[1]
    return port


class Daemon:
    """One daemon, which may be killed and started again on the same data."""

    def __init__(self, name: str, tools: Tools) -> None:
        self.name = name
        self.gid: int | None = None
        """The global id of a manager's last start that the monitors know of."""
        self._tools = tools
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def kind(self) -> str:
        """What it is: mon, mgr or osd."""
        return self.name.partition(".")[0]

    @property
    def pid(self) -> int | None:
        """The process id, None while it does not run."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    def start(self) -> None:
        """Start the process; it is not ready then. Raises LabError if it runs already."""
        if self.pid is not None:
            raise LabError(f"{self.name} runs already")
        kind, _, ident = self.name.partition(".")
        self._process = self._tools.start(
            [f"ceph-{kind}", "--foreground", "--conf", str(self._tools.conf), "--id", ident], self._file("out")
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
            words = self._file("out").read_text(errors="replace")[-_TAIL:] if self._file("out").exists() else ""
            raise LabError(f"{self.name} does not run (exit code {code})\n{words}")
        return ask(self._file("asok"), command)

    def log(self) -> str:
        """Return what it logged since the cluster began, its last words on the terminal after that."""
        files = (self._file("log"), self._file("out"))
        return "".join(path.read_text(errors="replace") for path in files if path.exists())

    def _file(self, suffix: str) -> Path:
        return self._tools.conf.with_name(f"{self.name}.{suffix}")
