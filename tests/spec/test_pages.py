"""The pages are what rules and code say, each rule stands on one of them, and whatever they point at is there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

import pytest

import msgr.cli  # noqa: F401  every floor, so that every declared layout is known
from msgr.payload import CONTROL, MessageHeader
from msgr.wire import Record

from .book import DIRECTORY, ORDER, Block, Book, Page
from .rulebook import ROOT
from .table import kept

BOOK: Final = Book.load()
PAGES: Final = pytest.mark.parametrize("page", BOOK.pages, ids=lambda page: page.name)
CITED: Final = re.compile(r"(?<![\w-])([A-Z]+(?:-[A-Z]+)*)-(\d+)(?![\w-])")
ANCHOR: Final = re.compile(r'<a id="([\w-]+)"></a>')
LINK: Final = re.compile(r"\[[^\]\n]+\]\(([^)\s]+)\)")
DEMAND: Final = re.compile(r"\b(must|should|shall|ought)\b", re.IGNORECASE)

NOT_SHOWN: Final = {
    "Banner": "its two words stand in the table of the whole banner",
    "BareReply": "AUTH_DONE for a mask of 0: SessionReply without its last two fields",
    "CapsText": "one text",
    "Challenges": "what the proof covers: two u64",
    "EnvelopeHead": "told in words",
    "Framed": "one blob",
    "MgrCommand": "the same as Command",
    "MgrCommandReply": "the same as CommandReply",
    "MonGetMap": "empty",
    "OldAuthenticate": "Authenticate without its last field",
    "OldAuthorize": "Authorize without its last two fields",
    "OldAuthorizeReply": "AuthorizeReply without its last field",
    "PrincipalHead": "PrincipalRequest without its last field",
    "ReplyHead": "the first two fields of SessionReply, PrincipalReply and RotatingReply",
    "Request": "told in words, and in Python",
    "RequestHead": "one u16",
}


@PAGES
def test_a_page_is_fresh(page: Page) -> None:
    assert BOOK.fresh(page) == page.text, "stale: python -m tests.spec"


def test_the_pages_are_all_there() -> None:
    assert sorted(f"{name}.md" for name in ORDER) == sorted(path.name for path in DIRECTORY.glob("*.md"))
    (readme, *others) = BOOK.pages
    assert [page.name for page in others if f"({page.name})" not in readme.prose] == []


def test_every_rule_stands_on_exactly_one_page() -> None:
    ids = {rule.id for rule in BOOK.rules}
    defined = Counter(anchor for page in BOOK.pages for anchor in ANCHOR.findall(page.text) if CITED.fullmatch(anchor))
    missing = sorted(ids - set(defined))
    assert missing == [], "put them, or their topic, into a `rules` block of a page"
    assert sorted(set(defined) - ids) == []
    assert [anchor for anchor, count in defined.items() if count > 1] == []


@PAGES
def test_a_page_cites_rules_that_are_there(page: Page) -> None:
    ids, topics = {rule.id for rule in BOOK.rules}, {rule.topic for rule in BOOK.rules}
    assert {match[0] for match in CITED.finditer(page.text) if match[1] in topics} - ids == set()


def test_a_new_rule_of_any_topic_finds_a_place() -> None:
    shown = {arg for page in BOOK.pages for block in page.blocks if block.kind == "rules" for arg in block.args}
    assert {rule.topic for rule in BOOK.rules} - shown == set(), "put the topic itself into a `rules` block of a page"


@PAGES
def test_nothing_is_demanded_but_by_rules(page: Page) -> None:
    """Prose explains. What an end has to do stands in a rule, where it can be cited."""
    words = re.sub(r"^\* The \*\*level\*\*.*?(?=^\*)|^> .*?$", "", page.prose, flags=re.MULTILINE | re.DOTALL)
    assert [match[0] for match in DEMAND.finditer(words if page.name == "README.md" else page.prose)] == []


def anchors(page: Page) -> set[str]:
    """Return what of a page can be linked to: explicit anchors, and headings as they are spelled in links."""
    text = re.sub(r"^```.*?^```$", "", page.text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(ANCHOR.findall(page.text))


def broken(page: Page, targets: dict[str, set[str]]) -> Iterator[str]:
    """Yield the links of a page that lead nowhere."""
    for target in LINK.findall(page.text):
        name, _, anchor = target.partition("#")
        known = targets.get(name or page.name)
        if known is None or (anchor and anchor not in known):
            yield target


@PAGES
def test_links_lead_somewhere(page: Page) -> None:
    assert list(broken(page, {other.name: anchors(other) for other in BOOK.pages})) == []


def records(cls: type[Record] = Record) -> Iterator[type[Record]]:
    """Yield the layouts that are declared for others to use."""
    for sub in cls.__subclasses__():
        is_public = sub.__module__.startswith("msgr.") and not sub.__name__.startswith("_")
        if is_public and "__dataclass_fields__" in vars(sub):
            yield sub
        yield from records(sub)


def test_every_layout_is_on_a_page() -> None:
    shown = {arg.rpartition(":")[2] for page in BOOK.pages for block in page.blocks for arg in block.args}
    declared = {cls.__name__ for cls in records()}
    assert declared - shown == set(NOT_SHOWN)
    assert {cls.__name__ for cls in (*CONTROL.values(), MessageHeader)} <= shown


@PAGES
def test_what_is_not_generated_is_wrapped(page: Page) -> None:
    """Tables cannot be; everything else is read in editors, too."""
    lines = [line for line in page.text.splitlines() if not line.startswith("|")]
    assert [line for line in lines if len(line) > 120] == []
    assert str(ROOT) not in page.text


@PAGES
def test_every_row_is_explained(page: Page) -> None:
    """Where a generated table has room for a person's words, there are some."""
    with_words = {"index", "layout", "messages", "numbers", "policies", "tags"}
    lines = [line for block in page.blocks if block.kind in with_words for line in block.body.splitlines()]
    assert [line for line in lines if line.startswith("|") and line.endswith("|  |")] == []


