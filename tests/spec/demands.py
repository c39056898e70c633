"""Which tests prove what other interconnects taught (spec/interconnect.md).

Tests name the items in their docstrings and comments.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import ascii_lowercase
from typing import Final

from .rulebook import ROOT
from .table import kept

ITEMS: Final = (
    *(str(number) for number in range(1, 75)),
    *(f"74{letter}" for letter in ascii_lowercase[: ascii_lowercase.index("t") + 1]),
    *(str(number) for number in range(75, 100)),
)
"""Their numbers, in order."""

_NUMBER: Final = r"\d{1,2}[a-t]?"
_NAMED: Final = re.compile(rf"\b[Dd]emands? ({_NUMBER}(?:(?:,| and|, and)\s+(?:demands? )?{_NUMBER}\b)*)")


def named(text: str) -> Iterator[tuple[int, str]]:
    """Yield the place and the number of each item that a text names."""
    for match in _NAMED.finditer(text):
        yield from ((match.start(), number) for number in re.findall(_NUMBER, match[1]))


def cited_in(path: Path) -> Iterator[tuple[str, str]]:
    """Yield each item that a file of tests names, with the test that does, or the file where it is no single one."""
    text = path.read_text(encoding="utf-8")
    file = path.relative_to(ROOT).as_posix()
    functions = [
        node
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]
    for place, item in named(text):
        line = text.count("\n", 0, place) + 1
        around = [node.name for node in functions if node.lineno <= line <= (node.end_lineno or 0)]
        yield item, f"{file}::{around[0]}" if around else file


@cache
def proofs() -> dict[str, tuple[str, ...]]:
    """Return the tests of each item."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        if path.name == "test_demands.py":  # it only tells of the others
            continue
        for item, test in cited_in(path):
            found[item].append(test)
    return {item: tuple(dict.fromkeys(tests)) for item, tests in found.items()}


def shown(tests: tuple[str, ...]) -> str:
    """Return one test of each file, as short as it can be found."""
    first: dict[str, str] = {}
    for test in tests:
        file, _, name = test.partition("::")
        if file not in first or (name and "::" not in first[file]):
            first[file] = test
    return ", ".join(f"`{test.removeprefix('tests/')}`" for test in first.values())


def demands(body: str) -> str:
    """Return the table of all items: the tests of each, and what people wrote of it."""
    header = ["item", "tests, in `tests/`", "what is asked for, and where it does not apply"]
    rows = [[item, shown(proofs().get(item, ()))] for item in ITEMS]
    return "\n" + kept(header, rows, body, key=0) + "\n"
