"""The picture: bars against others, cost against size, cost against the queue; SVG for light and for dark."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from math import ceil, floor, log10
from typing import Final, TypeAlias

from .figures import HEADINGS, Results, machine
from .transports import ENTRIES
from .works import Kind, Work

_WIDTH: Final = 960
_MARGIN: Final = 24
_GAP: Final = 32
_COLUMN: Final = (_WIDTH - 2 * _MARGIN - _GAP) // 2
_ROW: Final = 19
_LABEL: Final = 196
_VALUE: Final = 74
_CURVE: Final = 250

_STYLE: Final = """
.card { fill: #ffffff; stroke: #d0d7de } text { fill: #1f2328; font: 12px system-ui, -apple-system, sans-serif }
.title { font-size: 14px; font-weight: 600 } .foot, .tick { fill: #656d76; font-size: 11px } .ours { font-weight: 600 }
.grid { stroke: #d8dee4; stroke-width: 1 } .bar { fill: #afb8c1 } .open { fill: none; stroke: #8c959f }
.secure { fill: #0969da } .crc { fill: #80b8f5 } .line { fill: none; stroke-width: 1.5 } .strong { stroke-width: 3 }
@media (prefers-color-scheme: dark) {
 .card { fill: #0d1117; stroke: #30363d } text { fill: #e6edf3 } .foot, .tick { fill: #8b949e }
 .grid { stroke: #21262d } .bar { fill: #484f58 } .open { stroke: #6e7681 }
 .secure { fill: #388bfd } .crc { fill: #1f4f8f }
}
"""
_COLOURS: Final[Mapping[str, str]] = {
    "msgr-secure": "#0969da",
    "msgr-crc": "#54a3f7",
    "pyzmq-curve": "#cf222e",
    "pyzmq-curve-asyncio": "#e8848b",
    "grpc-tls": "#8250df",
    "asyncio-tls": "#bf8700",
    "uvloop-tls": "#1a9e4b",
    "websockets-tls": "#1b9aaa",
    "sockets": "#8c959f",
}

Point: TypeAlias = tuple[float, float]


def picture(results: Results) -> str:
    """Return the picture as an SVG document."""
    parts: list[str] = []
    top = _MARGIN
    found = [work for name in HEADINGS if (work := results.find(name)) is not None]
    for left, right in zip(found[::2], [*found[1::2], None], strict=False):
        parts += _bars(results, left, _MARGIN, top)
        if right is not None:
            parts += _bars(results, right, _MARGIN + _COLUMN + _GAP, top)
        rows = max(len(results.names(work)) for work in (left, right) if work is not None)
        top += 30 + rows * _ROW + _GAP
    curves = _curves(results)
    if curves:
        for number, (title, axis, lines) in enumerate(curves):
            parts += _chart(title, axis, lines, _MARGIN + number * (_COLUMN + _GAP), top)
        top += _CURVE + 88
        names = [name for name in _COLOURS if any(name in lines for _, _, lines in curves)]
        parts += _legend(names, top)
        top += 20 * ceil(len(names) / 4) + 12
    where = machine()
    foot = (
        f"Medians; msgr with cephx, acknowledgements and replay on; {where['cores']} cores of {where['processor']}, "
        f"loopback, Python {where['python']}, {where['date']}"
    )
    parts.append(_text(_MARGIN, top + 4, foot, "foot"))
    height = top + _MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'role="img"><title>msgr and others, measured</title><style>{_STYLE}</style>'
        f'<rect class="card" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{height - 1}" rx="8"/>'
    )
    return "\n".join([head, *parts, "</svg>", ""])


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{anchor}">{escape(text)}</text>'


def _bars(results: Results, work: Work, x: int, y: int) -> Iterator[str]:
    """Draw one bar for each, the best on top."""
    wish = "microseconds, less is better" if work.unit == "us" else "a second"
    if work.kind is Kind.STREAM:
        wish = "payload a second" if work.size >= 1 << 20 else "messages a second"
    yield _text(x, y + 12, f"{HEADINGS[work.name]} ({wish})", "title")
    figures = {name: results.median(work, name) for name in results.names(work)}
    longest = max(figures.values(), default=1.0)
    room = _COLUMN - _LABEL - _VALUE
    order = sorted(figures, key=lambda name: figures[name], reverse=work.unit != "us")
    for number, name in enumerate(order):
        entry, middle = ENTRIES[name], y + 30 + number * _ROW
        kind = ("secure" if entry.secure else "crc") if entry.ours else "bar" if entry.secure else "open"
        width = max(1.0, room * figures[name] / longest)
        own = "ours" if entry.ours else ""
        yield _text(x + _LABEL - 8, middle + 10, entry.title, own, "end")
        yield f'<rect class="{kind}" x="{x + _LABEL}" y="{middle}" width="{width:.1f}" height="{_ROW - 6}" rx="2"/>'
        yield _text(x + _LABEL + width + 6, middle + 10, work.shown(figures[name]), own)


Lines: TypeAlias = dict[str, list[Point]]


def _curves(results: Results) -> list[tuple[str, str, Lines]]:
    """Return what there is to draw: cost against size, and cost against how many are on their way."""
    streams = [work for work in results.works if work.kind is Kind.STREAM]
    echoes = [work for work in results.works if work.name.startswith("depth ")]
    curves: list[tuple[str, str, Lines]] = []
    if len(streams) > 3:
        lines = _lines(results, streams, lambda work, value: (work.size, 1e6 / value))
        curves.append(("Cost of a message by its size", "bytes in a message", lines))
    if len(echoes) > 1:
        lines = _lines(results, echoes, lambda work, value: (work.depth, value))
        curves.append(("Cost of request and reply by queue length", "on their way at once, 100 B each", lines))
    return curves


def _lines(results: Results, works: Sequence[Work], point: Callable[[Work, float], Point]) -> Lines:
    return {
        name: sorted(point(work, results.median(work, name)) for work in works if name in results.names(work))
        for name in _COLOURS
        if any(name in results.names(work) for work in works)
    }


def _chart(title: str, axis: str, lines: Lines, x: int, y: int) -> Iterator[str]:
    """Draw lines over two logarithmic axes."""
    yield _text(x, y + 12, f"{title} (us)", "title")
    points = [point for line in lines.values() for point in line]
    left, right = (log10(choose(x for x, _ in points)) for choose in (min, max))
    low, high = floor(log10(min(cost for _, cost in points))), ceil(log10(max(cost for _, cost in points)))
    across, ground, begin = _COLUMN - 52, y + 30 + _CURVE, x + 44

    def place(point: Point) -> Point:
        there = begin + across * (log10(point[0]) - left) / (right - left)
        return there, ground - _CURVE * (log10(point[1]) - low) / (high - low)

    for power in range(low, high + 1):
        _, height = place((10**left, 10**power))
        yield f'<line class="grid" x1="{begin}" y1="{height:.1f}" x2="{begin + across}" y2="{height:.1f}"/>'
        yield _text(begin - 6, height + 4, f"{10**power:,g}", "tick", "end")
    for value in sorted({value for value, _ in points}):
        there, _ = place((value, 10**low))
        yield f'<line class="grid" x1="{there:.1f}" y1="{ground}" x2="{there:.1f}" y2="{ground + 4}"/>'
        yield _text(there, ground + 16, _short(value), "tick", "middle")
    yield _text(begin + across / 2, ground + 32, axis, "tick", "middle")
    for name, line in reversed(lines.items()):
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in map(place, line))
        strong = " strong" if ENTRIES[name].ours else ""
        yield f'<polyline class="line{strong}" stroke="{_COLOURS[name]}" points="{path}"/>'


def _legend(names: Sequence[str], y: int) -> Iterator[str]:
    for number, name in enumerate(names):
        x = _MARGIN + number % 4 * ((_WIDTH - 2 * _MARGIN) // 4)
        middle = y + number // 4 * 20
        colour = _COLOURS[name]
        yield f'<line class="line strong" stroke="{colour}" x1="{x}" y1="{middle}" x2="{x + 22}" y2="{middle}"/>'
        yield _text(x + 30, middle + 4, ENTRIES[name].title, "ours" if ENTRIES[name].ours else "")


def _short(value: float) -> str:
    for unit, size in (("Mi", 1 << 20), ("Ki", 1 << 10)):
        if value >= size and value % size == 0:
            return f"{value / size:g} {unit}"
    return f"{value:g}"
