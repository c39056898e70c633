"""Who a node is, and whom it lets in: settings, and nothing that moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..errors import ConfigError
from ..frame import Mode
from ..payload import NO_PROGRAM, Encryption, Program

_LONGEST: Final = 255
_MOST: Final = 64
_IDS: Final = 1 << 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One node of a mesh. Empty text says nothing; raises ConfigError for what does not fit.

    `cluster` and `version` are accepted from others where they are the same as here; `accepted_clusters` and
    `accepted_versions` name more, and None accepts all. One of two nodes has to name the other's, no matter which, so
    that names can be changed node by node (NODE-3, NODE-4).
    """

    id: int
    """Unique in the mesh, from 1."""
    cluster: str = ""
    accepted_clusters: tuple[str, ...] | None = ()
    version: str = ""
    accepted_versions: tuple[str, ...] | None = ()
    host: str = ""
    """The name by which others mean this node."""
    scope: str = ""
    """The tenant, say."""
    accepted_scopes: tuple[str, ...] | None = None
    """The scopes of others that may come; None lets in all (NODE-7)."""
    encryption: Encryption = Encryption.OPTIONAL
    program: Program = NO_PROGRAM

    def __post_init__(self) -> None:
        if not 0 < self.id < _IDS:
            raise ConfigError(f"a node's id is a number from 1 to 2^64 - 1, not {self.id}")
        lists = (self.accepted_clusters, self.accepted_versions, self.accepted_scopes)
        if any(len(names) > _MOST for names in lists if names is not None):
            raise ConfigError(f"more than {_MOST} accepted names")
        for name in (
            self.cluster,
            self.version,
            self.host,
            self.scope,
            *(name for names in lists for name in names or ()),
        ):
            if not name.isprintable() or len(name.encode()) > _LONGEST:
                raise ConfigError(f"{name[:40]!r} is no name: up to {_LONGEST} bytes of printable characters")

    @property
    def clusters(self) -> tuple[str, ...]:
        """The cluster ids that are let in; none is all."""
        return _names(self.cluster, self.accepted_clusters)

    @property
    def versions(self) -> tuple[str, ...]:
        """The version tags that are let in; none is all."""
        return _names(self.version, self.accepted_versions)

    @property
    def modes(self) -> tuple[Mode, ...]:
        """The connection modes that `encryption` allows, best first (NODE-6)."""
        return _MODES[self.encryption]


def _names(own: str, accepted: tuple[str, ...] | None) -> tuple[str, ...]:
    if accepted is None or (not own and not accepted):
        return ()
    return (own, *(name for name in accepted if name != own))


_MODES: Final = {
    Encryption.DISABLED: (Mode.CRC,),
    Encryption.OPTIONAL: (Mode.SECURE, Mode.CRC),
    Encryption.REQUIRED: (Mode.SECURE,),
}
