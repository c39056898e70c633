"""Cuts frames from a stream of bytes, whatever the pieces in which it comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..errors import FrameError
from ..wire import Octets
from .buffers import BUFFERS
from .compression import FrameCompressor
from .mode import LARGE, Frame, FrameMode, Head
from .preamble import FrameLimits, Preamble
from .tag import tag_name

_AHEAD: Final = 8 << 20
"""How many bytes of a body are allocated at most before as many have come: a length is a claim."""
_NOWHERE: Final = memoryview(b"")


class FrameDecoder:
    """Feed it bytes, pull frames.

    A frame's lengths are held against `limits`, and its preamble is shown to `admit`, before any byte of its body is
    waited for (FRAME-9). Where the mode cannot verify a preamble early, `admit` sees it only with the whole frame. That
    of a compressed frame it sees twice: as it came, and with the lengths that the segments turned out to have.
    `mode`, `compressor`, `limits`, `admit` and `tap` may be replaced between frames; what was read ahead stays raw
    until it is asked for. `tap` is shown the raw bytes of each frame as it is taken.

    What is fed is not copied as long as whole frames can be cut from it. A body that does not come whole gets a buffer
    of its own, which `space` offers to whoever can read straight into it.

    After an error the decoder is in no state to go on: the stream has no place to resynchronise.
    """

    __slots__ = (
        "_body",
        "_data",
        "_filled",
        "_head",
        "_limits",
        "_start",
        "_view",
        "_within",
        "admit",
        "compressor",
        "mode",
        "tap",
    )

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
        self._limits = limits
        self._within: Preamble | None = None  # the last one that was found to be within them
        self.tap = tap
        self.admit = admit
        self._data = b""
        self._view = memoryview(b"")  # of that, to cut without copying
        self._start = 0
        self._head: Head | None = None
        self._body: memoryview | None = None
        self._filled = 0

    @property
    def limits(self) -> FrameLimits:
        """How long the segments of the frames that follow may be."""
        return self._limits

    @limits.setter
    def limits(self, limits: FrameLimits) -> None:
        self._limits = limits
        self._within = None

    @property
    def pending(self) -> int:
        """How many bytes were fed that belong to no frame taken yet."""
        return len(self._data) - self._start + self._filled

    @property
    def awaiting(self) -> Preamble | None:
        """The preamble whose body is not complete, if there is one."""
        return None if self._head is None else self._head.preamble

    def feed(self, data: Octets) -> None:
        """Take more bytes of the stream."""
        if self._body is not None:
            data = self._fill(memoryview(data))
        if self._start < len(self._data):
            data = self._data[self._start :] + data
        self._data = data if isinstance(data, bytes) else bytes(data)
        self._view = memoryview(self._data)
        self._start = 0

    def _fill(self, data: memoryview) -> memoryview:
        """Put what belongs there into the buffer of a body, and return the rest."""
        while len(data) and len(space := self.space()):
            size = min(len(space), len(data))
            space[:size] = data[:size]
            self._filled += size
            data = data[size:]
        return data

    def space(self) -> memoryview:
        """Return where the bytes that come next belong; empty where that is not known, and they have to be fed."""
        body, head = self._body, self._head
        if body is None or head is None:
            return _NOWHERE
        if self._filled == len(body) < head.body_size:
            grown = BUFFERS.take(min(head.body_size, 2 * len(body)))
            grown[: self._filled] = body
            self._body = body = grown
        return body[self._filled :]

    def filled(self, size: int) -> None:
        """Take note that so many bytes were read into the front of `space`."""
        self._filled += size

    def peek(self, size: int) -> bytes:
        """Return the next bytes of the stream, `size` at most, without taking them."""
        return self._data[self._start : self._start + size]

    def take_raw(self, size: int) -> bytes | None:
        """Take `size` bytes as they are (the banner is no frame), or None while fewer are there."""
        start = self._start
        end = start + size
        raw = self._data[start:end]
        if len(raw) < size:
            return None
        self._start = end
        if self.tap is not None:
            self.tap(raw)
        return raw

    def next_frame(self) -> Frame | None:
        """Return the next frame, or None while it is not complete; raises FrameError and what `admit` raises."""
        mode, head = self.mode, self._head
        if head is None:
            start = self._start
            end = start + mode.head_size
            if end > len(self._data):
                return None
            raw = self._data[start:end]
            self._start = end
            if self.tap is not None:
                self.tap(raw)
            head = mode.open_head(raw)
            preamble = head.preamble
            if preamble is not self._within:  # those that come often are remembered, and are the same object
                self._limits.check(preamble)
                self._within = preamble
            if head.verified:
                self._let_in(preamble)
            self._head = head
        start = self._start
        end = start + head.body_size
        body: memoryview | None
        if self._body is None and end <= len(self._data):  # it came whole, as most do
            body = self._view[start:end]
            self._start = end
        else:
            body = self._filled_body(head.body_size)
            if body is None:
                return None
        if self.tap is not None:
            self.tap(body)
        frame = mode.open_body(head, body)
        self._head = None
        if not head.verified:
            self._let_in(head.preamble)
        if self.compressor is None or not frame.compressed:
            return frame
        plain = self.compressor.unpack(frame, self._limits)
        self.admit(Preamble(plain.tag, tuple(map(len, plain.segments))))
        return plain

    def _filled_body(self, size: int) -> memoryview | None:
        """Return a body of `size` bytes from the buffer of its own that it gets, or None while it is not complete."""
        if self._body is None:
            self._body = BUFFERS.take(min(size, _AHEAD)) if size >= LARGE else memoryview(bytearray(size))
            self._filled = 0
            self._fill(self._view[self._start :])
            self._start = len(self._data)
        if self._filled < size:
            return None
        body, self._body, self._filled = self._body, None, 0
        return body

    def _let_in(self, preamble: Preamble) -> None:
        self.admit(preamble)
        if self.compressor is None and preamble.compressed:
            raise FrameError(f"{tag_name(preamble.tag)} says it is compressed; that was not agreed", rule="FRAME-8")
