"""How these tests are clients of a whole cluster of the lab."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID

import anyio

from msgr import Keyring
from msgr.mon import Cluster as Client
from msgr.mon import Result, connect
from tests.lab import Cluster
from tests.lab.fixtures import ClusterFactory

from .helpers import ADMIN

READER: Final = "client.reader"
"""Who may read at the monitors, and nothing else."""
SOON: Final = 20.0
"""More seconds than any answer takes, with a manager and an OSD on the same machine."""
MIB: Final = 1 << 20


def whole(ceph_shared: ClusterFactory) -> Cluster:
    """Return a monitor, a manager and an OSD that are shared: kill nobody."""
    return ceph_shared(
        managers=1,
        osds=1,
        modes="secure crc",
        clients={READER: {"mon": "allow r"}},
        extra={"mon config key max entry size": str(2 * MIB)},
    )


@asynccontextmanager
async def client(cluster: Cluster, name: str = ADMIN, *, within: float = SOON, **options: Any) -> AsyncIterator[Client]:
    """Be a client of a cluster, for so many seconds at most."""
    seeds = [cluster.addresses[monitor] for monitor in cluster.settings.own_names]
    settings: dict[str, Any] = {"name": name, "auth": Keyring.load(cluster.keyring), "fsid": UUID(cluster.fsid)}
    with anyio.fail_after(within):
        async with connect(seeds, **(settings | options)) as found:
            yield found


async def json_of(client: Client, prefix: str, **arguments: Any) -> Any:
    """Return the JSON output of a command to the monitors that has to succeed."""
    result = await client.command({"prefix": prefix, "format": "json", **arguments})
    return result.checked().json()


async def done(client: Client, prefix: str, **arguments: Any) -> None:
    """Have the monitors carry out a command that says nothing where it succeeds."""
    (await client.command({"prefix": prefix, **arguments})).checked()


async def told(client: Client, daemon: str, prefix: str, **arguments: Any) -> Result:
    """Return the result of a command to a daemon that has to succeed."""
    return (await client.tell(daemon, {"prefix": prefix, "format": "json", **arguments})).checked()


def hang_up(client: Client) -> None:
    """End the sessions with managers and OSDs as a lost connection would: the next command opens another."""
    for link in client._daemons._links.values():
        link.session.abort()


async def until(true: Callable[[], bool]) -> None:
    """Wait until something is so that happens without telling; the daemons need the processor meanwhile."""
    while not true():  # noqa: ASYNC110 - nobody here could set an event
        await anyio.sleep(0.02)
