"""Ceph's own messenger programs, `ceph_perf_msgr_server` and `ceph_perf_msgr_client`, of the release in the tree.

The client asks with messages of an OSD's type, so many at once, and the server answers each. Both authenticate with
method none and say nothing in it, not even a name. The server keeps no sessions; the client's session outlives its
connections where the other end allows that.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Final

import anyio

from ..lab import LabError, Tools, find_release
from ..lab.process import reserve_port, wait_until

WINDOW: Final = 32
"""How many questions wait for their answers at once."""

_CONF: Final = """[global]
auth cluster required = none
auth service required = none
auth client required = none
ms cluster mode = crc
ms service mode = crc
ms client mode = crc
keyring = {directory}/keyring
log file = {directory}/log
admin socket =
"""
_TOTAL: Final = re.compile(rb"Total op (\d+) run time (\d+)us")
_SOURCE: Final = Path(__file__).with_name("nosleep.c")


@dataclass(frozen=True, slots=True)
class Programs:
    """The two programs, in a directory of their own."""

    tools: Tools
    preload: Path | None
    """A library that makes usleep(0) return at once; None where there is no compiler, or where they run as shipped."""

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment that they run in."""
        return {**self.tools.environment, **({"LD_PRELOAD": str(self.preload)} if self.preload else {})}

    @contextmanager
    def server(self) -> Iterator[str]:
        """Run their server while the body runs, and yield its address."""
        with ExitStack() as stack:
            port = reserve_port(stack)
            address = f"v2:127.0.0.1:{port}"
            process = subprocess.Popen(
                self.tools.command("ceph_perf_msgr_server", address, "1", "0"),
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            wait_until("server", lambda: _listens(process, port), within=20)
            yield address

    async def ask(self, address: str, *, size: int, count: int, within: float) -> float:
        """Have their client ask `count` questions of `size` bytes, and return how many seconds it says that took.

        Then the last of them is asked; it leaves without waiting for the last window of answers.
        Raises TimeoutError where it does not come to its end (some runs hang), and LabError where it fails. It is ended
        if this is cancelled.
        """
        command = self.tools.command("ceph_perf_msgr_client", address, "1", str(WINDOW), str(count), "0", str(size))
        with anyio.fail_after(within):
            done = await anyio.run_process(
                command, env=self.environment, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False
            )
        found = _TOTAL.search(done.stdout)
        if done.returncode or found is None or int(found[1]) != count:
            raise LabError(f"their client: exit code {done.returncode}\n{done.stdout.decode(errors='replace')[-2000:]}")
        return int(found[2]) / 1e6


@contextmanager
def programs(*, as_shipped: bool = False, extra: Mapping[str, str] = MappingProxyType({})) -> Iterator[Programs]:
    """Make a place for the programs, with further settings in their configuration."""
    with TemporaryDirectory(prefix="ceph-perf-") as name:
        directory = Path(name)
        conf = directory / "ceph.conf"
        settings = "".join(f"{name} = {value}\n" for name, value in extra.items())
        conf.write_text(_CONF.format(directory=directory) + settings)
        (directory / "keyring").touch()
        tools = Tools(find_release("18.2"), conf)
        yield Programs(tools, None if as_shipped else _compiled(directory))


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    if process.poll() is not None:
        raise LabError(f"their server: exit code {process.returncode}")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as knocking:
        return knocking.connect_ex(("127.0.0.1", port)) == 0


def _compiled(directory: Path) -> Path | None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    library = directory / "nosleep.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(_SOURCE)], check=True)
    return library
