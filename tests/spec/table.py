"""Tables of Markdown whose last column may be a person's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

Links: TypeAlias = dict[str, str]
"""The page of each rule and layout; empty for the page itself."""


def link(text: str, anchor: str, here: Mapping[str, str]) -> str:
    """Return `text` as a link to where `anchor` is defined, or bare where it is not on any page."""
    return f"[{text}]({here[anchor]}#{anchor})" if anchor in here else text


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def kept(header: Sequence[str], rows: Iterable[Sequence[str]], body: str, *, key: int) -> str:
    """Return a table with one more column than `rows` have: what `body`, the table of before, says there.

    Rows are known again by their cell number `key`.
    """
    words: dict[str, str] = {}
    for line in body.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if line.startswith("|") and len(cells) == len(header):
            words[cells[key]] = cells[-1]
    return table(header, [[*row, words.get(row[key], "")] for row in rows])
