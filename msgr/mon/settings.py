"""What a monitor client is told."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from ..auth import ClientMethod
from ..core import Limits, Timeouts
from ..frame import Mode, Revision
from ..net import Runtime, Session, connect
from ..wire import EntityType

STOCK_TIMEOUTS: Final = Timeouts(keepalive=10.0, dead_peer=30.0)
"""A keepalive every 10 seconds, and another monitor after 30 without a sign of life: as Ceph's own clients."""

_MONITORS: Final = frozenset({EntityType.MON, EntityType.MGR})
"""Those to whom `ms_mon_client_mode` applies; towards all others `ms_client_mode` does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How every connection of a monitor client is made."""

    name: str
    modes: Sequence[Mode]
    """Those of connections to monitors and managers, best first; none are those of our own choice."""
    daemon_modes: Sequence[Mode]
    """Those of connections to other daemons."""
    revisions: frozenset[Revision]
    limits: Limits
    timeouts: Timeouts
    runtime: Runtime
    fsid: UUID | None = field(default=None)
    """The cluster that is meant, if that is known."""

    def connect(
        self, address: str, methods: Sequence[ClientMethod], expect: EntityType
    ) -> AbstractAsyncContextManager[Session]:
        """Return the context manager of a session with the daemon at `address`."""
        return connect(
            address,
            name=self.name,
            auth=methods,
            modes=self.modes if expect in _MONITORS else self.daemon_modes,
            revisions=self.revisions,
            expect=expect,
            limits=self.limits,
            timeouts=self.timeouts,
            runtime=self.runtime,
        )
