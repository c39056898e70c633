"""Commands that a stand-in daemon knows: how the stock tools are told of them, and how they are answered."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

Arguments: TypeAlias = Mapping[str, Any]

DESCRIBE: Final = "get_command_descriptions"
FOR_MANAGER: Final = 8
"""The flag of a command that monitors describe and the manager answers."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended: 0 or a negative errno, a line for people, and the output."""

    code: int = 0
    status: str = ""
    output: bytes = b""

    @classmethod
    def of(cls, value: Any, arguments: Arguments, plain: str = "") -> Answer:
        """Return a value as JSON where that was asked for, and as `plain` text otherwise."""
        if str(arguments.get("format", "")).startswith("json") or not plain:
            return cls(output=json.dumps(value).encode())
        return cls(output=plain.encode())


Handler: TypeAlias = Callable[[Arguments, bytes], Answer]


@dataclass(frozen=True, slots=True)
class Known:
    """A command: its words, its parameters as the stock tools are told of them, and who answers it."""

    words: str
    handler: Handler
    parameters: tuple[Mapping[str, Any], ...] = ()
    module: str = "mon"
    permission: str = "r"
    flags: int = 0

    def description(self) -> dict[str, Any]:
        """Return what `get_command_descriptions` says of it."""
        return {
            "sig": [*self.words.split(), *self.parameters],
            "help": f"{self.words}, as the stand-in has it",
            "module": self.module,
            "perm": self.permission,
            "flags": self.flags,
        }


class Commands:
    """The commands of one daemon."""

    def __init__(self, *known: Known) -> None:
        self._known = {command.words: command for command in known}
        self.executed: list[Arguments] = []
        """All that was asked for, in order."""

    def add(self, command: Known) -> None:
        """Know one command more, or another answer to one."""
        self._known[command.words] = command

    def execute(self, command: tuple[str, ...], data: bytes) -> Answer:
        """Answer a command as the wire has it: one text of JSON, its input beside it."""
        try:
            arguments = json.loads("".join(command))
            prefix = arguments["prefix"]
        except (ValueError, KeyError, TypeError):
            return Answer(-errno.EINVAL, "command not understood")
        self.executed.append(arguments)
        if prefix == DESCRIBE:
            described = {f"cmd{number:03}": known.description() for number, known in enumerate(self._known.values())}
            return Answer(output=json.dumps(described).encode())
        known = self._known.get(prefix)
        return known.handler(arguments, data) if known else Answer(-errno.EINVAL, f"command not known: {prefix}")


@dataclass(slots=True)
class ConfigKeys:
    """What `config-key` sets and gets."""

    values: dict[str, bytes] = field(default_factory=dict)

    def commands(self) -> tuple[Known, ...]:
        """Return the commands."""
        key = {"name": "key", "type": "CephString"}
        value = {"name": "val", "type": "CephString", "req": False}
        return (
            Known("config-key set", self._set, (key, value), permission="rw"),
            Known("config-key get", self._get, (key,)),
            Known("config-key exists", self._exists, (key,)),
            Known("config-key rm", self._remove, (key,), permission="rw"),
        )

    def _set(self, arguments: Arguments, data: bytes) -> Answer:
        key = str(arguments["key"])
        self.values[key] = data or str(arguments.get("val", "")).encode()
        return Answer(status=f"set {key}")

    def _get(self, arguments: Arguments, data: bytes) -> Answer:
        key = str(arguments["key"])
        value = self.values.get(key)
        return self._missing(key) if value is None else Answer(status=f"obtained '{key}'", output=value)

    def _exists(self, arguments: Arguments, data: bytes) -> Answer:
        key = str(arguments["key"])
        return Answer(status=f"key '{key}' exists") if key in self.values else self._missing(key)

    def _remove(self, arguments: Arguments, data: bytes) -> Answer:
        key = str(arguments["key"])
        self.values.pop(key, None)
        return Answer(status=f"key '{key}' deleted")

    @staticmethod
    def _missing(key: str) -> Answer:
        return Answer(-errno.ENOENT, f"key '{key}' doesn't exist")
