"""What a cluster is asked to be, and the configuration file that tells Ceph so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

Auth: TypeAlias = Literal["cephx", "none"]
KeyType: TypeAlias = Literal["aes", "aes256k"]
Modes: TypeAlias = Literal["secure crc", "crc secure", "secure", "crc"]
"""The modes that are allowed at all, the preferred one first."""

_MONITOR_NAMES = "abcde"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A cluster as a test wishes it; the defaults are those of Ceph's monitors.

    `clients` maps further entities to their capabilities at the monitors, beside `client.admin` who may do everything.
    `extra` is added to the [global] section and wins over all else; its names are written with spaces.
    `foreign` names those of the monitors that the test plays itself: the others know and dial them like any monitor.
    """

    monitors: int = 1
    auth: Auth = "cephx"
    modes: Modes = "secure crc"
    key_type: KeyType = "aes"
    foreign: tuple[str, ...] = ()
    clients: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 1 <= self.monitors <= len(_MONITOR_NAMES):
            raise ValueError(f"{self.monitors} monitors; 1 to {len(_MONITOR_NAMES)} are possible")
        if unknown := set(self.foreign).difference(self.monitor_names):
            raise ValueError(f"no monitor is named {', '.join(sorted(unknown))}; there is {self.monitor_names}")

    @property
    def monitor_names(self) -> tuple[str, ...]:
        """The monitors' names: `mon.a` and so on."""
        return tuple(f"mon.{letter}" for letter in _MONITOR_NAMES[: self.monitors])

    @property
    def own_names(self) -> tuple[str, ...]:
        """The names of the monitors that really run."""
        return tuple(name for name in self.monitor_names if name not in self.foreign)

    @property
    def has_quorum(self) -> bool:
        """Whether the monitors that really run are a majority."""
        return 2 * len(self.own_names) > self.monitors


def configuration(settings: Settings, *, directory: Path, fsid: str, addresses: Mapping[str, str]) -> str:
    """Return the text of `ceph.conf`."""
    everyone = {
        "fsid": fsid,
        "mon host": ",".join(f"[{address}]" for address in addresses.values()),
        "keyring": str(directory / "keyring"),
        **{f"auth {who} required": settings.auth for who in ("cluster", "service", "client")},
        # Without the second set the monitors, which have settings of their own, would go by Ceph's defaults.
        **{f"ms {who} mode": settings.modes for who in ("cluster", "service", "client")},
        **{f"ms mon {who} mode": settings.modes for who in ("cluster", "service", "client")},
        "ms bind ipv6": "false",
        "ms bind msgr1": "false",
        "auth allow insecure global id reclaim": "false",
    }
    daemons = {
        "admin socket": str(directory / "$name.asok"),
        "log file": str(directory / "$name.log"),
        "crash dir": str(directory),
        "run dir": str(directory),
    }
    monitors = {
        "mon data": str(directory / "$name"),
        "mon initial members": ",".join(name.partition(".")[2] for name in addresses),
        # A test machine's disk may be nearly full; the monitor must not shut itself down for that.
        "mon data avail crit": "0",
        # What makes a boot quick: Ceph waits a second before a proposal, and five for an election.
        "paxos propose interval": "0.05",
        "mon election timeout": "1",
    }
    sections = {"global": everyone, "mon": daemons | monitors, "mgr": daemons, "osd": daemons}
    return "\n".join(_section(name, options, settings.extra) for name, options in sections.items())


def _section(name: str, options: Mapping[str, str], extra: Mapping[str, str]) -> str:
    # A daemon's own section would win over [global], so what is in `extra` must not be there.
    kept = {option: value for option, value in options.items() if option not in extra}
    if name == "global":
        kept |= extra
    return f"[{name}]\n" + "".join(f"{option} = {value}\n" for option, value in kept.items())
