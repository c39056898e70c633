"""Which commands a cluster understands, and words of a command line turned into one of them (COMMAND-1 … COMMAND-4).

A daemon describes its commands in JSON::

    {"cmd012": {"sig": ["osd", "find", {"name": "id", "type": "CephOsdName"}],
                "help": "find osd <id> in the CRUSH map", "module": "osd", "perm": "r", "flags": 0}, …}

A signature is a row of literal words and of parameters. Words fill it from left to right; a parameter that is not
required is passed over by a word that does not fit it, and any can be named instead: `--key=value`, `--key value`, or
`--key` alone for one of type CephBool, with dashes or underscores.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, NoReturn

from ..errors import ConfigError, PeerError
from . import arguments
from .arguments import CHECKS, Check, Value

LARGEST_DESCRIPTIONS: Final = 8 << 20
"""More bytes than all commands of a cluster need."""
LONGEST_SIGNATURE: Final = 128

_OBSOLETE, _DEPRECATED, _MANAGER, _HIDDEN = 2, 4, 8, 32
_NAMED: Final = re.compile(r"--([^=]+)(=?)(.*)", re.DOTALL)
_CONFIRMATIONS: Final = frozenset(
    {"--yes-i-really-mean-it", "--yes-i-really-really-mean-it", "--yes-i-really-really-mean-it-not-faking", "--force"}
)
_NEAREST: Final = 5


@dataclass(frozen=True, slots=True)
class Invocation:
    """A command as it is sent: `arguments` with the literal words as `prefix`, to the manager or to the monitors."""

    arguments: Mapping[str, object]
    manager: bool


class _Mismatch(Exception):
    """The words don't fit a signature; `depth` is how many of its parts they did fit."""

    def __init__(self, text: str, depth: int) -> None:
        super().__init__(text)
        self.depth = depth


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parameter:
    """One parameter of a command; `many` takes as many words as there are, and means a list."""

    name: str
    type: str
    check: Check
    required: bool
    many: bool
    positional: bool

    def __str__(self) -> str:
        flag = "--" + self.name.replace("_", "-")
        shown = flag if self.type == "CephBool" else f"<{self.name}>" if self.positional else f"{flag} <value>"
        shown += "..." if self.many else ""
        return shown if self.required else f"[{shown}]"

    def takes(self, word: str) -> bool:
        """Tell whether a word with dashes can be meant as the value: older daemons declare confirmations so."""
        return not word.startswith("--") or self.type == "CephChoices" or word in _CONFIRMATIONS

    def values(self, word: str, *, named: bool) -> list[Value]:
        """Return what the word means; raises ValueError with what was expected."""
        parts = word.split(",") if self.many and (named or self.type != "CephString") else [word]
        return [self.check(part) for part in parts]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Command:
    parts: tuple[str | _Parameter, ...]
    flags: int

    def __str__(self) -> str:
        return " ".join(map(str, self.parts))

    @property
    def prefix(self) -> str:
        return " ".join(part for part in self.parts if isinstance(part, str))

    @property
    def leading(self) -> int:
        """How many literal words come first."""
        return next((depth for depth, part in enumerate(self.parts) if not isinstance(part, str)), len(self.parts))

    @property
    def required(self) -> int:
        return sum(isinstance(part, str) or part.required for part in self.parts)


