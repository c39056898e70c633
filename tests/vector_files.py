"""The vectors in `vectors/` as tests ask for them. What to do with one, `msgr.vectors` knows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final

import pytest

from msgr import errors
from msgr.vectors import Vector, VectorFile, default_directory, load_file
from msgr.vectors import load as load_all
from msgr.vectors.outcome import pieces

__all__ = ["DIRECTORY", "Vector", "each", "load", "load_file", "loaded", "pieces", "refuses", "topics"]

DIRECTORY: Final = default_directory()


@cache
def loaded() -> dict[str, VectorFile]:
    """The files by their topics."""
    return {file.topic: file for file in load_all(DIRECTORY)}


def topics() -> list[str]:
    """The topics there are."""
    return list(loaded())


def load(topic: str) -> Iterator[Vector]:
    """The vectors of a topic."""
    yield from loaded()[topic].vectors


def each(*topics: str, result: str | None = None) -> pytest.MarkDecorator:
    """Run a test once with each `vector` of these topics, or with those that have this result, under its id."""
    chosen = [vector for topic in topics for vector in load(topic) if result in (None, vector["result"])]
    assert chosen, f"no {result} vectors in {topics}"
    return pytest.mark.parametrize("vector", chosen, ids=[vector.id for vector in chosen])


def refuses(vector: Vector) -> pytest.RaisesExc[errors.PeerError]:
    """Expect exactly the refusal that an invalid vector asks for: the class of the exception, and the rule it cites."""

    def cites(error: errors.PeerError) -> bool:
        return type(error) is vector.error and error.rule == vector.rule

    return pytest.RaisesExc(errors.PeerError, check=cites)
