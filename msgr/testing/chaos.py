"""What shall happen to the bytes of a connection: settings, and the script that follows from them and a seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum, unique
from random import Random
from typing import Final, TypeAlias

from ..errors import ConfigError

EARLY: Final = 4096
"""Within how many bytes a connection is cut that is cut early: about the length of a handshake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chaos:
    """How much disorder there is. Each number is a mean, and 0 means never.

    What is counted in bytes happens at offsets of the stream that the seed decides, however the bytes arrive: the same
    bytes meet the same fate again. `cuts_per_second` alone goes by the time.
    """

    seed: int = 0
    cuts_per_second: float = 0.0
    """How often each connection is cut, by the clock."""
    cut_every: int = 0
    """Bytes, in one direction, until a connection is cut."""
    cut_early: float = 0.0
    """The share of connections that are cut within their first 4096 bytes, so within a handshake."""
    reset_share: float = 0.5
    """The share of cuts that are an RST; the others are a FIN."""
    split_every: int = 0
    """Bytes between two places where what arrived together is passed on apart."""
    merge_every: int = 0
    """Bytes between two places where what arrived is kept until more has arrived."""
    longest_merge: float = 0.003
    """Seconds that it is kept at most."""
    delay_every: int = 0
    """Bytes between two delays."""
    longest_delay: float = 0.01
    """Seconds that a delay takes at most."""
    corrupt_every: int = 0
    """Bytes between two that are changed."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if name != "seed" and getattr(self, name) < 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it cannot be negative")
        for name in ("cut_early", "reset_share"):
            if getattr(self, name) > 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; a share is at most 1")


@dataclass(slots=True)
class ChaosStats:
    """What was done so far."""

    connections: int = 0
    """Connections that were taken."""
    failed: int = 0
    """Connections that led nowhere: the target did not answer, or there was none."""
    bytes: int = 0
    """Bytes that were passed on, in both directions."""
    cuts: int = 0
    """Connections that were cut, politely or rudely."""
    resets: int = 0
    """Those that were cut with an RST."""
    splits: int = 0
    merges: int = 0
    delays: int = 0
    corruptions: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes to pass on."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Split:
    """What comes next is passed on apart from what came before."""


@dataclass(frozen=True, slots=True)
class Merge:
    """What comes next is kept until more arrives."""


@dataclass(frozen=True, slots=True)
class Delay:
    """Nothing is passed on for some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection ends, with an RST where `reset`."""

    reset: bool


Step: TypeAlias = Piece | Split | Merge | Delay | Cut


@unique
class _Deed(IntEnum):
    SPLIT = 0
    MERGE = 1
    DELAY = 2
    CORRUPT = 3
    CUT = 4


class Script:
    """The fate of the bytes of one direction of one connection: a function of the seed and of their offsets.

    `connection` counts the connections of a link, `way` is 0 from the one who dialled and 1 towards it.
    """

    __slots__ = ("_chaos", "_dice", "_next", "_offset", "corruptions", "over")

    def __init__(self, chaos: Chaos, *, connection: int = 0, way: int = 0) -> None:
        self.over = False
        """Whether the connection was cut."""
        self.corruptions = 0
        """How many bytes were changed."""
        self._chaos = chaos
        self._dice = Random(f"{chaos.seed}/{connection}/{way}")
        self._offset = 0
        self._next: dict[_Deed, int] = {}
        for deed in _Deed:
            self._plan(deed)
        # Both directions throw the same dice here, and one of them is chosen.
        early = Random(f"{chaos.seed}/{connection}/early")
        if early.random() < chaos.cut_early and early.randrange(2) == way:
            self._next[_Deed.CUT] = early.randrange(1, EARLY)

    def feed(self, data: bytes) -> Iterator[Step]:
        """Yield what happens to the next bytes of the stream, in order. After a Cut there is no more."""
        rest = bytearray(data)
        while rest and not self.over:
            deed = min(self._next, key=lambda each: (self._next[each], each), default=None)
            until = None if deed is None else self._next[deed] - self._offset
            if deed is None or until is None or until >= len(rest):
                self._offset += len(rest)
                yield Piece(bytes(rest))
                return
            if until:
                self._offset += until
                yield Piece(bytes(rest[:until]))
                del rest[:until]
            yield from self._do(deed, rest)

    def _do(self, deed: _Deed, rest: bytearray) -> Iterator[Step]:
        """Do what is due before the first byte of `rest`."""
        self._plan(deed)
        if deed is _Deed.SPLIT:
            yield Split()
        elif deed is _Deed.MERGE:
            yield Merge()
        elif deed is _Deed.DELAY:
            yield Delay(self._dice.uniform(0, self._chaos.longest_delay))
        elif deed is _Deed.CORRUPT:
            rest[0] ^= self._dice.randrange(1, 256)
            self.corruptions += 1
        else:
            self.over = True
            yield Cut(self._dice.random() < self._chaos.reset_share)

    def _plan(self, deed: _Deed) -> None:
        chaos = self._chaos
        means = (chaos.split_every, chaos.merge_every, chaos.delay_every, chaos.corrupt_every, chaos.cut_every)
        if mean := means[deed]:
            self._next[deed] = self._offset + 1 + int(self._dice.expovariate(1 / mean))