class _Match:
    """One attempt to fill a signature with words."""

    def __init__(self, command: _Command, words: Sequence[str]) -> None:
        self._command = command
        self._words = list(reversed(words))
        self._parameters = {part.name: part for part in command.parts if isinstance(part, _Parameter)}
        self._values: dict[str, list[Value]] = {}
        self._depth = 0
        self._legacy = command.prefix == "injectargs"

    def arguments(self) -> dict[str, object]:
        """Return the arguments; raises _Mismatch."""
        for depth, part in enumerate(self._command.parts):
            self._depth = depth
            if isinstance(part, str):
                while self._take_named():
                    pass
                if not self._words or self._words[-1] != part:
                    self._miss(f"expected {part!r}")
                self._words.pop()
            else:
                self._fill(part)
        self._depth = len(self._command.parts)
        if self._words:
            self._miss(f"nothing takes {_shown(self._words[-1])}")
        values: dict[str, object] = {"prefix": self._command.prefix}
        for name, found in self._values.items():
            values[name] = found if self._parameters[name].many else found[0]
        return values

    def _fill(self, part: _Parameter) -> None:
        """Give the parameter the words that are its own: one, named or not, or as many as fit."""
        before = part.name in self._values
        while self._words:
            taken = self._take_named()
            if taken is None:
                if not (part.positional and self._takes_next(part, needed=part.required and not before)):
                    break
                taken = part
            if taken is part and not part.many:
                return
        if part.required and part.name not in self._values:
            self._miss(f"{part} is missing")

    def _takes_next(self, part: _Parameter, *, needed: bool) -> bool:
        """Take the next word as the parameter's value if it fits."""
        word = self._words[-1]
        if not (part.takes(word) or self._legacy):
            self._miss(f"no parameter {_shown(word)}")
        try:
            values = part.values(word, named=False)
        except ValueError as error:
            if needed:
                self._miss(f"{_shown(word)} as {part.name}, which is {error}")
            return False
        self._words.pop()
        self._store(part, values)
        return True

    def _take_named(self) -> _Parameter | None:
        """Take the next word, and its value, if it names a parameter; return that."""
        found = _NAMED.fullmatch(self._words[-1]) if self._words else None
        part = self._parameters.get(found[1].replace("-", "_")) if found else None
        if not (found and part) or not (found[2] or part.type == "CephBool" or len(self._words) > 1):
            return None
        word = self._words.pop()
        value = found[3] if found[2] else "true" if part.type == "CephBool" else self._words.pop()
        try:
            self._store(part, part.values(value, named=True))
        except ValueError as error:
            self._miss(f"{_shown(word)} as {part.name}, which is {error}")
        return part

    def _store(self, part: _Parameter, values: list[Value]) -> None:
        if not part.many and self._values.get(part.name, values) != values:
            self._miss(f"{part.name} is said twice")
        self._values[part.name] = self._values.get(part.name, []) + values if part.many else values

    def _miss(self, text: str) -> NoReturn:
        raise _Mismatch(text, self._depth)


class Grammar:
    """The commands that a daemon described."""

    def __init__(self, commands: Sequence[_Command]) -> None:
        self._commands = tuple(command for command in commands if not command.flags & _OBSOLETE)

    def __repr__(self) -> str:
        return f"Grammar({len(self._commands)} commands)"

    @classmethod
    def of(cls, descriptions: bytes) -> Grammar:
        """Return the grammar in the answer to `get_command_descriptions`; raises PeerError (COMMAND-1).

        A parameter of a type that we don't know takes any word: the daemon checks it as well.
        """
        if len(descriptions) > LARGEST_DESCRIPTIONS:
            _refuse(f"{len(descriptions)} bytes, more than {LARGEST_DESCRIPTIONS}")
        try:
            told = json.loads(descriptions)
        except (ValueError, RecursionError):
            _refuse("not JSON")
        if not isinstance(told, dict):
            _refuse("no JSON object")
        return cls([_command(label, entry) for label, entry in told.items()])

    def parse(self, words: Sequence[str]) -> Invocation:
        """Return the command that these words are; raises ConfigError, which tells what was expected (COMMAND-2)."""
        met: list[tuple[_Command, dict[str, object] | _Mismatch]] = []
        for command in self._commands:
            try:
                met.append((command, _Match(command, words).arguments()))
            except _Mismatch as mismatch:
                if mismatch.depth >= command.leading:
                    met.append((command, mismatch))
        if not met:
            self._guess(words)
        # A word that a command begins with is not the value of a shorter one, even where the longer does not fit.
        longest = max(command.leading for command, _ in met)
        met = [(command, found) for command, found in met if command.leading == longest]
        fitting = [(command, found) for command, found in met if not isinstance(found, _Mismatch)]
        if not fitting:
            missed = [(command, found) for command, found in met if isinstance(found, _Mismatch)]
            deepest = max(found.depth for _, found in missed)
            ways = [f"{found}: {command}" for command, found in missed if found.depth == deepest]
            raise ConfigError("; or ".join(ways[:_NEAREST]) + " [COMMAND-2]")
        # The one that demands most says most exactly what is meant.
        most = max(command.required for command, _ in fitting)
        best = [(command, found) for command, found in fitting if command.required == most]
        invocations = [Invocation(arguments=found, manager=bool(command.flags & _MANAGER)) for command, found in best]
        if any(other != invocations[0] for other in invocations):
            among = "; ".join(str(command) for command, _ in best)
            raise ConfigError(f"these words fit more than one command: {among} [COMMAND-4]")
        return invocations[0]

    def _guess(self, words: Sequence[str]) -> NoReturn:
        said = " ".join(words[:4])[:80]
        shown = [command for command in self._commands if not command.flags & (_DEPRECATED | _HIDDEN)]
        near = list(dict.fromkeys(_nearest(said, words, shown)))[:_NEAREST]
        hint = f"; did you mean {', or '.join(near)}?" if near else ""
        raise ConfigError(f"no command {said!r}{hint} [COMMAND-2]")


