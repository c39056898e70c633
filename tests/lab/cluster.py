"""A throw-away Ceph cluster."""

from __future__ import annotations

import uuid
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Final, Self

from .commands import mon_commands
from .configuration import MODULES, configuration
from .keys import fresh_key, keyring
from .process import Daemon, LabError, Tools, reserve_port, wait_until
from .releases import find_release
from .settings import Settings

POOL: Final = "data"
"""The pool of a cluster with OSDs, replicated to all of them."""

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
        Managers (the active one) and OSDs choose their ports at every start, and have a nonce, as `locate` finds them:
        `osd.0` to `v2:127.0.0.1:PORT/NONCE`, and `osd.0 cluster` to where other OSDs dial it.
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
    def tools(self) -> Tools:
        """The stock tools of this cluster's release, which know this cluster."""
        return Tools(find_release(self.settings.release), self.conf)

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of the daemons that run."""
        return {name: daemon.pid for name, daemon in self._daemons.items() if daemon.pid is not None}

    def __enter__(self) -> Self:
        with ExitStack() as stack:  # what was begun ends again if the boot fails
            self._directory = Path(stack.enter_context(TemporaryDirectory(prefix="ceph-")))
            names = self.settings.monitor_names
            ports = self.settings.monitor_ports or sorted(reserve_port(stack) for _ in names)
            self.addresses = {name: f"v2:127.0.0.1:{port}" for name, port in zip(names, ports, strict=True)}
            self._make_files()
            self._make_monitors()
            self._start(stack, *self.settings.own_names)
            osds = {name: str(uuid.uuid4()) for name in self.settings.osd_names}
            self._make_osds(osds)  # while the monitors look for each other
            for name in self.settings.own_names:
                self._await(name)
            self._register_osds(osds)
            self._start(stack, *self.settings.manager_names, *osds)
            for name in (*self.settings.manager_names, *osds):
                self._await(name)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def run(self, *argv: str, stdin: bytes = b"", within: float = _BOOT_LIMIT) -> str:
        """Run a program of Ceph's, such as `ceph -s`, and return what it printed; raises LabError if it fails.

        It is the program of the cluster's release, and sees this machine's temporary directory, but no other file of
        this machine's if the release has a tree of its own.
        """
        return self.tools.run(*argv, stdin=stdin, within=within)

    def command(self, prefix: str, **arguments: Any) -> Any:
        """Have the monitors execute a command as client.admin, and return its JSON output, None if that is empty."""
        return mon_commands(self.tools, {"prefix": prefix, **arguments})[0]

    def kill(self, name: str) -> None:
        """End a daemon as a power cut would; its port stays reserved if it is a monitor's.

        The objects of an OSD are gone with it, unless the cluster is a durable one.
        """
        self._daemon(name).kill()

    def restart(self, name: str) -> None:
        """Start a daemon again on its data and its port, ending it before if it runs, and wait until it is ready."""
        daemon = self._daemon(name)
        daemon.kill()
        daemon.start()
        self._await(name)

    def log(self, name: str) -> str:
        """Return what a daemon has logged so far."""
        return self._daemon(name).log()

    def ask(self, name: str, command: str) -> Any:
        """Put a command to a daemon's admin socket and return its JSON output, None while nobody answers."""
        return self._daemon(name).ask(command)

    def locate(self) -> list[dict[str, Any]]:
        """Ask the monitors where the active manager and the OSDs are, note it in `addresses`, and return the OSDs."""
        manager, osds = mon_commands(self.tools, {"prefix": "mgr dump"}, {"prefix": "osd dump"})
        for name in self.settings.manager_names:
            self.addresses.pop(name, None)
        if manager["available"]:
            self.addresses[f"mgr.{manager['active_name']}"] = _newest(manager["active_addrs"])
        for osd in osds["osds"]:
            if osd["up"]:
                self.addresses[f"osd.{osd['osd']}"] = _newest(osd["public_addrs"])
                self.addresses[f"osd.{osd['osd']} cluster"] = _newest(osd["cluster_addrs"])
        return list(osds["osds"])

    def _daemon(self, name: str) -> Daemon:
        if name not in self._daemons:
            raise LabError(f"no {name} here; there is {', '.join(self._daemons) or 'nobody'}")
        return self._daemons[name]

    def _start(self, stack: ExitStack, *names: str) -> None:
        for name in names:
            self._daemons[name] = daemon = Daemon(name, self.tools)
            stack.callback(daemon.kill)
            daemon.start()

    def _await(self, name: str) -> None:
        """Wait until a daemon is ready, and learn its address."""
        daemon = self._daemon(name)
        {"mon": self._await_monitor, "mgr": self._await_manager, "osd": self._await_osd}[daemon.kind](daemon)

    def _await_monitor(self, daemon: Daemon) -> None:
        # Without enough monitors for a quorum, all that one of them can do is look for the others.
        ready = _IN_QUORUM if self.settings.has_quorum else _LOOKING
        wait_until(
            f"{' or '.join(ready)} {daemon.name}",
            lambda: (daemon.ask("mon_status") or {}).get("state") in ready,
            within=_BOOT_LIMIT,
        )
        if not self.settings.has_quorum:
            return
        # One that is fresh in its quorum has no global ids to give yet, and drops who needs one; the stock client
        # comes again until it is let in.
        self.run("ceph", "--mon-client-hunt-interval", "0.2", "-m", self.addresses[daemon.name], "mon", "stat")

    def _await_manager(self, daemon: Daemon) -> None:
        ident = daemon.name.partition(".")[2]

        def known() -> bool:
            if daemon.ask("version") is None:
                return False
            found = self.command("mgr dump")
            gids = {standby["name"]: standby["gid"] for standby in found["standbys"]}
            if found["available"]:
                gids[found["active_name"]] = found["active_gid"]
            # Of one that was killed the monitors still know for a while; it comes back with another id.
            if not found["available"] or gids.get(ident) in (None, daemon.gid):
                return False
            daemon.gid = gids[ident]
            return True

        wait_until(f"active or standing by {daemon.name}", known, within=_BOOT_LIMIT)
        self.locate()

    def _await_osd(self, daemon: Daemon) -> None:
        wait_until(
            f"active {daemon.name}",
            lambda: (daemon.ask("status") or {}).get("state") == "active",
            within=_BOOT_LIMIT,
        )

        def known() -> bool:
            return any(osd["up"] and osd["in"] for osd in self.locate() if f"osd.{osd['osd']}" == daemon.name)

        wait_until(f"{daemon.name} that is up and in", known, within=_BOOT_LIMIT)

    def _make_files(self) -> None:
        caps: dict[str, dict[str, str]] = {
            "mon.": {"mon": _ALL},
            "client.admin": dict.fromkeys(("mon", "mgr", "osd", "mds"), _ALL),
            **{name: {"mon": "allow profile mgr", "osd": _ALL} for name in self.settings.manager_names},
            **{
                name: {"mon": "allow profile osd", "mgr": "allow profile osd", "osd": _ALL}
                for name in self.settings.osd_names
            },
        }
        for name, text in self.settings.clients.items():
            caps[name] = {"mon": text} if isinstance(text, str) else dict(text)
        self.keys = {name: fresh_key(self.settings.key_type) for name in caps}
        self.keyring.touch(mode=0o600)
        self.keyring.write_text(keyring(self.keys, caps))
        self.conf.write_text(
            configuration(self.settings, directory=self._directory, fsid=self.fsid, addresses=self.addresses)
        )
        for name in (*self.settings.own_names, *self.settings.manager_names, *self.settings.osd_names):
            (self._directory / name).mkdir()
        (self._directory / MODULES).mkdir()

    def _make_monitors(self) -> None:
        monmap = str(self._directory / "monmap")
        self.run("monmaptool", "--create", "--fsid", self.fsid, *self._ciphers(), monmap)
        for name, address in self.addresses.items():
            ident = name.partition(".")[2]
            self.run("monmaptool", "--addv", ident, f"[{address}]", monmap)
        for name in self.settings.own_names:
            ident = name.partition(".")[2]
            self.run("ceph-mon", "--mkfs", "--id", ident, "--monmap", monmap, "--keyring", str(self.keyring))

    def _make_osds(self, osds: dict[str, str]) -> None:
        for name, identity in osds.items():
            self.run("ceph-osd", "--mkfs", "--id", name.partition(".")[2], "--osd-uuid", identity)

    def _register_osds(self, osds: dict[str, str]) -> None:
        """Tell the monitors of the OSDs, in the order of their numbers, and make the pool."""
        if osds:
            mon_commands(
                self.tools,
                *({"prefix": "osd new", "uuid": identity} for identity in osds.values()),
                {"prefix": "osd pool create", "pool": POOL, "pg_num": 1},
                {"prefix": "osd pool application enable", "pool": POOL, "app": "lab"},
            )

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


def _newest(addresses: dict[str, Any]) -> str:
    """Return the one msgr2 address of a vector, as the monitors print it."""
    (address,) = (entry for entry in addresses["addrvec"] if entry["type"] == "v2")
    return f"v2:{address['addr']}/{address['nonce']}"
