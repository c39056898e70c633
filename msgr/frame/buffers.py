"""Large buffers that are used again.

To make a buffer of megabytes costs more than to encrypt what it is for: fresh memory comes from the system page by
page. So a few are kept, and given out again as soon as nobody else holds them or a view of them: a user who keeps a
message keeps its buffer, and gets no other's bytes.
"""

from __future__ import annotations

import sys
from collections import deque
from typing import Final

_KEPT: Final = 32 << 20
"""Bytes that are kept at most, by all connections of the process together."""
_LARGEST: Final = 16 << 20
_UNHELD: Final = 2
"""What `sys.getrefcount` counts where nobody holds a buffer: the variable here, and its own argument."""


class Buffers:
    """Keeps buffers, the one that was asked for last at the end."""

    __slots__ = ("_kept", "_size")

    def __init__(self) -> None:
        self._kept: deque[bytearray] = deque()
        self._size = 0

    def take(self, size: int) -> memoryview:
        """Return a buffer of `size` bytes, whose content is anything; it is free again when no view of it is left."""
        for _ in range(len(self._kept)):
            buffer = self._kept.popleft()
            fits = size <= len(buffer) <= 2 * size and sys.getrefcount(buffer) == _UNHELD
            self._kept.append(buffer)
            if fits:
                return memoryview(buffer)[:size]
        fresh = bytearray(size)
        if size <= _LARGEST:
            self._kept.append(fresh)
            self._size += size
            while self._size > _KEPT:
                self._size -= len(self._kept.popleft())
        return memoryview(fresh)


BUFFERS: Final = Buffers()
"""Those of the process."""
