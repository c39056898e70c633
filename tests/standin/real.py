"""A real monitor with room for a recorder before it, so that what is said to it can be held against ours."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tests.lab import Auth, Cluster, Modes, ReleaseName, Settings
from tests.lab.process import Daemon, wait_until

_NAME: Final = "mon.a"
_MSGR2_PORT: Final = 3300
"""Where Ceph's monitors listen if they are told no port."""
_LIMIT: Final = 30.0


@contextmanager
def hidden_monitor(release: ReleaseName, auth: Auth, modes: Modes) -> Iterator[tuple[Cluster, str]]:
    """Run a cluster of one monitor that listens elsewhere than at its address, which is free for a recorder.

    Returns the cluster, and where the monitor listens. A monitor that is dialled by another address than its own would
    refuse that, so it has to know of the place where the recorder listens as its own.
    """
    # All of 127/8 is this machine; another host for each monitor, as the port is a fixed one.
    host = ".".join(["127", *(str(1 + secrets.randbelow(254)) for _ in range(3))])
    settings = Settings(release=release, foreign=(_NAME,), auth=auth, modes=modes, extra={"public bind addr": host})
    with Cluster(settings) as cluster:
        directory = cluster.conf.parent
        (directory / _NAME).mkdir()
        made = ("--monmap", str(directory / "monmap"), "--keyring", str(cluster.keyring))
        cluster.run("ceph-mon", "--mkfs", "--id", "a", *made)
        monitor = Daemon(_NAME, cluster.tools)
        monitor.start()
        try:
            wait_until(
                f"leader {_NAME}", lambda: (monitor.ask("mon_status") or {}).get("state") == "leader", within=_LIMIT
            )
            yield cluster, f"v2:{host}:{_MSGR2_PORT}"
        finally:
            monitor.kill()
