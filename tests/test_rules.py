"""The rules in `spec/rules.toml`: every id that anything cites is there, once, and every id is cited.

What the pages of the spec do with them is looked at in `tests/spec`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.vector_files import load, topics

ROOT: Final = Path(__file__).resolve().parents[1]
NAMED: Final = re.compile(r'\brule(?:: str)? ?= ?"([A-Z-]+-\d+)"')
WORD: Final = re.compile(r"(?<![\w-])([A-Z]+(?:-[A-Z]+)*)-(\d+)(?![\w-])")

OF_TESTS: Final = "TEST"
"""The topic of errors that tests make up."""

BYTES: Final = {"ADDR", "BANNER", "FRAME", "PAYLOAD", "WIRE"}
"""Topics about bytes alone: a vector can show each of their rules."""

NOT_IN_VECTORS: Final[Mapping[str, str]] = {
    "BANNER-6": "about when to send, which a vector does not tell: tests/core/test_banner.py",
    "FRAME-8": "some deployed daemons do not survive the input, so it stays in tests/frame/test_modes.py",
    "FRAME-15": "about tags without a payload: tests/payload/test_payloads.py",
    "FRAME-16": "about tags, which frame vectors do not look at: tests/core/test_table.py",
}


def rules() -> list[dict[str, str]]:
    found: list[dict[str, str]] = tomllib.loads((ROOT / "spec/rules.toml").read_text(encoding="utf-8"))["rule"]
    return found


IDS: Final = [rule["id"] for rule in rules()]


def place(ident: str) -> tuple[str, int]:
    topic, _, number = ident.rpartition("-")
    return topic, int(number)


def code() -> list[Path]:
    """The sources of msgr, cases of conformance included."""
    return sorted((ROOT / "msgr").rglob("*.py"))


def sources() -> list[Path]:
    """Everything that may cite a rule, but for the pages of the spec and the vectors."""
    documents = [*ROOT.glob("*.md"), *(ROOT / "vectors").glob("*.md")]
    tests = [path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)]
    return [*code(), *sorted(tests), *sorted(documents)]


def cited(text: str, topics: set[str]) -> set[str]:
    """The ids that a source names: as the rule of an error, or in its prose under a topic that has rules."""
    words = {match[0] for match in WORD.finditer(text) if match[1] in topics}
    return words | set(NAMED.findall(text))


def test_ids_are_unique_and_in_order() -> None:
    assert len(set(IDS)) == len(IDS)
    assert sorted(IDS, key=place) == IDS


@pytest.mark.parametrize("rule", rules(), ids=IDS)
def test_a_rule_is_one_sentence_with_a_level(rule: dict[str, str]) -> None:
    assert set(rule) == {"id", "level", "text"}
    assert rule["level"] in ("MUST", "SHOULD", "MAY")
    assert rule["text"].endswith(".")
    assert "\n" not in rule["text"]
    assert ". " not in rule["text"]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_sources_cite_rules_that_are_there(path: Path) -> None:
    topics = {place(ident)[0] for ident in IDS}
    found = {ident for ident in cited(path.read_text(encoding="utf-8"), topics) if place(ident)[0] != OF_TESTS}
    assert found - set(IDS) == set()


@pytest.mark.parametrize("topic", topics())
def test_vectors_cite_rules_that_are_there(topic: str) -> None:
    assert {vector.rule for vector in load(topic)} - set(IDS) == set()


def test_every_rule_about_bytes_has_a_vector() -> None:
    shown = {vector.rule for topic in topics() for vector in load(topic)}
    wanted = {ident for ident in IDS if place(ident)[0] in BYTES}
    assert wanted - shown == set(NOT_IN_VECTORS) & set(IDS)
    assert all(NOT_IN_VECTORS.values()), "an exception has a reason"


def test_every_rule_is_cited() -> None:
    topics_there = {place(ident)[0] for ident in IDS}
    by_code = {ident for path in code() for ident in cited(path.read_text(encoding="utf-8"), topics_there)}
    by_vectors = {vector.rule for topic in topics() for vector in load(topic)}
    uncited = set(IDS) - by_code - by_vectors
    assert uncited == set(), "an id that no code, vector or case cites"


def test_a_citation_is_found() -> None:
    text = 'Error("x", rule="STATE-1")  # AES-128-GCM, UTF-8; ADDR-1, (SESSION-RACE-1), BANNER-3 … BANNER-5\n'
    text += 'def refuse(rule: str = "AUTH-5") -> None: ...'
    found = cited(text, {"ADDR", "BANNER", "SESSION-RACE"})
    assert found == {"STATE-1", "ADDR-1", "SESSION-RACE-1", "BANNER-3", "BANNER-5", "AUTH-5"}
