"""Everything that other interconnects taught has a test that names it, or a reason why it does not apply."""

from __future__ import annotations

import re
from typing import Final

from .book import DIRECTORY
from .demands import ITEMS, cited_in, named, proofs, shown

ROWS: Final = {
    cells[0]: cells
    for line in (DIRECTORY / "interconnect.md").read_text("utf-8").partition("<!-- demands -->")[2].splitlines()
    if line.startswith("| ")
    for cells in [[cell.strip() for cell in line.strip("|").split(" | ")]]
    if re.fullmatch(r"\d+[a-t]?", cells[0])
}
TESTS: Final = DIRECTORY.parent / "tests"


def test_every_item_has_a_row() -> None:
    assert list(ROWS) == list(ITEMS)
    assert len(ITEMS) == 99 + 20


def test_every_item_has_a_test_or_a_reason() -> None:
    """A reason says that something does not apply, or which other item has it."""
    bare = [item for item, (_, tests, words) in ROWS.items() if not tests and "does not apply" not in words]
    assert bare == []
    assert all(words for _, _, words in ROWS.values())


def test_the_cited_in_the_table_are_there() -> None:
    for item, (_, tests, _) in ROWS.items():
        for test in re.findall(r"`([^`]+)`", tests):
            file, _, name = test.partition("::")
            text = (TESTS / file).read_text("utf-8")
            assert not name or re.search(rf"^(async )?def {name}\(", text, re.MULTILINE), (item, test)


def test_nobody_names_an_item_that_is_none() -> None:
    assert set(proofs()) - set(ITEMS) == set()


def test_items_are_found_in_docstrings_and_comments() -> None:
    assert [item for _, item in named("Demands 8, 10 and 74a: so; demand 5, and a demand for 7.")] == [
        "8",
        "10",
        "74a",
        "5",
    ]
    assert [item for _, item in named("(demand 36, demand 42)")] == ["36", "42"]
    file = TESTS / "spec/test_demands.py"
    assert dict(cited_in(file))["36"] == "tests/spec/test_demands.py::test_items_are_found_in_docstrings_and_comments"


def test_a_file_is_shown_once() -> None:
    assert shown(("tests/a.py", "tests/a.py::test_b", "tests/a.py::test_c", "tests/d.py")) == "`a.py::test_b`, `d.py`"
