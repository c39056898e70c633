"""Cuts frames from a stream of bytes, whatever the pieces in which it comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..errors import FrameError
from ..wire import Octets
from .compression import FrameCompressor
from .mode import Frame, FrameMode, Head
from .preamble import FrameLimits, Preamble
from .tag import tag_name

_COMPACT_AT: Final = 1 << 16


class FrameDecoder:
    """Feed it bytes, pull frames.

    A frame's lengths are held against `limits`, and its preamble is shown to `admit`, before any byte of its body is
    waited for (FRAME-9). Where the mode cannot verify a preamble early, `admit` sees it only with the whole frame. That
    of a compressed frame it sees twice: as it came, and with the lengths that the segments turned out to have.
    `mode`, `compressor`, `limits` and `tap` may be replaced between frames; what was read ahead stays raw until it is
    asked for. `tap` is shown the raw bytes of each frame as it is taken.

    After an error the decoder is in no state to go on: the stream has no place to resynchronise.
    """

    __slots__ = ("_admit", "_buffer", "_head", "_start", "compressor", "limits", "mode", "tap")

    def __init__(
        self,
        mode: FrameMode,
        limits: FrameLimits,
        admit: Callable[[Preamble], None],
        tap: Callable[[Octets], object] | None = None,
    ) -> None:
        self.mode = mode
        self.compressor: FrameCompressor | None = None
        """What was agreed; without it, a compressed frame is refused (FRAME-8)."""
        self.limits = limits
        self.tap = tap
        self._admit = admit
        self._buffer = bytearray()
        self._start = 0
        self._head: Head | None = None

    @property
    def pending(self) -> int:
        """How many bytes were fed that belong to no frame taken yet."""
        return len(self._buffer) - self._start

    @property
    def awaiting(self) -> Preamble | None:
        """The preamble whose body is not complete, if there is one."""
        return None if self._head is None else self._head.preamble

    def feed(self, data: Octets) -> None:
        """Take more bytes of the stream."""
        if self._start >= _COMPACT_AT or self._start == len(self._buffer):
            del self._buffer[: self._start]
            self._start = 0
        self._buffer += data

    def peek(self, size: int) -> bytes:
        """Return the next bytes of the stream, `size` at most, without taking them."""
        with memoryview(self._buffer) as whole:
            return bytes(whole[self._start : self._start + size])

    def take_raw(self, size: int) -> bytes | None:
        """Take `size` bytes as they are (the banner is no frame), or None while fewer are there."""
        if self.pending < size:
            return None
        raw = self.peek(size)
        self._start += size
        if self.tap is not None:
            self.tap(raw)
        return raw

    def next_frame(self) -> Frame | None:
        """Return the next frame, or None while it is not complete; raises FrameError and what `admit` raises."""
        head = self._head
        if head is None:
            raw = self.take_raw(self.mode.head_size)
            if raw is None:
                return None
            head = self._head = self._open_head(raw)
        end = self._start + head.body_size
        if len(self._buffer) < end:
            return None
        try:
            with memoryview(self._buffer) as whole, whole[self._start : end] as body:
                if self.tap is not None:
                    self.tap(body)
                frame = self.mode.open_body(head, body)
        except Exception:
            # Its traceback may hold views of the buffer, which could then not take another byte.
            self._buffer, self._start = bytearray(), 0
            raise
        self._start = end
        self._head = None
        if not head.verified:
            self._let_in(head.preamble)
        if not frame.compressed or self.compressor is None:
            return frame
        plain = self.compressor.unpack(frame, self.limits)
        self._admit(Preamble(plain.tag, tuple(map(len, plain.segments))))
        return plain

    def _open_head(self, raw: bytes) -> Head:
        head = self.mode.open_head(raw)
        self.limits.check(head.preamble)
        if head.verified:
            self._let_in(head.preamble)
        return head

    def _let_in(self, preamble: Preamble) -> None:
        self._admit(preamble)
        if preamble.compressed and self.compressor is None:
            raise FrameError(f"{tag_name(preamble.tag)} says it is compressed; that was not agreed", rule="FRAME-8")
