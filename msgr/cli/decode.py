"""`msgr decode`: what a capture says."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.text import Text

from ..capture import Capture, KeyLog, SeenConnection, Sender, decode_file, page
from ..capture.ladder import ASCII, NARROWEST, STANDARD, ladder_lines
from ..capture.words import Event, frame_lines, headline, printable, summary
from .options import JsonOption
from .report import Report, write_file

_STYLES: Final = {Sender.CLIENT: "cyan", Sender.SERVER: "green"}
_WIDEST: Final = 140
_ENOUGH: Final = "│─▶◀…"


def decode(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A pcap or pcapng file, or a recorded conversation.")],
    keylog: Annotated[
        Path | None, typer.Option("--keylog", metavar="FILE", help="The secrets of connections in secure mode.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="OUT", help="Write a page about it to this file.")
    ] = None,
    ladder: Annotated[bool, typer.Option("--ladder", help="Draw ladders, in place of a line a frame.")] = False,
    json: JsonOption = False,
) -> None:
    """Decode the msgr2 connections in a capture, down to messages.

    Both ends of every TCP stream are looked at, whatever the port. What is encrypted is read where the key log has the
    secret, in lines of MSGR2_CONNECTION_SECRET CLIENT SERVER HEX (* stands for any address). Our own connections write
    such a log where the variable MSGR_KEYLOG names a file; who holds it can read all that they encrypt.

    What cannot be read is told with its reason; a damaged file is decoded as far as it goes. In --json, undecrypted
    counts the bytes for which there was no key.
    """
    report = Report(json=json)
    capture = decode_file(file, None if keylog is None else KeyLog.load(keylog))
    if html is not None:
        write_file(html, page(capture, file.name))
        report.note(f"wrote {html}: {summary(capture)}")
    if not json and (html is None or ladder):
        _show(capture, ladder=ladder)
    for note in capture.notes:
        report.note(f"msgr: {printable(note)}")
    report.document(capture.document())


def _show(capture: Capture, *, ladder: bool) -> None:
    console = Console(soft_wrap=True, highlight=False)
    since = min((connection.started for connection in capture.connections), default=0.0)
    for connection in capture.connections:
        _show_connection(console, connection, since, ladder=ladder)
    console.print(Text(summary(capture)))


def _show_connection(console: Console, connection: SeenConnection, since: float, *, ladder: bool) -> None:
    console.print(Text(headline(connection), style="bold"))
    lines: Iterable[tuple[Event | None, str]] = frame_lines(connection, since=since)
    if ladder:
        width = min(max(console.width, NARROWEST), _WIDEST) if console.is_terminal else STANDARD
        lines = ladder_lines(connection, since=since, width=width)
    for event, line in lines:
        console.print(_painted(event, _drawn(line)))
    for error in connection.errors:
        console.print(Text(f"  ERROR {printable(error)}", style="red"))
    console.print()


def _painted(event: Event | None, line: str) -> Text:
    text = Text(line)
    if event is None:
        text.stylize("dim")
    elif event.error:
        text.stylize("red")
    else:
        text.highlight_words([f" {event.tag} "], f"bold {_STYLES[event.sender]}")
    return text


def _drawn(line: str) -> str:
    """Return a line in characters that standard output can take."""
    try:
        _ENOUGH.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        line = line.translate(ASCII)
        return line.encode("ascii", "backslashreplace").decode()
    return line
