"""Runs vectors against our own implementation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from ..errors import ConfigError
from . import cephx, frames, keyrings, payloads, primitives, tickets, transcripts
from .files import Vector, VectorFile
from .outcome import Mismatch

Check: TypeAlias = Callable[[Vector], None]
"""Raises Mismatch, or what our implementation raises, where a vector does not hold."""

_EVERY: Final = (primitives, frames, payloads, cephx, keyrings, tickets, transcripts)
CHECKS: Final[Mapping[str, Check]] = MappingProxyType(
    {topic: check for module in _EVERY for topic, check in module.CHECKS.items()}
)
"""What to do with the vectors of each topic."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A vector that does not hold."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of some files."""

    files: int
    vectors: int
    failed: tuple[Failed, ...]

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        failed = [{"id": each.id, "reason": each.reason} for each in self.failed]
        return {"files": self.files, "vectors": self.vectors, "failed": failed}


def check(vector: Vector) -> None:
    """Run one vector; raises Mismatch where it does not hold, and whatever our implementation raises."""
    found = CHECKS.get(vector.topic)
    if found is None:
        raise Mismatch(f"{vector.topic} is not a topic that is known here")
    found(vector)


def verify(vector: Vector) -> str | None:
    """Run one vector; returns why it does not hold, or None.

    Raises ConfigError where the extra that it needs is not installed.
    """
    try:
        check(vector)
    except Mismatch as mismatch:
        return str(mismatch)
    except ConfigError as error:
        if isinstance(error.__context__, ModuleNotFoundError):
            raise
        return f"ConfigError: {error}"
    except Exception as error:  # anything but what the vector says is a failure of this vector, not of the run
        return f"{type(error).__name__}: {error}"
    return None


def select(files: Iterable[VectorFile], only: str | None) -> list[VectorFile]:
    """Return the files with the vectors asked for: all, those of a topic, or the one with an id.

    Raises ConfigError where there is none.
    """
    chosen = []
    for file in files:
        vectors = [each for each in file.vectors if only in (None, file.topic, each.id)]
        if vectors:
            chosen.append(VectorFile(file.topic, file.about, file.source, vectors))
    if not chosen:
        raise ConfigError(f"{only!r} is neither a topic nor the id of a vector; see msgr vectors list")
    return chosen


def verify_all(files: Iterable[VectorFile]) -> Outcome:
    """Run the vectors of files; raises ConfigError where the extra that one needs is not installed."""
    files = list(files)
    every = [vector for file in files for vector in file.vectors]
    reasons = [(vector, verify(vector)) for vector in every]
    failed = [Failed(vector.id, reason) for vector, reason in reasons if reason is not None]
    return Outcome(len(files), len(every), tuple(failed))
