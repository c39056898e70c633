"""A reading position in bytes that a peer sent; it moves forward only and has one way to fail."""

from __future__ import annotations

from struct import Struct
from typing import Any, TypeAlias

from ..errors import ShortRead

Octets: TypeAlias = bytes | bytearray | memoryview
"""Anything that holds bytes."""


class Reader:
    """Reads values off the front of `data`.

    Raises ShortRead, and nothing else, when a value needs more bytes than are left; the position then stays.
    """

    __slots__ = ("_data", "_end", "_position")

    def __init__(self, data: Octets) -> None:
        self._data = memoryview(data)
        self._position = 0
        self._end = len(self._data)

    @property
    def left(self) -> int:
        """How many bytes have not been read."""
        return self._end - self._position

    def view(self, size: int) -> memoryview:
        """Read `size` bytes without copying them."""
        start = self._position
        if size > self._end - start:
            raise ShortRead(needed=size, left=self._end - start)
        self._position = start + size
        return self._data[start : start + size]

    def unpack(self, layout: Struct) -> tuple[Any, ...]:
        """Read the values of fixed size that `layout` names."""
        start, size = self._position, layout.size
        if size > self._end - start:
            raise ShortRead(needed=size, left=self._end - start)
        self._position = start + size
        return layout.unpack_from(self._data, start)

    def take(self, size: int) -> bytes:
        """Read `size` bytes."""
        return bytes(self.view(size))

    def rest(self) -> bytes:
        """Read all that is left."""
        return self.take(self.left)

    def number(self, size: int) -> int:
        """Read an unsigned little-endian number of `size` bytes."""
        return int.from_bytes(self.view(size), "little")

    def within(self, size: int) -> Reader:
        """Read `size` bytes as a reader of their own, so that nothing inside can reach beyond them."""
        return Reader(self.view(size))
