"""The bytes of one direction that are not understood yet, and when each of them came."""

from __future__ import annotations

from collections import deque


class Trail:
    """Feed it pieces of a stream, take bytes off its front."""

    __slots__ = ("_buffer", "_ends", "_fed", "_start", "time")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._start = 0
        self._fed = 0
        self._ends: deque[tuple[int, float]] = deque()
        self.time = 0.0
        """When the last byte that was taken was there, with all before it."""

    def __len__(self) -> int:
        return len(self._buffer) - self._start

    @property
    def position(self) -> int:
        """How many bytes were taken."""
        return self._fed - len(self)

    def feed(self, time: float, data: bytes) -> None:
        """Append bytes that came at this time."""
        if self._start > len(self._buffer) >> 1:
            del self._buffer[: self._start]
            self._start = 0
        self._buffer += data
        self._fed += len(data)
        self._ends.append((self._fed, time))

    def peek(self, size: int) -> bytes:
        """Return the next bytes, `size` at most, without taking them."""
        return bytes(memoryview(self._buffer)[self._start : self._start + size])

    def take(self, size: int) -> bytes:
        """Take up to `size` bytes."""
        data = self.peek(size)
        self._start += len(data)
        end = self.position
        while self._ends and self._ends[0][0] < end:
            self._ends.popleft()
        if data:
            self.time = max(self.time, self._ends[0][1])  # a late packet holds up what came before it
        return data
