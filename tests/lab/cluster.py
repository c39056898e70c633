"""A throw-away Ceph cluster."""

from __future__ import annotations

import uuid
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Final, Self

from .keys import fresh_key, keyring
from .process import Daemon, LabError, reserve_port, run_tool, wait_until
from .settings import Settings, configuration

_BOOT_LIMIT: Final = 60.0
_IN_QUORUM: Final = ("leader", "peon")
_LOOKING: Final = ("probing", "electing", *_IN_QUORUM)
_ALL: Final = "allow *"


class Cluster:
    """Runs while its `with` block does; all that it was is gone afterwards.

    Its methods block: inside an async test call them by `anyio.to_thread.run_sync`.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.fsid = str(uuid.uuid4())
        """The id of the cluster."""
        self.addresses: dict[str, str] = {}
        """Where each daemon listens: `mon.a` to `v2:127.0.0.1:PORT`, the ports in the order of the names.

        The address of a foreign monitor is reserved, and free to listen at with SO_REUSEADDR.
        """
        self.keys: dict[str, str] = {}
        """Each entity's key in base64, as keyrings have it; `mon.` is the monitors' own."""
        self._daemons: dict[str, Daemon] = {}
        self._stack = ExitStack()
        self._directory = Path()

    @property
    def conf(self) -> Path:
        """The configuration file, good for the stock tools' `--conf`."""
        return self._directory / "ceph.conf"

    @property
    def keyring(self) -> Path:
        """A keyring with all keys and capabilities."""
        return self._directory / "keyring"

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of the daemons that run."""
        return {name: daemon.pid for name, daemon in self._daemons.items() if daemon.pid is not None}

    def __enter__(self) -> Self:
        with ExitStack() as stack:  # what was begun ends again if the boot fails
            self._directory = Path(stack.enter_context(TemporaryDirectory(prefix="ceph-")))
            names = self.settings.monitor_names
            ports = sorted(reserve_port(stack) for _ in names)
            self.addresses = {name: f"v2:127.0.0.1:{port}" for name, port in zip(names, ports, strict=True)}
            self._make_files()
            self._make_monitors()
            for name in self.settings.own_names:
                self._daemons[name] = daemon = Daemon(name, self.conf)
                stack.callback(daemon.kill)
                daemon.start()
            for name in self._daemons:
                self._await(name)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def run(self, *argv: str) -> str:
        """Run a program of Ceph's, such as `ceph -s`, and return what it printed; raises LabError if it fails."""
        return run_tool(argv, self.conf)

    def kill(self, name: str) -> None:
        """End a daemon as a power cut would; its port stays reserved."""
        self._daemon(name).kill()

    def restart(self, name: str) -> None:
        """Start a daemon again on its data and its port, ending it before if it runs, and wait until it is ready."""
        daemon = self._daemon(name)
        daemon.kill()
        daemon.start()
        self._await(name)

    def _daemon(self, name: str) -> Daemon:
        if name not in self._daemons:
            raise LabError(f"no {name} here; there is {', '.join(self._daemons) or 'nobody'}")
        return self._daemons[name]

    def _await(self, name: str) -> None:
        daemon = self._daemon(name)
        # Without enough monitors for a quorum, all that one of them can do is look for the others.
        ready = _IN_QUORUM if self.settings.has_quorum else _LOOKING
        wait_until(
            f"{' or '.join(ready)} {name}",
            lambda: (daemon.ask("mon_status") or {}).get("state") in ready,
            within=_BOOT_LIMIT,
        )
        if not self.settings.has_quorum:
            return
        # One that is fresh in its quorum has no global ids to give yet, and drops who needs one; the stock client
        # comes again until it is let in.
        self.run("ceph", "-m", self.addresses[name], "mon", "stat")

    def _make_files(self) -> None:
        caps = {
            "mon.": {"mon": _ALL},
            "client.admin": dict.fromkeys(("mon", "mgr", "osd", "mds"), _ALL),
            **{name: {"mon": text} for name, text in self.settings.clients.items()},
        }
        self.keys = {name: fresh_key(self.settings.key_type) for name in caps}
        self.keyring.touch(mode=0o600)
        self.keyring.write_text(keyring(self.keys, caps))
        self.conf.write_text(
            configuration(self.settings, directory=self._directory, fsid=self.fsid, addresses=self.addresses)
        )

    def _make_monitors(self) -> None:
        monmap = str(self._directory / "monmap")
        self.run("monmaptool", "--create", "--fsid", self.fsid, *self._ciphers(), monmap)
        for name, address in self.addresses.items():
            ident = name.partition(".")[2]
            self.run("monmaptool", "--addv", ident, f"[{address}]", monmap)
        for name in self.settings.own_names:
            (self._directory / name).mkdir()
            ident = name.partition(".")[2]
            self.run("ceph-mon", "--mkfs", "--id", ident, "--monmap", monmap, "--keyring", str(self.keyring))

    def _ciphers(self) -> list[str]:
        """Return the options that make a release with a choice of ciphers allow ours; older ones have only AES-128."""
        choice = self.settings.key_type
        if "--auth-allowed-ciphers" not in self.run("monmaptool", "--help"):
            if choice != "aes":
                raise LabError(f"this release of Ceph has no keys of type {choice}")
            return []
        allowed = choice if choice == "aes256k" else "aes,aes256k"
        return [
            *("--auth-allowed-ciphers", allowed),
            *("--auth-preferred-cipher", choice),
            *("--auth-service-cipher", choice),
        ]
