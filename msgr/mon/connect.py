"""Where a client of a cluster begins."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

from ..auth import CephxClient, ClientMethod, Keyring, NoneClient
from ..core import Limits, Timeouts
from ..errors import ConfigError, ConnectionLost
from ..frame import Mode, Revision
from ..net import Runtime
from ..net.tasks import quiet_tasks
from ..wire import Endpoint, EntityName, EntityType
from .cluster import Cluster
from .daemons import Daemons
from .monitors import Monitors
from .settings import STOCK_TIMEOUTS, Settings

_TICKETS: Final = EntityType.MON | EntityType.OSD | EntityType.MGR
"""What stock clients ask for; a client of the cluster does without the MDS."""


@asynccontextmanager
async def connect(
    addresses: str | Sequence[str],
    *,
    name: str,
    auth: Keyring | Sequence[ClientMethod] | None,
    fsid: UUID | None = None,
    modes: Sequence[Mode] = (),
    daemon_modes: Sequence[Mode] | None = None,
    revisions: frozenset[Revision] = frozenset({Revision.REV1}),
    limits: Limits | None = None,
    timeouts: Timeouts | None = None,
    runtime: Runtime | None = None,
) -> AsyncIterator[Cluster]:
    """Find a monitor of a cluster, authenticate as `name`, and hold a client of the cluster while the body runs.

    `addresses` (`v2:HOST:PORT`, a sequence or separated by commas) are the monitors to begin with; the first that lets
    us in will do, and the others are learned from its map. `auth` is a keyring that holds the key of `name` (cephx),
    None (method none), or methods in order of preference. `fsid` is the cluster that is meant, if that is known.
    `modes` are those of connections to monitors and managers, and of those to other daemons unless `daemon_modes` are
    given. The rest is as for `msgr.connect`; by default a keepalive goes out every 10 seconds.

    Raises ConfigError, and, before the body begins, what the monitors' refusal or absence comes to: AuthRefused,
    ConnectFailed, IdentError for another cluster. Nothing outlives it.
    """
    seeds = [each.strip() for each in addresses.split(",")] if isinstance(addresses, str) else list(addresses)
    if not seeds:
        raise ConfigError("no monitor is named; write v2:HOST:PORT")
    for each in seeds:
        Endpoint.parse(each)
    settings = Settings(
        name=name,
        modes=tuple(modes),
        daemon_modes=tuple(modes if daemon_modes is None else daemon_modes),
        revisions=revisions,
        limits=limits or Limits(),
        timeouts=timeouts or STOCK_TIMEOUTS,
        runtime=runtime or Runtime(),
        fsid=fsid,
    )
    monitors = Monitors(seeds, settings, _methods(EntityName.parse(name), auth))
    async with quiet_tasks() as tasks:
        tasks.start_soon(monitors.run)
        await monitors.linked()
        try:
            yield Cluster(monitors, Daemons(monitors, tasks))
        finally:
            monitors.end(ConnectionLost("the client of the cluster was closed"))
            tasks.cancel_scope.cancel()


def _methods(name: EntityName, auth: Keyring | Sequence[ClientMethod] | None) -> Sequence[ClientMethod]:
    if auth is None:
        return (NoneClient(name),)
    if isinstance(auth, Keyring):
        return (CephxClient(name, auth.get(name).key, needed=_TICKETS),)
    return tuple(auth)
