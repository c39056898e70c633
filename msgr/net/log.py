"""Log records that carry a connection's identity, and are muted when they repeat.

Every record has an attribute `msgr`: a dictionary of plain values (`event`, `peer`, and what belongs to the event), for
handlers that want structure; the text says the same to people. Keys, payloads and other secrets are in neither.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_QUIET: Final = 15.0
_REMEMBERED: Final = 1024


@dataclass(slots=True)
class _Muted:
    since: float
    count: int = 0


class EventLog:
    """Writes records to one logger; the same event about the same peer at most once in 15 seconds.

    What is muted meanwhile goes out at level DEBUG, and the next record that is not tells how many there were.
    """

    def __init__(self, name: str, clock: Callable[[], float]) -> None:
        self._log = logging.getLogger(name)
        self._clock = clock
        self._muted: dict[tuple[str, str], _Muted] = {}

    def tell(self, level: int, event: str, peer: str, text: str, **values: str | int | float | bool | None) -> None:
        """Write `text` about `peer`; `values` are plain, and become part of the record's structure."""
        now, key = self._clock(), (event, peer)
        muted = self._muted.get(key)
        count = 0
        if muted is not None and now < muted.since + _QUIET:
            muted.count += 1
            level = logging.DEBUG
        else:
            count = muted.count if muted is not None else 0
            self._remember(key, now)
        structure = {"event": event, "peer": peer, "muted": count, **values}
        more = f" ({count} more like this were muted)" if count else ""
        self._log.log(level, "%s: %s%s", peer, text, more, extra={"msgr": structure})

    def recovered(self, event: str, peer: str, text: str) -> None:
        """Write at level INFO that what `event` told of is over, if it was told; later ones are not muted."""
        muted = self._muted.pop((event, peer), None)
        if muted is not None:
            structure = {"event": f"{event}-over", "peer": peer, "muted": muted.count}
            self._log.info("%s: %s", peer, text, extra={"msgr": structure})

    def _remember(self, key: tuple[str, str], now: float) -> None:
        self._muted.pop(key, None)
        while len(self._muted) >= _REMEMBERED:  # whoever sends many strangers does not fill our memory
            self._muted.pop(next(iter(self._muted)))
        self._muted[key] = _Muted(now)
