"""Frames, modes and decoders as vectors ask for them."""

from __future__ import annotations

from msgr.frame import Frame, FrameDecoder
from msgr.vectors.frames import GENEROUS, admit_all, decoder_of, mode_of, received, sent

__all__ = ["GENEROUS", "admit_all", "decoder_of", "mode_of", "received", "sent", "take_all"]


def take_all(decoder: FrameDecoder) -> list[Frame]:
    """The frames that are complete."""
    return list(iter(decoder.next_frame, None))
