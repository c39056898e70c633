"""Nothing in the project tells on which machine, or with which tools, it was written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from .source import ROOT, project_files

TOP: Final = frozenset({"pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "msgr", "spec", "tests", "vectors"})
HIDDEN: Final = frozenset({".ci", ".git", ".gitignore", ".gitattributes", ".editorconfig"})

TRACES: Final = re.compile(
    r"(?<![\w.$}-])/(?:work|root|home)/"
    r"|/tmp/venv|\.pyenv\b|\.\./shared\b"
    r"|\b(?:anthropic|claude|chatgpt|openai|copilot)\b",
    re.IGNORECASE,
)


def traces(text: str) -> Iterator[str]:
    """Yield the lines that name a place or a tool outside the project."""
    for number, line in enumerate(text.splitlines(), 1):
        if found := TRACES.search(line):
            yield f"{number}: {found[0]}"


def test_no_path_of_a_machine_and_no_foreign_tool() -> None:
    found: list[str] = []
    for path in project_files():
        if path != Path(__file__).resolve():  # which has to name them
            text = path.read_bytes().decode("utf-8", errors="replace")
            found += [f"{path.relative_to(ROOT)}:{trace}" for trace in traces(text)]
    assert not found, "\n".join(["", *found])


def test_the_top_level_is_what_the_design_says() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in project_files()} <= TOP | HIDDEN


@pytest.mark.parametrize("text", ["see /work/x", '"/root/y"', "cd ../shared", "=/home/me"])
def test_a_trace_is_seen(text: str) -> None:
    assert list(traces(text))


@pytest.mark.parametrize("text", ["net/work/x", "ssh://host.home/", "$PREFIX/home/", "/workers/", "/rooted"])
def test_what_is_no_trace_passes(text: str) -> None:
    assert not list(traces(text))
