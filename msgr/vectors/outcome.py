"""How a check says that a vector does not hold, and what checks share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from ..errors import MsgrError
from .files import Vector

SIZES: Final = (1 << 20, 1, 7)
"""In pieces of how many bytes a wire is fed: in one, byte by byte, in sevens."""
_LONGEST: Final = 300


class Mismatch(Exception):
    """A vector does not hold."""


def expect(what: str, found: object, expected: object) -> None:
    """Check that what was found is what a vector says; raises Mismatch."""
    if found != expected:
        raise Mismatch(f"{what} is {_short(found)}, not {_short(expected)}")


def _short(value: object) -> str:
    text = value.hex() if isinstance(value, bytes) else repr(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def expect_refusal(vector: Vector, act: Callable[[], Any], *others: str) -> None:
    """Check that `act` refuses as a vector says: exactly that exception, over its rule or one of `others`.

    Raises Mismatch.
    """
    try:
        found = act()
    except MsgrError as error:
        check_error(vector, error, *others)
    else:
        raise Mismatch(f"accepted as {_short(found)}; {vector['error']} [{vector.rule}] was due")


def expect_valid(vector: Vector) -> None:
    """Check that a vector is valid where there is no way to be anything else; raises Mismatch."""
    expect("the result", vector["result"], "valid")


def check_error(vector: Vector, error: MsgrError | None, *others: str) -> None:
    """Check that an error is the one that a vector names; raises Mismatch."""
    rule = getattr(error, "rule", None)
    if type(error) is not vector.error or rule not in (vector.rule, None, *others):
        raise Mismatch(f"{type(error).__name__} ({error}); {vector['error']} [{vector.rule}] was due")


def pieces(wire: bytes, size: int) -> Iterator[bytes]:
    """Cut `wire` in pieces of `size` bytes."""
    for start in range(0, len(wire), size):
        yield wire[start : start + size]


class LoadedDice:
    """Dice that show the bytes given, and no more."""

    def __init__(self, shown: bytes) -> None:
        self._left = shown

    def __call__(self, size: int) -> bytes:
        """Return the next `size` bytes; raises Mismatch where the vector has fewer."""
        if size > len(self._left):
            raise Mismatch(f"{size} bytes of dice are thrown, the vector has {len(self._left)} left")
        thrown, self._left = self._left[:size], self._left[size:]
        return thrown

    @property
    def left(self) -> int:
        """How many bytes were not thrown yet."""
        return len(self._left)
