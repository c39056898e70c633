"""Frames in and out of one connection, in whatever mode it is in, and the transcripts that signatures cover."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..errors import BannerError, StateError
from ..frame import Algorithm, Frame, FrameCompressor, FrameDecoder, FrameMode, Preamble, Revision, crc_mode
from ..payload import Banner, banner
from ..wire import Octets
from .config import Limits
from .gate import Gate

_OPEN_BATCH: Final = 1 << 20
"""How many bytes of compressed frames are opened at once: behind a few bytes there may be any number of them."""


class Transport:
    """Bytes on one side, banner and frames on the other.

    Until `end_transcripts`, all bytes sent, and all bytes of what was taken from those received, are kept: what was
    only read ahead is not part of the transcript. With a `gate`, every frame passes it.
    """

    __slots__ = (
        "_decoder",
        "_gate",
        "_opened",
        "_out",
        "_received",
        "_sent",
        "output_bytes",
        "received_bytes",
        "sent_bytes",
    )

    def __init__(self, limits: Limits, admit: Callable[[Preamble], None], gate: Gate | None = None) -> None:
        self._gate = gate
        self._opened = 0
        self._sent = bytearray()
        self._received = bytearray()
        self._out: list[Octets] = []
        # The banner decides the revision; no frame is cut before that.
        self._decoder = FrameDecoder(crc_mode(Revision.REV1), limits.handshake(), admit, self._received.extend)
        self.output_bytes = 0
        """The bytes that wait for `data_to_send`."""
        self.received_bytes = 0
        """All bytes that came in, for error texts and figures."""
        self.sent_bytes = 0
        """All bytes that were queued to go out."""

    @property
    def mode(self) -> FrameMode:
        """How frames are protected; replaced as a whole."""
        return self._decoder.mode

    @mode.setter
    def mode(self, mode: FrameMode) -> None:
        self._decoder.mode = mode

    @property
    def compression(self) -> Algorithm | None:
        """How frames are compressed from now on, if they are."""
        compressor = self._decoder.compressor
        return None if compressor is None else compressor.algorithm

    def compress(self, algorithm: Algorithm, *, minimum: int) -> None:
        """Compress the frames that follow, if they have `minimum` bytes, and take compressed ones (COMPRESSION-4)."""
        self._decoder.compressor = FrameCompressor(algorithm, minimum)

    @property
    def is_sated(self) -> bool:
        """Whether so much was decompressed since bytes were fed that no more frames are cut before (COMPRESSION-12)."""
        return self._opened >= _OPEN_BATCH

    @property
    def in_frame(self) -> bool:
        """Whether the stream stands in the middle of a frame."""
        return self._decoder.awaiting is not None or self._decoder.pending > 0

    def open_session(self, limits: Limits) -> None:
        """Let in what a session may receive."""
        self._decoder.limits = limits.session()

    def feed(self, data: Octets) -> None:
        """Take bytes of the stream."""
        self._opened = 0
        self.received_bytes += len(data)
        self._decoder.feed(data)

    def space(self) -> memoryview:
        """Return where the bytes that come next belong, if they are the rest of one body; else it is empty."""
        return self._decoder.space()

    def filled(self, size: int) -> None:
        """Take note of so many bytes that were read into `space`."""
        self._opened = 0
        self.received_bytes += size
        self._decoder.filled(size)

    def send_banner(self, own: Banner) -> None:
        """Queue our banner."""
        self._queue([own.to_wire()])

    def next_banner(self, limits: Limits) -> Banner | None:
        """Return the peer's banner, or None while it is not complete; raises BannerError."""
        head = self._decoder.peek(banner.HEAD_SIZE)
        banner.check_prefix(head)
        if len(head) < banner.HEAD_SIZE:
            return None
        size = banner.payload_size(head)
        if size > limits.banner:
            raise BannerError(f"a banner payload of {size} bytes, {limits.banner} are allowed", rule="BANNER-2")
        raw = self._decoder.take_raw(banner.HEAD_SIZE + size)
        return None if raw is None else Banner.of_wire(raw)

    def next_frame(self) -> Frame | None:
        """Return the next frame, or None while it is not complete, or enough was opened; raises FrameError."""
        decoder = self._decoder
        if self._gate is None and decoder.compressor is None:  # as it is for most
            return decoder.next_frame()
        if self.is_sated:
            return None
        frame = decoder.next_frame() if self._gate is None else self._gate.handling(decoder.next_frame)
        if decoder.compressor is not None and frame is not None:
            self._opened += frame.size
        return frame

    def send(self, frame: Frame) -> int:
        """Queue a frame, compressed and sealed in the present mode; returns its size in bytes.

        Of one that was compressed to less it is the size before, as the work was for that.
        """
        if self._gate is not None:
            self._gate.sending(frame)
        compressor = self._decoder.compressor
        sealed = frame if compressor is None else compressor.pack(frame)
        size = self._queue(self.mode.seal(sealed))
        return max(size, frame.size) if sealed.compressed else size

    def send_batch(self, pull: Callable[[], Frame | None], budget: int) -> None:
        """Queue the frames that `pull` returns, until it returns None or they have `budget` bytes; raises as `send`."""
        decoder, gate = self._decoder, self._gate
        if gate is not None or decoder.compressor is not None or decoder.tap is not None:
            while budget > 0 and (gate is None or not gate.closed) and (frame := pull()) is not None:
                budget -= self.send(frame)
            return
        # The same, with nobody to ask about each frame, and the sums made once: most messages are small and many.
        seal, out, size = decoder.mode.seal, self._out, 0
        try:
            while size < budget and (frame := pull()) is not None:
                pieces = seal(frame)
                for piece in pieces:
                    size += len(piece)
                out += pieces
        finally:
            self.output_bytes += size
            self.sent_bytes += size

    def _queue(self, pieces: list[Octets]) -> int:
        if self._decoder.tap is not None:
            self._sent += b"".join(pieces)
        size = sum(map(len, pieces))
        self._out += pieces
        self.output_bytes += size
        self.sent_bytes += size
        return size

    def end_transcripts(self) -> tuple[bytes, bytes]:
        """Return all bytes received and all bytes sent so far, and keep no more of them."""
        transcripts = bytes(self._received), bytes(self._sent)
        self._decoder.tap = None
        self._received, self._sent = bytearray(), bytearray()
        return transcripts

    def data_to_send(self) -> list[Octets]:
        """Return the pieces that are to be written, in order, and forget them."""
        if self._gate is not None and self._gate.closed:
            return []
        out = self._out
        self.discard()
        return out

    def discard(self) -> None:
        """Forget what was to be written."""
        self._out = []
        self.output_bytes = 0

    def end(self) -> None:
        """Forget it for good, and who was shown the preambles: nothing comes in any more."""
        self.discard()
        self._decoder.admit = _admit_nothing


def _admit_nothing(preamble: Preamble) -> None:
    raise StateError(f"a frame of {preamble.tag} after the end")
