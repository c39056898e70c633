"""What a command says: lines for people or one JSON document for programs, and an exit code."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..capture.words import printable
from ..errors import ConfigError, ConnectFailed, MessageTooLarge, MsgrError, PeerError

FINE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
NO_PEER: Final = 3
INTERRUPTED: Final = 130

_RULE: Final = re.compile(r"\[([A-Z]+(?:-[A-Z]+)*-\d+)\]$")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a command failed, as it is shown, and the exit code that says so."""

    kind: str
    message: str
    code: int
    rule: str | None = None
    step: str = ""
    """How far the handshake had come where one failed, and whether it makes sense to try again."""

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """Return how an exception is shown."""
        # A peer's words may be in it, and must not steer the terminal.
        text = printable(" ".join(str(error).split())) or "no reason given"
        found = _RULE.search(text)
        rule = error.rule if isinstance(error, PeerError) else found and found[1]
        step = f" ({error.kind.value}; {error.step})" if isinstance(error, MsgrError) and error.step else ""
        return cls(type(error).__name__, text, _code(error), rule, step)


def _code(error: BaseException) -> int:
    if isinstance(error, ConfigError | MessageTooLarge):
        return USAGE
    # A deadline that passes before there is a connection is nobody there; one that passes later is a peer that fails.
    if isinstance(error, ConnectFailed):
        return NO_PEER
    return FAILED


def wants_json(arguments: Sequence[str]) -> bool:
    """Tell whether `--json` is among the arguments, even if the others cannot be understood."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in options


def write_file(path: Path, pieces: Iterable[str]) -> None:
    """Write a file that was asked for; raises ConfigError."""
    try:
        with path.open("w", encoding="utf-8") as out:
            out.writelines(pieces)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None


class Report:
    """Prints. With `json`, exactly one document goes to standard output, and nothing else."""

    def __init__(self, *, json: bool) -> None:
        self.json = json

    def line(self, text: str = "") -> None:
        """Print a line for people; it is on its way when this returns."""
        if not self.json:
            print(text, flush=True)

    def note(self, text: str) -> None:
        """Print a line on standard error, for people and programs alike."""
        print(text, file=sys.stderr, flush=True)

    def document(self, fields: Mapping[str, Any]) -> None:
        """Print the one document for programs."""
        if self.json:
            print(json.dumps(fields), flush=True)

    def failure(self, failure: Failure) -> int:
        """Print why the command failed, and return its exit code."""
        error = {"kind": failure.kind, "message": failure.message, "rule": failure.rule}
        self.document({"error": error})
        self.note(f"msgr: {failure.message}{failure.step}")
        return failure.code
