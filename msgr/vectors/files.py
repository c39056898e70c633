"""Reads vector files: one JSON file a topic, each vector an object with an id, a rule, flags and a result."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from .. import errors
from ..errors import ConfigError

_BESIDE: Final = frozenset({"flags", "schema"})
"""JSON files of the directory that are about vectors, and hold none."""


@dataclass(frozen=True, slots=True)
class Vector:
    """One vector; `fields` is the JSON object as it stands."""

    topic: str
    id: str
    fields: Mapping[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.fields[key]

    def octets(self, key: str) -> bytes:
        """Return a field that is written in hex."""
        return bytes.fromhex(self.fields[key])

    @property
    def wire(self) -> bytes:
        """The bytes that it is about."""
        return self.octets("wire")

    @property
    def rule(self) -> str:
        """The id of the rule that it shows."""
        rule: str = self.fields["rule"]
        return rule

    @property
    def flags(self) -> Sequence[str]:
        """Why it exists."""
        flags: Sequence[str] = self.fields["flags"]
        return flags

    @property
    def is_valid(self) -> bool:
        """Whether a receiver takes it."""
        return bool(self.fields["result"] == "valid")

    @property
    def is_sent(self) -> bool:
        """Whether these are the bytes that we would write; others we understand only."""
        return "NotSent" not in self.flags

    @property
    def error(self) -> type[errors.MsgrError]:
        """The exception that an invalid vector raises."""
        error: type[errors.MsgrError] = getattr(errors, self.fields["error"])
        return error


@dataclass(frozen=True, slots=True)
class VectorFile:
    """The vectors of one topic, what they are about and how they were made."""

    topic: str
    about: str
    source: Mapping[str, Any]
    vectors: Sequence[Vector] = field(repr=False)


def default_directory() -> Path:
    """Return where the vectors are that came with the package: in it or, in a tree of sources, beside it."""
    installed = Path(__file__).parent / "data"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "vectors"


def load_file(path: Path) -> VectorFile:
    """Return what a file holds; raises ConfigError where it is no vector file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not JSON: {error}") from None
    try:
        topic = content["topic"]
        vectors = [Vector(topic, each["id"], each) for each in content["vectors"]]
        file = VectorFile(topic, content["about"], content["source"], vectors)
    except (KeyError, TypeError) as error:
        raise ConfigError(f"{path}: not a file of vectors: {type(error).__name__} {error}") from None
    if topic != path.stem:
        raise ConfigError(f"{path}: its topic is {topic!r}, not its name")
    return file


def load(directory: Path | None = None) -> Iterator[VectorFile]:
    """Yield the files of a directory, by default those that came with the package, in the order of their names.

    Raises ConfigError where there is none, or one that is no vector file.
    """
    directory = default_directory() if directory is None else directory
    paths = sorted(path for path in directory.glob("*.json") if path.stem not in _BESIDE)
    if not paths:
        raise ConfigError(f"{directory}: no vector files there")
    yield from map(load_file, paths)
