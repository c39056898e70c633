"""The rules as the pages show them."""

from __future__ import annotations

import ast
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import fill
from typing import Final, TypeGuard

from msgr import errors as tree

from .table import kept, link, table

ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its id, its level and its sentence."""

    id: str
    level: str
    text: str

    @property
    def topic(self) -> str:
        """The id without its number."""
        return self.id.rpartition("-")[0]

    @property
    def number(self) -> str:
        """The number of the id."""
        return self.id.rpartition("-")[2]


@cache
def rules() -> tuple[Rule, ...]:
    """Return all rules, in the order of the file."""
    content = tomllib.loads((ROOT / "spec/rules.toml").read_text(encoding="utf-8"))
    return tuple(Rule(**rule) for rule in content["rule"])


def paragraphs(shown: list[Rule]) -> str:
    """Return rules as a quotation, each with an anchor."""
    texts = [f'<a id="{rule.id}"></a>**{rule.id}** {rule.level}. {rule.text}' for rule in shown]
    quoted = [fill(text, 118, initial_indent="> ", subsequent_indent="> ", break_on_hyphens=False) for text in texts]
    return "\n>\n".join(quoted) + "\n" if quoted else ""


def index(shown: tuple[Rule, ...], here: Mapping[str, str], body: str) -> str:
    """Return a table of the topics, with a link to every rule."""
    topics: dict[str, list[Rule]] = defaultdict(list)
    for rule in shown:
        topics[rule.topic].append(rule)
    rows = [[f"`{topic}`", " ".join(link(rule.number, rule.id, here) for rule in of)] for topic, of in topics.items()]
    return kept(["topic", "rules", "about"], rows, body, key=0)


def errors(here: Mapping[str, str]) -> str:
    """Return a table of which exceptions msgr raises over which rule."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "msgr").rglob("*.py")):
        for name, rule in raised(ast.parse(path.read_text(encoding="utf-8"))):
            if hasattr(tree, name):
                found[rule].add(name)
    rows = [
        [link(rule.id, rule.id, here), ", ".join(f"`{name}`" for name in sorted(found[rule.id]))]
        for rule in rules()
        if rule.id in found
    ]
    return table(["rule", "exceptions"], rows)


def raised(module: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the exceptions that a module makes or declares, with the rule that each names."""
    for node in ast.walk(module):
        if isinstance(node, ast.ClassDef):
            yield from ((node.name, rule) for rule in own_rules(node))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            cls = getattr(tree, node.func.id, None)
            for word in node.keywords if isinstance(cls, type) and issubclass(cls, tree.PeerError) else ():
                if word.arg == "rule" and is_text(word.value):
                    yield node.func.id, str(word.value.value)


def own_rules(declared: ast.ClassDef) -> Iterator[str]:
    """Yield the rules that an exception names where whoever raises it does not."""
    for node in ast.walk(declared):
        if isinstance(node, ast.FunctionDef):
            defaults = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            yield from (str(value.value) for arg, value in defaults if arg.arg == "rule" and is_text(value))
        elif isinstance(node, ast.keyword) and node.arg == "rule" and is_text(node.value):
            yield str(node.value.value)


def is_text(node: ast.expr | None) -> TypeGuard[ast.Constant]:
    """Tell whether an expression is a text as it stands."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
