"""The sources as the house's tests look at them."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final, TypeAlias

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGE: Final = ROOT / "msgr"

Allowed: TypeAlias = Mapping[tuple[str, str], str]
"""Exceptions from a rule: the module, what it does there, and the reason for it."""

Findings: TypeAlias = set[tuple[str, str]]
"""What breaks a rule: the module and what it does there."""

_NOT_OURS: Final = frozenset({"__pycache__", "dist", "build"})


@cache
def modules() -> Mapping[str, ast.Module]:
    """Return every module of msgr by its path below msgr/."""
    paths = sorted(PACKAGE.rglob("*.py"))
    return {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text("utf-8")) for path in paths}


def floors(*names: str) -> Mapping[str, ast.Module]:
    """Return the modules of some packages of msgr."""
    return {path: tree for path, tree in modules().items() if path.split("/")[0] in names}


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield the top names of the absolute imports, wherever in the module they are."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


@cache
def project_files() -> tuple[Path, ...]:
    """Return the files that are, or could be next, under version control."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):  # an unpacked archive
        found = [path for path in ROOT.rglob("*") if _is_ours(path.relative_to(ROOT))]
    else:
        found = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    return tuple(sorted(path for path in found if path.is_file()))


def _is_ours(path: Path) -> bool:
    hidden = any(part.startswith(".") and part not in (".ci", ".gitignore") for part in path.parts)
    return not hidden and not _NOT_OURS.intersection(path.parts) and not path.parts[0].endswith(".egg-info")


def check(findings: Findings, allowed: Allowed) -> None:
    """Fail on findings that are not allowed, and on exceptions that nothing needs any more."""
    broken = [f"msgr/{module}: {what}" for module, what in sorted(findings - allowed.keys())]
    stale = [f"msgr/{module}: {what} is allowed, and not there" for module, what in sorted(allowed.keys() - findings)]
    assert not broken + stale, "\n".join(["", *broken, *stale])
