"""A conversation as protocol people draw it: two poles, and a rung for everything that is said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .model import SeenConnection, Sender
from .words import Event, events, printable

STANDARD: Final = 92
"""How many characters a line has, where nothing else is wished."""
NARROWEST: Final = 60
_MARGIN: Final = 13
_POLES: Final = 2
ASCII: Final = str.maketrans({"│": "|", "─": "-", "▶": ">", "◀": "<", "…": "~"})
"""For where the characters of a ladder cannot be written."""


def ladder_lines(
    connection: SeenConnection, *, since: float = 0.0, width: int = STANDARD
) -> Iterator[tuple[Event | None, str]]:
    """Yield the lines of a ladder, with what each is about; times are shown as seconds after `since`."""
    gap, width = " " * _MARGIN, max(width, NARROWEST) - _MARGIN - _POLES
    yield None, gap + "client" + "server".rjust(width - 4)
    yield None, gap + connection.client + connection.server.rjust(width + 2 - len(connection.client))
    yield None, f"{gap}│{' ' * width}│"
    for event in events(connection):
        label = _fit(printable(f" {event.tag}  {event.text}".rstrip()) + " ", width - 5, "─")
        rung = f"│──{label}──▶│" if event.sender is Sender.CLIENT else f"│◀──{label}──│"
        yield event, f"{event.time - since:12.6f} {rung}"
        if event.error:
            yield event, f"{gap}│   {_fit(printable(f'ERROR {event.error}'), width - 6, ' ')}   │"
    yield None, f"{gap}│{' ' * width}│"


def _fit(text: str, width: int, fill: str) -> str:
    return text[: width - 2] + "… " if len(text) > width else text.ljust(width, fill)
