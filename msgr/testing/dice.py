"""Dice that always fall the same way."""

from __future__ import annotations

from hashlib import blake2b


class FixedDice:
    """A stream of bytes that depends on the seed alone, wherever `dice` is asked for. Not for secrets.

    However it is read, it is one stream: three bytes and then five are the first eight.
    """

    __slots__ = ("_counter", "_ready", "_seed")

    def __init__(self, seed: int | str = 0) -> None:
        self._seed = f"{type(seed).__name__}:{seed}".encode()
        self._counter = 0
        self._ready = bytearray()

    def __call__(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        while len(self._ready) < size:
            block = blake2b(self._seed, salt=self._counter.to_bytes(16, "little"))
            self._ready += block.digest()
            self._counter += 1
        taken = bytes(self._ready[:size])
        del self._ready[:size]
        return taken
