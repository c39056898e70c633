"""A judgement as one HTML page, which needs nothing but a browser: no network, no other file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from itertools import groupby
from typing import Final

from .report import rule_text
from .result import Judgement, Result
from .transcript import Entry, Transcript
from .verdict import Ending, Verdict

_ROW: Final = 16
_SHOWN: Final = 512
_WORDS: Final = {
    Verdict.PASS: "passed",
    Verdict.FAIL: "failed",
    Verdict.ADVISE: "advised",
    Verdict.SKIP: "skipped",
    Verdict.BROKEN: "broken",
}
_QUIET: Final = ("pass", "skip")
"""What is folded away until somebody wants to see it."""
_OPENED: Final = frozenset({"fail", "broken", "advise"})


def html_page(judgement: Judgement) -> str:
    """Return the page."""
    title = f"msgr conform {judgement.role.value} {judgement.address}"
    folder = files(__package__).joinpath("page")
    style, script = (folder.joinpath(name).read_text("utf-8") for name in ("page.css", "page.js"))
    body = "".join((*_head(judgement), *_topics(judgement)))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n"
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n{body}"
        f"<script>\n{script}</script>\n</body>\n</html>\n"
    )


def mark(result: Result) -> str:
    """Return the word by which a result is shown: its verdict, or `known` where it is excused."""
    return "known" if result.excused is not None else result.verdict.value


def _head(judgement: Judgement) -> Iterator[str]:
    verdict = "conforms" if judgement.conforms else "does not conform"
    state = "pass" if judgement.conforms else "fail"
    yield f'<header>\n<p class="kind">msgr conform {judgement.role.value}</p>\n'
    yield f'<h1>{escape(judgement.address)} <span class="{state}">{verdict}</span></h1>\n'
    known = f", judged as {escape(judgement.peer)}" if judgement.peer else ""
    yield f'<p class="about">{escape(judgement.about)}{known}</p>\n'
    marks = [mark(result) for result in judgement.results]
    yield '<div class="bar" aria-hidden="true">'
    order = [name for name in (*(each.value for each in Verdict), "known") if name in marks]
    for name in order:
        yield f'<span class="{name}" style="flex-grow:{marks.count(name)}"></span>'
    yield '</div>\n<div class="filters" role="group" aria-label="Show">'
    for name in order:
        yield (
            f'<button type="button" class="{name}" data-mark="{name}" aria-pressed="true">'
            f"{_word(name)} <b>{marks.count(name)}</b></button>"
        )
    yield (
        '<input type="search" placeholder="Filter by rule or word" aria-label="Filter by rule or word">'
        f'</div>\n<p class="small">{len(marks)} cases in {judgement.seconds:.1f} s, seed {judgement.seed}</p>\n'
    )
    for stale in judgement.stale:
        yield f'<p class="stale">Stale exception: <code>{escape(stale)}</code> passes; strike it out.</p>\n'
    yield "</header>\n<main>\n"


def _word(name: str) -> str:
    return next((word for verdict, word in _WORDS.items() if verdict.value == name), "known to differ")


def _topics(judgement: Judgement) -> Iterator[str]:
    for topic, found in groupby(judgement.results, key=lambda result: result.case.topic):
        results = list(found)
        quiet = [result for result in results if mark(result) in _QUIET]
        yield f'<section>\n<h2 id="{escape(topic)}">{escape(topic.capitalize())}</h2>\n'
        for result in results:
            if result not in quiet:
                yield from _case(result)
        if quiet:
            yield f'<details class="rest"><summary>{_summary(quiet)}</summary>\n'
            for result in quiet:
                yield from _case(result)
            yield "</details>\n"
        yield "</section>\n"
    yield "</main>\n"


def _summary(quiet: Sequence[Result]) -> str:
    marks = [mark(result) for result in quiet]
    return ", ".join(
        f'<span class="{name}"><b>{marks.count(name)}</b> {_word(name)}</span>' for name in _QUIET if name in marks
    )


def _case(result: Result) -> Iterator[str]:
    case, name = result.case, mark(result)
    opened = " open" if name in _OPENED else ""
    yield (
        f'<details class="case {name}" data-mark="{name}" id="{escape(case.id)}"{opened}>\n'
        f'<summary><span class="mark">{name}</span> <code>{escape(case.id)}</code> '
        f"<span>{escape(case.says)}</span></summary>\n<div>\n"
        f'<blockquote><b>{escape(case.rule)}</b> <span class="level">{case.level.value}</span> '
        f"{escape(rule_text(case))}</blockquote>\n<dl>"
    )
    if result.verdict is Verdict.SKIP:
        yield f"<dt>Reason</dt><dd>{escape(result.seen)}</dd>"
    else:
        yield f"<dt>Expected</dt><dd>{escape(result.expected)}</dd><dt>Seen</dt><dd>{escape(result.seen)}</dd>"
        if result.ending is not None:
            yield f"<dt>Connection</dt><dd>{_ended(result.ending)}, after {result.seconds * 1000:.0f} ms</dd>"
    if result.excused is not None:
        yield f"<dt>Known</dt><dd>{escape(result.excused)}</dd>"
    yield "</dl>\n"
    for number, transcript in enumerate(result.transcripts, 1):
        yield from _connection(number if len(result.transcripts) > 1 else 0, transcript)
    yield "</div>\n</details>\n"


def _ended(ending: Ending) -> str:
    return {
        Ending.OPEN: "left open by the peer",
        Ending.CLOSED: "closed by the peer",
        Ending.RESET: "reset by the peer",
    }[ending]


def _connection(number: int, transcript: Transcript) -> Iterator[str]:
    if number:
        yield f"<h3>Connection {number}</h3>\n"
    yield '<ol class="talk">\n'
    for entry in transcript.entries:
        yield from _entry(entry)
    yield "</ol>\n"


def _entry(entry: Entry) -> Iterator[str]:
    who, arrow = ("checker", "→") if entry.sent else ("peer", "←")
    yield (
        f'<li class="{who}"><details><summary><span class="time">{entry.time:.3f}</span> '
        f'<span class="arrow" title="from the {who}">{arrow}</span> {escape(entry.says)} '
        f'<span class="small">{len(entry.data)} bytes</span></summary><pre>{"".join(_dump(entry.data))}</pre>'
        "</details></li>\n"
    )


def _dump(data: bytes) -> Iterator[str]:
    for start in range(0, min(len(data), _SHOWN), _ROW):
        row = data[start : start + _ROW]
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "·" for byte in row)
        yield f"{start:04x}  {row.hex(' '):<{3 * _ROW}} {escape(text)}\n"
    if len(data) > _SHOWN:
        yield f"…     {len(data) - _SHOWN} more\n"
