"""What a mesh is to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from ..errors import ConfigError

CLUSTER: Final = "before"
RENAMED: Final = "after"
FOREIGN: Final = "elsewhere"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many nodes talk, how long, and in which channels; with `roll`, the cluster gets another name meanwhile."""

    nodes: int
    seconds: float
    roll: bool
    seed: int
    quotas: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({1: 1, 2: 2, 3: 4}))

    def __post_init__(self) -> None:
        if self.nodes < 2:
            raise ConfigError(f"a mesh of {self.nodes} nodes has nobody to talk to")

    @property
    def links(self) -> int:
        """How many sessions there are to be: one a pair."""
        return self.nodes * (self.nodes - 1) // 2
