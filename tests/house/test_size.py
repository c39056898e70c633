"""Small enough to hold in the head."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from .source import PACKAGE, Allowed, check, modules

LONGEST_MODULE: Final = 400
LONGEST_FUNCTION: Final = 50

ALLOWED: Final[Allowed] = {}


def long_functions(tree: ast.AST, limit: int = LONGEST_FUNCTION) -> Iterator[str]:
    """Yield the names of the functions, methods too, of more lines than `limit`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = (node.end_lineno or node.lineno) - node.lineno + 1
            if size > limit:
                yield f"{node.name}()"


def test_modules_and_functions_are_short() -> None:
    findings = {(path, name) for path, tree in modules().items() for name in long_functions(tree)}
    for path in modules():
        if len((PACKAGE / path).read_text("utf-8").splitlines()) > LONGEST_MODULE:
            findings.add((path, "module"))
    check(findings, ALLOWED)


def test_a_long_function_is_seen() -> None:
    tree = ast.parse("class C:\n async def f(self):\n  x = 1\n  return x\n")
    assert list(long_functions(tree, 3)) == []
    assert list(long_functions(tree, 2)) == ["f()"]
