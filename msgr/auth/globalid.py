"""Global ids: the number by which a cluster knows one instance of a client (GLOBALID-1)."""

from __future__ import annotations

from typing import Final

from ..errors import ConfigError

FIRST: Final = 4096
"""Where a fresh monitor starts to count."""


class GlobalIds:
    """Hands out global ids, each once.

    `following` is what the next one will be: keep it across restarts, so that no id is handed out twice.
    """

    __slots__ = ("following",)

    def __init__(self, following: int = FIRST) -> None:
        if not 0 < following < 1 << 63:  # an ident carries the id as a signed number
            raise ConfigError(f"global ids cannot start at {following}: 1 to 2^63 - 1 [GLOBALID-1]")
        self.following = following

    def allocate(self) -> int:
        """Return an id that was never returned before."""
        self.following += 1
        return self.following - 1
