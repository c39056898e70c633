"""What a messenger is told, and what it tells its connections of that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..auth import ClientMethod, ServerMethod
from ..core import ClientConfig, Compressions, Limits, ServerConfig, Timeouts
from ..core.admission import Admission
from ..frame import Mode, Revision
from ..session import ChannelQuotas, Policies
from ..wire import AddressType, EntityAddr, EntityName, EntityType
from .runtime import Runtime

LIMITS: Final = Limits()
TIMEOUTS: Final = Timeouts()
"""What holds unless others are given; made once, as there may be a messenger for each connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a messenger is told, and holds for all of its connections."""

    name: EntityName
    modes: tuple[Mode, ...]
    revisions: frozenset[Revision]
    policies: Policies
    compression: Compressions
    limits: Limits
    timeouts: Timeouts
    runtime: Runtime
    channels: ChannelQuotas | None = None

    def client_config(
        self,
        target: EntityAddr | None,
        *,
        addresses: tuple[EntityAddr, ...],
        methods: tuple[ClientMethod, ...],
        expect: EntityType | None,
        node: Admission | None = None,
        as_server: ServerConfig | None = None,
    ) -> ClientConfig:
        """Return the settings of a connection that is dialled; without a `target`, the dialler has to put one in."""
        return ClientConfig(
            name=self.name,
            target=target or EntityAddr(AddressType.NONE),
            addresses=addresses,
            methods=methods,
            modes=self.modes,
            revisions=self.revisions,
            compression=self.compression,
            expect=expect,
            node=node,
            as_server=as_server,
            limits=self.limits,
            timeouts=self.timeouts,
            channels=self.channels,
        )

    def server_config(
        self, addresses: tuple[EntityAddr, ...], *, methods: tuple[ServerMethod, ...], node: Admission | None = None
    ) -> ServerConfig:
        """Return the settings of connections that are accepted, at an end known by `addresses`."""
        ident = self.name.id
        return ServerConfig(
            name=self.name,
            addresses=addresses,
            methods=methods,
            policies=self.policies,
            node=node,
            gid=int(ident) if ident.isascii() and ident.isdigit() else 0,
            modes=self.modes,
            revisions=self.revisions,
            compression=self.compression,
            limits=self.limits,
            timeouts=self.timeouts,
            channels=self.channels,
        )
