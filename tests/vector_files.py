"""Reads `vectors/`: one file a topic, each vector with a name, a rule and a result."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from msgr import errors

DIRECTORY: Final = Path(__file__).resolve().parents[1] / "vectors"


@dataclass(frozen=True)
class Vector:
    """One vector; `fields` is the JSON object as it stands."""

    topic: str
    id: str
    fields: dict[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.fields[key]

    def octets(self, key: str) -> bytes:
        """Return a field that is written in hex."""
        return bytes.fromhex(self.fields[key])

    @property
    def wire(self) -> bytes:
        return self.octets("wire")

    @property
    def rule(self) -> str:
        rule: str = self.fields["rule"]
        return rule

    @property
    def is_sent(self) -> bool:
        """Whether these are the bytes that we would write; others we understand only."""
        return "NotSent" not in self.fields["flags"]

    @property
    def error(self) -> type[errors.MsgrError]:
        """The exception that an invalid vector raises."""
        error: type[errors.MsgrError] = getattr(errors, self.fields["error"])
        return error


def topics() -> list[str]:
    """The topics there are."""
    return sorted(path.stem for path in DIRECTORY.glob("*.json"))


def load(topic: str) -> Iterator[Vector]:
    """The vectors of a topic."""
    content = json.loads((DIRECTORY / f"{topic}.json").read_text(encoding="utf-8"))
    for fields in content["vectors"]:
        yield Vector(topic, fields["id"], fields)


def each(*topics: str, result: str) -> pytest.MarkDecorator:
    """Run a test once with each `vector` of these topics that has this result, under the vector's id."""
    chosen = [vector for topic in topics for vector in load(topic) if vector["result"] == result]
    assert chosen, f"no {result} vectors in {topics}"
    return pytest.mark.parametrize("vector", chosen, ids=[vector.id for vector in chosen])


def refuses(vector: Vector) -> pytest.RaisesExc[errors.PeerError]:
    """Expect exactly the refusal that an invalid vector asks for: the class of the exception, and the rule it cites."""

    def cites(error: errors.PeerError) -> bool:
        return type(error) is vector.error and error.rule == vector.rule

    return pytest.RaisesExc(errors.PeerError, check=cites)


def pieces(wire: bytes, size: int) -> Iterator[bytes]:
    """Cut `wire` in pieces of `size` bytes."""
    for start in range(0, len(wire), size):
        yield wire[start : start + size]
