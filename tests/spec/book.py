"""The pages, and the blocks in them that are generated.

A block stands between `<!-- kind arguments -->` and `<!-- /kind -->`. What is between is written anew from the rules
and from the code. Only the last column of a table may be a person's words: those are kept, row by row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from . import layouts, machines, rulebook
from .demands import demands
from .rulebook import ROOT, Rule, rules
from .table import Links

DIRECTORY: Final = ROOT / "spec"
ORDER: Final = (
    "README",
    "1-wire",
    "2-frames",
    "3-payloads",
    "4-auth",
    "5-connection",
    "6-sessions",
    "7-cluster",
    "interconnect",
    "example",
    "errors",
    "differences",
    "implementations",
    "interop",
)
_BLOCK: Final = re.compile(
    r"^<!-- (?P<kind>[a-z]+)(?P<args>[^\n]*?) -->\n(?P<body>.*?)^<!-- /(?P=kind) -->$", re.M | re.S
)
_FENCE: Final = re.compile(r"^```(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.M | re.S)


@dataclass(frozen=True, slots=True)
class Block:
    """A generated block: its kind, its arguments and its present text."""

    kind: str
    args: tuple[str, ...]
    body: str


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block: what stands behind the fence, its text, and the line where that begins."""

    info: str
    text: str
    line: int


@dataclass(frozen=True)
class Page:
    """One page of the spec."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.path.name

    @cached_property
    def blocks(self) -> list[Block]:
        """The generated blocks, in order."""
        return [Block(m["kind"], tuple(m["args"].split()), m["body"]) for m in _BLOCK.finditer(self.text)]

    @cached_property
    def fences(self) -> list[Fence]:
        """The fenced blocks, in order."""
        return [
            Fence(m["info"].strip(), m["text"], self.text.count("\n", 0, m.start()) + 2)
            for m in _FENCE.finditer(self.text)
        ]

    @cached_property
    def prose(self) -> str:
        """What a person wrote: the page without generated blocks and fenced ones."""
        return _FENCE.sub("", _BLOCK.sub("", self.text))


class Book:
    """All pages, and which rule and which layout stands on which."""

    def __init__(self, pages: list[Page]) -> None:
        self.pages = pages
        self.rules = rules()
        blocks = [(page, block) for page in pages for block in page.blocks]
        self.named = {arg for _, block in blocks if block.kind == "rules" for arg in block.args}
        self.places: Links = {
            arg.rpartition(":")[2]: page.name for page, block in blocks if block.kind == "layout" for arg in block.args
        }
        for page, block in blocks:
            if block.kind == "rules":
                self.places |= {rule.id: page.name for rule in self.of(block.args)}

    @classmethod
    def load(cls) -> Book:
        """Read the pages that are there; whether all are is for a test to say."""
        paths = [DIRECTORY / f"{name}.md" for name in ORDER]
        return cls([Page(path, path.read_text(encoding="utf-8")) for path in paths if path.exists()])

    def of(self, args: tuple[str, ...]) -> list[Rule]:
        """Return the rules that a block shows: those named, and of a topic those that no block names."""
        shown = []
        for arg in args:
            own = [rule for rule in self.rules if rule.id == arg]
            shown += own or [rule for rule in self.rules if rule.topic == arg and rule.id not in self.named]
        return shown

    def fresh(self, page: Page) -> str:
        """Return the text that the page ought to have."""

        def render(match: re.Match[str]) -> str:
            block = Block(match["kind"], tuple(match["args"].split()), match["body"])
            return f"<!-- {match['kind']}{match['args']} -->\n{self.render(page, block)}<!-- /{match['kind']} -->"

        return _BLOCK.sub(render, page.text)

    def render(self, page: Page, block: Block) -> str:
        """Return what belongs into a block."""
        here = {name: "" if there == page.name else there for name, there in self.places.items()}
        match block.kind:
            case "rules":
                return rulebook.paragraphs(self.of(block.args))
            case "index":
                return rulebook.index(self.rules, here, block.body)
            case "errors":
                return rulebook.errors(here)
            case "layout":
                return layouts.layout_table(block.args[0], here, block.body)
            case "numbers":
                return layouts.numbers(block.args[0], block.body)
            case "messages":
                return layouts.messages(here, block.body)
            case "tags":
                return machines.tags(here, block.body)
            case "states":
                return machines.state_table(block.args[0], here, block.body)
            case "machine":
                return machines.drawing(block.args[0])
            case "decisions":
                return machines.decisions(block.args[0], here)
            case "demands":
                return demands(block.body)
            case "policies":
                return machines.policies(block.body)
            case _:
                raise ValueError(f"{page.name} has a block of kind {block.kind!r}, which nobody makes")
