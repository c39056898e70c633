"""What README.md tells of the command and of the defaults is true. That its samples run is checked in tests/house."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Final

from msgr import Limits, Timeouts
from tests.house.readme import README, Block, Command, commands

from .run import Msgr

TEXT: Final = README.read_text("utf-8")


def session() -> list[Command]:
    """Return the commands that need a server, which the tests of the house leave alone."""
    found = re.search(r"^```console session\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert found
    return list(commands(Block("console", 0, found[1])))


def test_what_is_said_to_a_server(msgr: Msgr, server: str, keyring: Path) -> None:
    shown = {"v2:127.0.0.1:6789": server, "keyring": str(keyring)}
    told = [command for command in session() if command.words()[0] in ("probe", "ping")]
    assert len(told) == 3
    for command in told:
        done = msgr(*(shown.get(word, word) for word in command.words()))
        assert done.code == 0
        assert command.missing(done.out) == [], done.out
        assert len(done.out.splitlines()) == len(command.shown)


def written(value: object) -> str:
    """Return a number as the tables have it."""
    if value is None:
        return "off"
    if isinstance(value, float):
        return f"{value:g} s"
    assert isinstance(value, int)
    for size, unit in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if value >= size:
            return f"{value // size} {unit}"
    return str(value)


def test_limits_and_timeouts() -> None:
    for defaults in (Limits(), Timeouts()):
        for field in fields(defaults):
            assert f"| `{field.name}` | {written(getattr(defaults, field.name))} |" in TEXT
