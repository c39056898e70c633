"""What a cluster is asked to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from .releases import ReleaseName

Auth: TypeAlias = Literal["cephx", "none"]
KeyType: TypeAlias = Literal["aes", "aes256k"]
Modes: TypeAlias = Literal["secure crc", "crc secure", "secure", "crc"]
"""The modes that are allowed at all, the preferred one first."""
Compression: TypeAlias = Literal["snappy", "zlib", "zstd", "lz4"]

_MONITOR_NAMES = "abcde"
_MANAGER_NAMES = "xyz"
_OSDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A cluster as a test wishes it; the defaults are those of Ceph's monitors.

    `clients` maps further entities, beside `client.admin` who may do everything, to their capabilities at the monitors,
    or to a mapping of those by service.
    `extra` is added to the [global] section and wins over all else; its names are written with spaces.
    `foreign` names those of the monitors that the test plays itself: the others know and dial them like any monitor.
    `durable` OSDs keep their objects when they are killed, and take three seconds longer to boot.
    `monitor_ports` are ports that the test has reserved; without them the cluster reserves some.
    `compress` makes OSDs ask for compression on the wire, also in secure mode; releases before 17 have none.
    """

    release: ReleaseName = "16.2"
    monitors: int = 1
    managers: int = 0
    osds: int = 0
    durable: bool = False
    auth: Auth = "cephx"
    modes: Modes = "secure crc"
    key_type: KeyType = "aes"
    compress: Compression | None = None
    foreign: tuple[str, ...] = ()
    monitor_ports: tuple[int, ...] = ()
    clients: Mapping[str, str | Mapping[str, str]] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 1 <= self.monitors <= len(_MONITOR_NAMES):
            raise ValueError(f"{self.monitors} monitors; 1 to {len(_MONITOR_NAMES)} are possible")
        if not 0 <= self.managers <= len(_MANAGER_NAMES):
            raise ValueError(f"{self.managers} managers; 0 to {len(_MANAGER_NAMES)} are possible")
        if not 0 <= self.osds <= _OSDS:
            raise ValueError(f"{self.osds} OSDs; 0 to {_OSDS} are possible")
        if unknown := set(self.foreign).difference(self.monitor_names):
            raise ValueError(f"no monitor is named {', '.join(sorted(unknown))}; there is {self.monitor_names}")
        if self.monitor_ports and len(self.monitor_ports) != self.monitors:
            raise ValueError(f"{len(self.monitor_ports)} ports for {self.monitors} monitors")
        if not self.has_quorum and (self.managers or self.osds):
            raise ValueError("managers and OSDs need a quorum of monitors")
        if self.compress and self.release == "16.2":
            raise ValueError("Ceph 16.2 has no compression on the wire")

    @property
    def monitor_names(self) -> tuple[str, ...]:
        """The monitors' names: `mon.a` and so on."""
        return tuple(f"mon.{letter}" for letter in _MONITOR_NAMES[: self.monitors])

    @property
    def own_names(self) -> tuple[str, ...]:
        """The names of the monitors that really run."""
        return tuple(name for name in self.monitor_names if name not in self.foreign)

    @property
    def manager_names(self) -> tuple[str, ...]:
        """The managers' names: `mgr.x` and so on."""
        return tuple(f"mgr.{letter}" for letter in _MANAGER_NAMES[: self.managers])

    @property
    def osd_names(self) -> tuple[str, ...]:
        """The names of the OSDs: `osd.0` and so on."""
        return tuple(f"osd.{number}" for number in range(self.osds))

    @property
    def has_quorum(self) -> bool:
        """Whether the monitors that really run are a majority."""
        return 2 * len(self.own_names) > self.monitors
