"""What one process knows about its own node and those that came: what handshakes share."""

from __future__ import annotations

from collections import Counter
from collections.abc import MutableMapping
from dataclasses import replace
from typing import Final, TypeAlias, TypeVar

from ..payload import NodeHello, Program
from .node import Node
from .reverse import ReverseChecks

_REMEMBERED: Final = 65_536

_Age: TypeAlias = tuple[float, int]
"""When a process started, and the number of its handshake."""

V = TypeVar("V")


class Membership:
    """Our node, which may change while it runs, and the last handshake of every node that came.

    `checks` are the cookies of handshakes that are under way.
    """

    def __init__(self, node: Node, checks: ReverseChecks | None = None) -> None:
        self.node = node
        """Who we are; what is put here holds from the next handshake on."""
        self.checks = ReverseChecks() if checks is None else checks
        self.rejected: Counter[str] = Counter()
        """How many nodes were not let in, by rule."""
        self._serial = 0
        self._last: dict[int, _Age] = {}
        self._latecomers: dict[int, _Age] = {}
        self._warned: dict[int, None] = {}

    def next_program(self) -> Program:
        """Return which process this is, with the number of this handshake."""
        self._serial += 1
        return replace(self.node.program, serial=self._serial)

    def is_news(self, hello: NodeHello) -> bool:
        """Tell whether a handshake is later than the last one of that node that was let in (NODE-12).

        A process that seems to have started earlier, and comes again, did not: its clock was set back.
        """
        started, serial = age = _age(hello)
        last = self._last.get(hello.node)
        if last is None or not serial or age > last:
            return True
        before = self._latecomers.get(hello.node)
        if before is not None and started == before[0] != last[0] and serial > before[1]:
            return True
        _remember(self._latecomers, hello.node, age)
        return False

    def note(self, hello: NodeHello) -> None:
        """Note that a node was let in."""
        if hello.node and hello.program.serial:
            self._latecomers.pop(hello.node, None)
            _remember(self._last, hello.node, _age(hello))

    def warns_about(self, node: int) -> bool:
        """Tell whether to warn about a node: the first time."""
        if node in self._warned:
            return False
        _remember(self._warned, node, None)
        return True


def _age(hello: NodeHello) -> _Age:
    return float(hello.program.started), hello.program.serial


def _remember(table: MutableMapping[int, V], key: int, value: V) -> None:
    """Enter a value, and let the oldest go where the table is full: strangers do not fill our memory."""
    table.pop(key, None)
    if len(table) >= _REMEMBERED:
        table.pop(next(iter(table)))
    table[key] = value
