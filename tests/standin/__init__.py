"""A stand-in cluster: a monitor, a manager and an OSD, made of `msgr`, that Ceph's own clients take for real ones.

    async with StandIn(tmp_path, Settings(modes=(Mode.CRC,))) as cluster:
        cluster.conf                        a ceph.conf for the stock tools, with a keyring of client.admin
        cluster.monitor.recorder            what either end said, connection by connection, secure mode too
        cluster.monitor.journal             the messages that a daemon got; `manager` and `osd` have theirs
        cluster.monitor.commands.executed   the commands
        cluster.drop()                      ends all connections at once

It stores nothing, never changes a map, and asks nobody's capabilities.
"""

from __future__ import annotations

from .cluster import ADMIN, Settings, StandIn
from .overheard import Overheard, SentMessage
from .recorder import Recorder

__all__ = ["ADMIN", "Overheard", "Recorder", "SentMessage", "Settings", "StandIn"]
