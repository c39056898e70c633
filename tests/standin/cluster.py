"""The stand-in cluster as a whole: one monitor, one manager, one OSD, and the files that a client of it needs."""

from __future__ import annotations

import secrets
import time
import uuid
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self, TypeAlias

import anyio
import anyio.abc
import anyio.to_thread

from msgr import Keyring, Messenger
from msgr.auth import (
    CephxServer,
    CephxServiceServer,
    CryptoKey,
    GlobalIds,
    KeyType,
    NoneServer,
    RotatingSecrets,
    ServerMethod,
)
from msgr.frame import Mode
from msgr.mon.maps import MgrMap, MonFeature, MonInfo, MonMap
from msgr.net.tasks import quiet_tasks
from msgr.session import Policy
from msgr.wire import EntityAddr, EntityType, Timestamp

from .monitor import EPOCH, Facts, Monitor
from .osdmap import make_osd_map
from .recorder import Recorder
from .services import Manager, Osd

Addresses: TypeAlias = tuple[EntityAddr, ...]

ADMIN: Final = "client.admin"
_LISTEN: Final = "v2:127.0.0.1:0"
_MANAGER_GID: Final = 4100
_RELEASE: Final = 16
_MONITOR_FEATURES: Final = 0xFF
"""What a quorum of 16.2 has: without that of 12.2, clients do not wait for a manager."""
# Standbys, modules, services, when it became active, what is always on, features, the last failure, its own clients.
_EMPTY_TAIL: Final = bytes(4 * 4 + 8 + 4 + 8 + 4 + 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A stand-in as a test wishes it; the modes are also what its clients are told to use, best first."""

    method: Literal["cephx", "none"] = "cephx"
    modes: tuple[Mode, ...] = (Mode.SECURE, Mode.CRC)
    key_type: KeyType = KeyType.AES
    """What the releases before 20 know."""
    auth_ttl: float = 72 * 3600.0
    service_ttl: float = 3600.0
    manager: bool = True
    """Whether the monitor tells of the manager."""


class StandIn:
    """Runs while its `async with` block does; its files are in `directory`, and the daemons are there from then on.

    Clients reach each daemon through its `recorder`, which has heard what either end said: all of it at the monitor,
    and at the others in secure mode what comes before that.
    """

    monitor: Monitor
    manager: Manager
    osd: Osd

    def __init__(self, directory: Path, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.fsid = uuid.uuid4()
        self.keys = Keyring()
        """The keys that the monitor knows; what is added counts from the next handshake on."""
        self.keys.add(ADMIN, self.new_key(), dict.fromkeys(("mds", "mgr", "mon", "osd"), "allow *"))
        self._directory = directory
        self.rotating = RotatingSecrets(
            secrets.token_bytes,
            key_type=self.settings.key_type,
            auth_ttl=self.settings.auth_ttl,
            service_ttl=self.settings.service_ttl,
        )
        """What tickets are sealed with; all daemons share them."""
        self._stack = AsyncExitStack()

    @property
    def conf(self) -> Path:
        """The configuration file, good for the stock tools' `--conf`."""
        return self._directory / "ceph.conf"

    @property
    def keyring(self) -> Path:
        """The keyring of client.admin."""
        return self._directory / "keyring"

    def new_key(self) -> CryptoKey:
        """Return a key that nobody has."""
        return CryptoKey.generate(secrets.token_bytes, time.time(), self.settings.key_type)

    def drop(self) -> int:
        """End all connections at once, and return how many there were."""
        return sum(daemon.drop() for daemon in (self.monitor, self.manager, self.osd))

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            manager = await self._end(stack, f"mgr.{_MANAGER_GID}", self._service(EntityType.MGR))
            osd = await self._end(stack, "osd.0", self._service(EntityType.OSD))
            monitor = await self._end(stack, "mon.0", self._office())
            facts = await self._facts(*(messenger.addresses for messenger, _ in (monitor, manager, osd)))
            self.monitor, self.manager, self.osd = Monitor(*monitor, facts), Manager(*manager), Osd(*osd)
            self._write_files()
            tasks = await stack.enter_async_context(quiet_tasks())
            stack.callback(tasks.cancel_scope.cancel)
            for daemon in (self.monitor, self.manager, self.osd):
                tasks.start_soon(daemon.run)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        return await self._stack.__aexit__(kind, error, traceback)

    async def _end(self, stack: AsyncExitStack, name: str, method: ServerMethod) -> tuple[Messenger, Recorder]:
        """Return a messenger, and the recorder in front of it."""
        recorder = await stack.enter_async_context(Recorder(self.keys))
        messenger = Messenger(
            name,
            auth=None,
            server_auth=(method,),
            policy=Policy.stateless_server(),
            listen=_LISTEN,
            advertise=recorder.address,
            modes=self.settings.modes,
        )
        await stack.enter_async_context(messenger)
        recorder.target = str(messenger.listening[0])
        return messenger, recorder

    def _office(self) -> ServerMethod:
        """Return how the monitor lets clients in."""
        if self.settings.method == "none":
            return NoneServer(GlobalIds())
        return CephxServer(
            self.keys,
            secrets=self.rotating,
            global_ids=GlobalIds(),
            allowed_key_types={self.settings.key_type},
            required_caps={"mon"},
        )

    def _service(self, service: EntityType) -> ServerMethod:
        """Return how a daemon lets clients in: the tickets of its kind are sealed with its rotating secrets."""
        if self.settings.method == "none":
            return NoneServer(GlobalIds())
        return CephxServiceServer(service, self.rotating)

    async def _facts(self, monitor: Addresses, manager: Addresses, osd: Addresses) -> Facts:
        make = partial(make_osd_map, self._directory, fsid=self.fsid.bytes, osd=osd[0])
        now, known = Timestamp.of(time.time()), self.settings.manager
        return Facts(
            fsid=self.fsid,
            monmap=MonMap(
                fsid_bytes=self.fsid.bytes,
                epoch=EPOCH,
                last_changed=now,
                created=now,
                persistent=MonFeature(bits=_MONITOR_FEATURES),
                mons={"a": MonInfo(name="a", addresses=monitor)},
                ranks=("a",),
                release=_RELEASE,
            ),
            mgrmap=MgrMap(
                epoch=EPOCH,
                addresses=manager if known else (),
                gid=_MANAGER_GID if known else 0,
                available=known,
                name="x" if known else "",
                tail=_EMPTY_TAIL,
            ),
            osdmap=await anyio.to_thread.run_sync(make),
        )

    def _write_files(self) -> None:
        modes = " ".join(mode.name.lower() for mode in self.settings.modes)
        options = {
            "fsid": str(self.fsid),
            "mon host": f"[{self.monitor.recorder.address}]",
            "keyring": str(self.keyring),
            **{f"auth {who} required": self.settings.method for who in ("cluster", "service", "client")},
            "ms client mode": modes,
            "ms mon client mode": modes,
        }
        self.conf.write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in options.items()))
        self.keys.save(self.keyring)
