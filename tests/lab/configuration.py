"""The configuration file that tells Ceph what a cluster is asked to be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from .settings import Settings

MODULES: Final = "modules"
"""The empty directory that managers load their Python modules from: those would take five seconds."""


def configuration(settings: Settings, *, directory: Path, fsid: str, addresses: Mapping[str, str]) -> str:
    """Return the text of `ceph.conf`; `addresses` are those of the monitors."""
    sections = {
        "global": _everyone(settings, directory, fsid, addresses),
        "mon": _daemons(directory) | _monitors(settings, directory, addresses),
        "mgr": _daemons(directory) | _managers(settings, directory),
        "osd": _daemons(directory) | _osds(settings, directory),
    }
    return "\n".join(_section(name, options, settings.extra) for name, options in sections.items())


def _everyone(settings: Settings, directory: Path, fsid: str, addresses: Mapping[str, str]) -> dict[str, str]:
    return {
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
        "osd pool default size": str(max(settings.osds, 1)),
        "osd pool default min size": "1",
        "osd pool default pg num": "1",
        "osd pool default pg autoscale mode": "off",
        "osd crush chooseleaf type": "0",  # all OSDs are on one host
        # A pool waits this part of the heartbeat grace after an OSD came or went.
        "osd pool default read lease ratio": "0.05",
    }


def _daemons(directory: Path) -> dict[str, str]:
    return {
        "admin socket": str(directory / "$name.asok"),
        "log file": str(directory / "$name.log"),
        "crash dir": str(directory),
        "run dir": str(directory),
        "public addr": "127.0.0.1",
        "cluster addr": "127.0.0.1",
    }


def _monitors(settings: Settings, directory: Path, addresses: Mapping[str, str]) -> dict[str, str]:
    return {
        "mon data": str(directory / "$name"),
        "mon initial members": ",".join(name.partition(".")[2] for name in addresses),
        # A test machine's disk may be nearly full; the monitor must not shut itself down for that.
        "mon data avail warn": "0",
        "mon data avail crit": "0",
        # What makes a boot quick: Ceph waits a second before a proposal, and five for an election.
        "paxos propose interval": "0.05",
        "mon election timeout": "1",
        # At its ticks, every five seconds, a monitor that is back in its quorum gets global ids to give.
        "mon tick interval": "1",
        "mon allow pool delete": "true",
        "mon allow pool size one": "true",
        "mon warn on pool no redundancy": "false",
    }


def _managers(settings: Settings, directory: Path) -> dict[str, str]:
    return {
        "mgr data": str(directory / "$name"),
        "mgr initial modules": "",
        "mgr module path": str(directory / MODULES),
        "mgr stats period": "1",
        "mgr tick period": "1",
    }


def _osds(settings: Settings, directory: Path) -> dict[str, str]:
    options = {
        "osd data": str(directory / "$name"),
        "osd objectstore": "bluestore" if settings.durable else "memstore",
        "bluestore block size": str(1 << 30),
        "memstore device bytes": str(1 << 30),
        "osd heartbeat grace": "60",  # a machine with much to do is no dead OSD
    }
    if settings.release != "16.2":
        options["osd mclock skip benchmark"] = "true"
    if settings.compress:
        options |= {
            "ms osd compress mode": "force",
            "ms osd compression algorithm": settings.compress,
            "ms osd compress min size": "64",
            "ms compress secure": "true",
        }
    return options


def _section(name: str, options: Mapping[str, str], extra: Mapping[str, str]) -> str:
    # A daemon's own section would win over [global], so what is in `extra` must not be there.
    kept = {option: value for option, value in options.items() if option not in extra}
    if name == "global":
        kept |= extra
    return f"[{name}]\n" + "".join(f"{option} = {value}\n" for option, value in kept.items())
