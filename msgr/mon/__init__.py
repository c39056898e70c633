"""Floor 7: a small client of a Ceph cluster, on top of sessions.

`connect` finds a monitor and yields a `Cluster`, which carries commands to the monitors, the manager and OSDs, and
listens to maps, settings and the cluster log. `CephConf` reads ceph.conf.
"""

from __future__ import annotations

from .cluster import Cluster
from .conf import CephConf
from .connect import connect
from .grammar import Grammar, Invocation
from .maps import MgrMap, MonInfo, MonMap
from .messages import Level, LogEntry, MessageType, OsdMaps
from .requests import Arguments, Result
from .updates import Updates

__all__ = [
    "Arguments",
    "CephConf",
    "Cluster",
    "Grammar",
    "Invocation",
    "Level",
    "LogEntry",
    "MessageType",
    "MgrMap",
    "MonInfo",
    "MonMap",
    "OsdMaps",
    "Result",
    "Updates",
    "connect",
]
