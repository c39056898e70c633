"""What users see: documented, and exported in order."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator

import pytest

from .source import check, modules

PACKAGES = sorted(path.removesuffix("__init__.py") for path in modules() if path.endswith("__init__.py"))


def undocumented(tree: ast.Module) -> Iterator[str]:
    """Yield the public classes and functions of a module that have no docstring."""
    if ast.get_docstring(tree) is None:
        yield "module"
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            public = not node.name.startswith("_") and not is_overload(node) and not is_case(node)
            if public and ast.get_docstring(node) is None:
                yield node.name


def is_overload(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell whether `node` is only another signature of a function."""
    return any(isinstance(by, ast.Name) and by.id == "overload" for by in node.decorator_list)


def is_case(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell whether `node` is a case of the conformance checker, which says what it does where it is declared."""
    calls = (by for by in node.decorator_list if isinstance(by, ast.Call))
    return any(keyword.arg == "says" for call in calls for keyword in call.keywords)


def order(name: str) -> tuple[int, list[tuple[str, int]]]:
    """Return the sort key of `__all__`, ruff's: constants, then classes, then the rest; numbers count as numbers."""
    rank = 0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2
    return rank, [(text, int(digits or -1)) for text, digits in re.findall(r"(\D*)(\d*)", name)]


def test_everything_public_has_a_docstring() -> None:
    check({(path, f"{name} has no docstring") for path, tree in modules().items() for name in undocumented(tree)}, {})


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: "msgr." + path.rstrip("/") if path else "msgr")
def test_exports_exist_and_are_sorted(package: str) -> None:
    name = ".".join(["msgr", *package.split("/")]).rstrip(".")
    module = importlib.import_module(name)
    exported: list[str] = list(getattr(module, "__all__", []))
    assert [name for name in exported if not hasattr(module, name)] == []
    assert exported == sorted(set(exported), key=order)


def test_a_missing_docstring_is_seen() -> None:
    tree = ast.parse('"""Doc."""\nclass A: ...\nasync def b(): ...\ndef _c(): ...\n@overload\ndef d(): ...\n')
    assert list(undocumented(tree)) == ["A", "b"]


def test_the_order_is_that_of_ruff() -> None:
    names = ["u16", "FrameMode", "u8", "crc_mode", "Frame", "SECRET_SIZE"]
    assert sorted(names, key=order) == ["SECRET_SIZE", "Frame", "FrameMode", "crc_mode", "u8", "u16"]