def _nearest(said: str, words: Sequence[str], commands: Sequence[_Command]) -> Iterator[str]:
    """Yield the prefixes of the nearest commands, nearest first."""
    prefixes = {command.prefix: command for command in commands}
    for size in range(max((command.leading for command in commands), default=0), 0, -1):
        said_so_far = " ".join(words[:size])
        yield from get_close_matches(said_so_far, (prefix for prefix in prefixes if prefix.count(" ") == size - 1))
    for size in range(len(words), 0, -1):
        start = " ".join(words[:size]) + " "
        yield from (prefix for prefix in prefixes if prefix.startswith(start))
    yield from get_close_matches(said, prefixes)


def _shown(word: str) -> str:
    return repr(word if len(word) <= 40 else word[:40] + "…")


def _refuse(text: str) -> NoReturn:
    raise PeerError(f"descriptions of commands: {text}", rule="COMMAND-1")


def _command(label: str, entry: object) -> _Command:
    signature = entry.get("sig") if isinstance(entry, dict) else None
    flags = entry.get("flags", 0) if isinstance(entry, dict) else None
    if not (isinstance(signature, list) and isinstance(flags, int) and 0 < len(signature) <= LONGEST_SIGNATURE):
        _refuse(f"{label[:40]!r} needs a signature of 1 to {LONGEST_SIGNATURE} parts, and flags")
    parts = tuple(_part(label, part) for part in signature)
    names = [part.name for part in parts if isinstance(part, _Parameter)]
    if isinstance(parts[0], _Parameter) or len(set(names) | {"prefix"}) != len(names) + 1:
        _refuse(f"{label[:40]!r} begins with no word, or has two parameters of one name")
    return _Command(parts=parts, flags=flags)


def _part(label: str, part: object) -> str | _Parameter:
    if isinstance(part, dict) and part.get("type") == "CephPrefix":
        part = part.get("prefix")
    if isinstance(part, str):
        return part
    told = {str(key): str(value) for key, value in part.items()} if isinstance(part, dict) else {}
    name, kind, many = told.get("name", ""), told.get("type", ""), told.get("n", "1")
    if not (name and kind and many in ("1", "n", "N")):
        _refuse(f"{label[:40]!r} has a part that is neither a word nor a parameter with name, type and n of 1 or N")
    return _Parameter(
        name=name,
        type=kind,
        check=_check(label, kind, told),
        required=told.get("req", "true").lower() == "true",
        many=many != "1",
        positional=told.get("positional", "true").lower() == "true",
    )


def _check(label: str, kind: str, told: Mapping[str, str]) -> Check:
    if kind == "CephChoices":
        return arguments.choice(tuple(told.get("strings", "").split("|")))
    if kind in ("CephInt", "CephFloat"):
        try:
            limits = tuple(float(limit) for limit in told["range"].split("|")) if told.get("range") else ()
        except ValueError:
            _refuse(f"{label[:40]!r} has a range that is not of numbers")
        return arguments.number(int if kind == "CephInt" else float, limits)
    if kind == "CephString" and (allowed := told.get("goodchars")):
        return arguments.characters(allowed)
    return CHECKS.get(kind, arguments.text)
