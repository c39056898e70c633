"""Which promises a session makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Which promises a session makes, and which end has to make the connection.

    `lossy`: nothing survives the connection, and nothing is acknowledged. `server`: this end never dials.
    """

    lossy: bool
    server: bool

    @classmethod
    def lossy_client(cls) -> Self:
        """What clients are to monitors, OSDs and managers."""
        return cls(lossy=True, server=False)

    @classmethod
    def stateless_server(cls) -> Self:
        """What monitors are to clients."""
        return cls(lossy=True, server=True)
