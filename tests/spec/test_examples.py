"""The examples on the pages: their Python runs, and their bytes are those of the vectors that they name."""

from __future__ import annotations

import ast
import re
import sys
from typing import Final

import pytest

from tests.house.source import imports
from tests.vector_files import load, topics

from .book import DIRECTORY, Book, Fence, Page

BOOK: Final = Book.load()
WITH_PYTHON: Final = [page for page in BOOK.pages if any(fence.info == "python" for fence in page.fences)]
HEX: Final = [
    pytest.param(fence, id=f"{page.name}-line-{fence.line}")
    for page in BOOK.pages
    for fence in page.fences
    if fence.info == "hex"
]
KINDS: Final = {"hex", "python", "text", "ini", "mermaid"}
"""What a fenced block may be."""
NAMED: Final = re.compile(r"# vector ([\w-]+)/([\w.-]+)(?: (\w+))?\n")
"""A topic, the id of a vector, and which of its fields is shown, if it isn't `wire`."""


def octets(text: str) -> str:
    """Return the digits of a block of bytes: without blanks, and without what is said behind `#`."""
    return "".join(line.partition("#")[0] for line in text.splitlines()).replace(" ", "")


@pytest.mark.parametrize(
    "page", [page for page in WITH_PYTHON if page.name != "example.md"], ids=lambda page: page.name
)
def test_the_python_of_a_page_runs(page: Page) -> None:
    """From top to bottom: later blocks go on where earlier ones ended. What needs a server is run by `test_client`."""
    names: dict[str, object] = {"__name__": "__main__"}
    for fence in page.fences:
        if fence.info == "python":
            padded = "\n" * (fence.line - 1) + fence.text  # tracebacks then tell the line of the page
            exec(compile(padded, str(page.path), "exec"), names)


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: page.name)
def test_the_python_of_a_page_stands_alone(page: Page) -> None:
    """It says the protocol once more, and so cannot lean on msgr."""
    for fence in page.fences:
        if fence.info == "python":
            assert set(imports(ast.parse(fence.text))) <= sys.stdlib_module_names | {"cryptography"}


@pytest.mark.parametrize("fence", HEX)
def test_bytes_are_those_of_their_vector(fence: Fence) -> None:
    head = NAMED.match(fence.text)
    assert head, "the first line names the vector: # vector topic/id"
    assert head[1] in topics()
    found = [vector for vector in load(head[1]) if vector.id == head[2]]
    assert [octets(fence.text)] == [vector[head[3] or "wire"] for vector in found]


@pytest.mark.parametrize("page", BOOK.pages, ids=lambda page: page.name)
def test_a_block_is_something_that_is_checked(page: Page) -> None:
    assert {fence.info for fence in page.fences} <= KINDS


def test_most_floors_have_examples() -> None:
    assert len(HEX) > 20
    assert len(WITH_PYTHON) > 5


def test_a_block_is_taken_apart() -> None:
    page = Page(DIRECTORY / "a.md", "one\n```hex\n# vector a/b\n01 02  # two\n03\n```\n")
    (fence,) = page.fences
    assert (fence.info, fence.line, octets(fence.text)) == ("hex", 3, "010203")