def last_cells(name: str) -> Iterator[tuple[str, str]]:
    """Yield the last cell of the heads of a page's tables, with that of each row below."""
    (page,) = [page for page in BOOK.pages if page.name == name]
    head = ""
    for line in page.text.splitlines():
        cell = line.rstrip("|").rpartition("|")[2].strip()
        if not line.startswith("|"):
            head = ""
        elif not head:
            head = cell
        elif set(cell) != {"-"}:
            yield head, cell


def test_a_difference_has_a_rule_and_a_mark() -> None:
    """Demand 74t."""
    rows = [*last_cells("differences.md"), *last_cells("implementations.md")]
    assert {head for head, _ in rows} == {"rule", "how known"}
    for head, cell in rows:
        assert re.search(r"#[A-Z-]+-\d+\)" if head == "rule" else r"\b(live|source)\b", cell), cell


def test_a_stale_page_is_seen() -> None:
    page = Page(DIRECTORY / "a.md", "x\n<!-- rules WIRE-1 -->\nold\n<!-- /rules -->\n")
    fresh = Book([page]).fresh(page)
    assert '<a id="WIRE-1"></a>**WIRE-1** MUST. Numbers' in fresh
    assert Book([page]).fresh(Page(page.path, fresh)) == fresh


def test_a_topic_shows_what_no_block_names() -> None:
    page = Page(DIRECTORY / "a.md", "<!-- rules WIRE-2 -->\n<!-- /rules -->\n<!-- rules WIRE -->\n<!-- /rules -->\n")
    book = Book([page])
    assert [rule.id for rule in book.of(("WIRE-2",))] == ["WIRE-2"]
    assert "WIRE-2" not in {rule.id for rule in book.of(("WIRE",))}
    assert "WIRE-1" in {rule.id for rule in book.of(("WIRE",))}


def test_words_of_people_are_kept() -> None:
    first = kept(["a", "b", "words"], [["1", "x"], ["2", "y"]], "| . | y | told |\n", key=1)
    assert first.splitlines()[2:] == ["| 1 | x |  |", "| 2 | y | told |"]
    assert kept(["a", "b", "words"], [["9", "y"]], first, key=1).splitlines()[2:] == ["| 9 | y | told |"]


def test_an_unknown_block_is_refused() -> None:
    page = Page(DIRECTORY / "a.md", "")
    with pytest.raises(ValueError, match="nobody makes"):
        BOOK.render(page, Block("nonsense", (), ""))


def test_a_broken_link_is_seen() -> None:
    page = Page(DIRECTORY / "a.md", '# One two\n<a id="X"></a> [a](#one-two) [b](#x) [c](b.md#X) [d](#X)\n')
    assert list(broken(page, {"a.md": anchors(page)})) == ["#x", "b.md#X"]
