"""Whether frames may be compressed, and how: what either end is told, and what the two of them agree on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Self, TypeAlias

from ..errors import ConfigError
from ..frame import Algorithm, Mode, codec_of
from ..wire import EntityType


@dataclass(frozen=True, slots=True, kw_only=True)
class Compression:
    """How frames may be compressed, towards some type of peer. Both ends have to want it.

    `algorithms` are those allowed, best first: a server follows the order of its client. `minimum` is how many bytes
    the segments of a frame must have together to be sent compressed; what comes in is not held to it. Where the
    connection is encrypted, nothing is compressed unless `in_secure` says so: lengths then tell of the content.

    Raises ConfigError, also where the extra `compression` is not installed.
    """

    algorithms: tuple[Algorithm, ...] = (Algorithm.SNAPPY,)
    minimum: int = 1024
    in_secure: bool = False

    def __post_init__(self) -> None:
        if not self.algorithms:
            raise ConfigError("compression without an algorithm; give none at all to turn it off")
        if self.minimum < 0:
            raise ConfigError(f"compression of frames from {self.minimum} bytes on, which is no number of bytes")
        for algorithm in self.algorithms:
            codec_of(algorithm)

    def choose(self, offered: tuple[int, ...]) -> Algorithm | None:
        """Return the first of a client's algorithms that is allowed; numbers without a meaning are passed over."""
        return next((Algorithm(number) for number in offered if number in self.algorithms), None)


@dataclass(frozen=True, slots=True)
class Compressions:
    """Compression towards every type of peer: that of its type, or the default; None is off."""

    default: Compression | None = None
    by_type: Mapping[int, Compression | None] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def given(cls, compression: CompressionSetting) -> Self:
        """Return what a user means: one for all peers, one by type and off for the others, or off."""
        if isinstance(compression, Mapping):
            return cls(None, MappingProxyType({int(kind): setting for kind, setting in compression.items()}))
        return cls(compression)

    def towards(self, entity_type: EntityType | int, mode: Mode) -> Compression | None:
        """Return what is allowed towards a peer of that type in that mode, if anything."""
        found = self.by_type.get(entity_type, self.default)
        return None if found is None or (mode is Mode.SECURE and not found.in_secure) else found


CompressionSetting: TypeAlias = Compression | Mapping[EntityType, Compression] | None
"""One for all peers, one by the type of the peer, or none."""

NO_COMPRESSION: Final = Compressions()
