"""A capture as one page of HTML: a ladder for each connection, whose rungs open.

It has no script and fetches nothing; its own policy forbids both. Everything out of the capture is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from .model import Capture, SeenConnection, Sender
from .style import STYLE
from .words import Event, counted, events, printable, summary, written

_OPEN_AT_MOST: Final = 12
"""Of more connections than that, none is unfolded at first."""
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def page(capture: Capture, title: str) -> Iterator[str]:
    """Yield the pieces of a page about a capture."""
    title = _text(title)
    yield f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p>{_text(summary(capture))}. Every rung of a ladder opens; times are seconds after the first of them.</p>
"""
    yield from (f'<p class="note">{_text(note)}</p>\n' for note in capture.notes)
    yield "</header>\n<main>\n"
    since = min((connection.started for connection in capture.connections), default=0.0)
    unfolded = " open" if len(capture.connections) <= _OPEN_AT_MOST else ""
    for number, connection in enumerate(capture.connections, start=1):
        yield from _connection(connection, number, since, unfolded)
    yield "</main>\n</body>\n</html>\n"


def _connection(connection: SeenConnection, number: int, since: float, unfolded: str) -> Iterator[str]:
    client, server = _text(connection.client), _text(connection.server)
    yield f"""<details class="connection"{unfolded}>
<summary><h2><span class="number">{number}</span> {client} <span class="to">to</span> {server}</h2>
<p class="facts">{"".join(f"<span>{fact}</span>" for fact in _facts(connection))}</p></summary>
"""
    if connection.errors:
        yield '<ul class="errors">' + "".join(f"<li>{_text(error)}</li>" for error in connection.errors) + "</ul>\n"
    yield f"""<div class="ladder">
<div class="poles"><span><b>client</b> {client}</span><span><b>server</b> {server}</span></div>
"""
    for event in events(connection):
        yield _rung(event, since)
    yield "</div>\n</details>\n"


def _facts(connection: SeenConnection) -> Iterator[str]:
    yield f"msgr {_text(connection.revision or '?')}"
    if connection.mode is not None:
        yield f"{_text(connection.mode)} mode"
    if connection.auth_method is not None:
        yield f"auth {_text(connection.auth_method)}"
    yield counted(len(connection.frames), "frame")
    if connection.undecrypted:
        yield f"{connection.undecrypted} bytes not decrypted"
    if connection.errors:
        yield counted(len(connection.errors), "error")


def _rung(event: Event, since: float) -> str:
    way = "right" if event.sender is Sender.CLIENT else "left"
    bad = " bad" if event.error else ""
    fields = "".join(
        f"<dt>{_text(name.replace('_', ' '))}</dt><dd>{_text(written(name, value))}</dd>"
        for name, value in event.fields.items()
    )
    error = f'<p class="error">{_text(event.error)}</p>' if event.error else ""
    return (
        f'<details class="rung {way}{bad}"><summary><time>{event.time - since:.6f}</time>'
        f'<span class="arrow"><span class="label"><b>{_text(event.tag)}</b> {_text(event.text)}</span></span></summary>'
        f'<div class="more">{error}<dl>{fields}</dl></div></details>\n'
    )


def _text(text: str) -> str:
    return escape(printable(text))
