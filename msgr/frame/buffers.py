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


def _oldest(kept: deque[bytearray]) -> tuple[bytearray, int]:
    """Take out the buffer that was not asked for for the longest time, and count who refers to it."""
    buffer = kept.popleft()
    return buffer, sys.getrefcount(buffer)


def _unheld() -> int:
    """Return the count for one that nobody else refers to, which differs among Pythons; 0 where counts cannot tell."""
    if not hasattr(sys, "getrefcount") or not getattr(sys, "_is_gil_enabled", lambda: True)():
        return 0
    _, count = _oldest(deque([bytearray(1)]))
    held = bytearray(1)
    view = memoryview(held)
    kept = deque([held])
    del held
    _, more = _oldest(kept)
    view.release()
    return count if more > count else 0


_UNHELD: Final = _unheld()


class Buffers:
    """Keeps buffers, the one that was asked for last at the end."""

    __slots__ = ("_kept", "_size")

    def __init__(self) -> None:
        self._kept: deque[bytearray] = deque()
        self._size = 0

    def take(self, size: int) -> memoryview:
        """Return a buffer of `size` bytes, whose content is anything; it is free again when no view of it is left."""
        for _ in range(len(self._kept)):
            buffer, count = _oldest(self._kept)
            self._kept.append(buffer)
            if count == _UNHELD and size <= len(buffer) <= 2 * size:
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
