"""The fenced blocks of README.md, and what it takes to run them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from .source import ROOT

README: Final = ROOT / "README.md"
_BLOCK: Final = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, the line it begins in, and its text."""

    language: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.language}-line-{self.line}"


@dataclass(frozen=True, slots=True)
class Command:
    """A `$ …` line of a console block and the output shown below it."""

    line: str
    shown: tuple[str, ...]

    @property
    def is_ours(self) -> bool:
        """Whether the line calls msgr, so that a test can run it."""
        return self.line.split()[:1] == ["msgr"]

    def words(self) -> list[str]:
        """Return the arguments after `msgr`, as a shell would split them."""
        return shlex.split(self.line, comments=True)[1:]

    def missing(self, output: str) -> list[str]:
        """Return the shown lines that `output` does not have, in this order.

        `...` stands for any lines, and a line with a digit in it for any one: times, ports and sizes differ.
        """
        actual = iter([line.rstrip() for line in output.splitlines()])
        firm = [line for line in self.shown if line.strip() not in ("", "...") and not re.search(r"\d", line)]
        return [line for line in firm if line not in actual]


def blocks(text: str, language: str) -> list[Block]:
    """Return the blocks of one language; a fence with more than the language's name on it is not for running."""
    return [
        Block(found["language"], text.count("\n", 0, found.start()) + 2, found["text"])
        for found in _BLOCK.finditer(text)
        if found["language"] == language
    ]


def marked(text: str, mark: str) -> str | None:
    """Return the text of the fenced block right below `<!-- mark -->`."""
    found = re.search(rf"^<!-- {mark} -->\n+```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return found[1] if found else None


def commands(block: Block) -> Iterator[Command]:
    """Yield the commands of a console block; a backslash at the end of a line joins the next."""
    line, shown = "", list[str]()
    for text in block.text.replace("\\\n", "").splitlines():
        if text.startswith("$ "):
            if line:
                yield Command(line, tuple(shown))
            line, shown = text[2:], []
        else:
            shown.append(text.rstrip())
    if line:
        yield Command(line, tuple(shown))
