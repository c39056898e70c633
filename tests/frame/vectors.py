"""Frames, modes and decoders as vectors ask for them."""

from __future__ import annotations

from typing import Any

from msgr.frame import Frame, FrameDecoder, FrameLimits, FrameMode, Preamble, Revision, crc_mode, secure_mode
from tests.vector_files import Vector

GENEROUS = FrameLimits((1 << 20, 1 << 20, 1 << 20, 1 << 20))


def admit_all(preamble: Preamble) -> None:
    """Let every frame in: which tags are legal is not a question of this floor."""


def mode_of(vector: Vector, *, sender: bool) -> FrameMode:
    """The mode that a vector names, at the end that sends or the one that receives."""
    revision = Revision(vector["revision"])
    if vector["mode"] == "crc":
        return crc_mode(revision)
    return secure_mode(revision, vector.octets("secret"), client=vector["dialled"] is sender)


def decoder_of(vector: Vector) -> FrameDecoder:
    """The decoder of the end that receives."""
    limits = vector.fields.get("limits")
    return FrameDecoder(mode_of(vector, sender=False), FrameLimits(tuple(limits)) if limits else GENEROUS, admit_all)


def sent(fields: dict[str, Any]) -> Frame:
    """The frame as its sender means it."""
    segments = tuple(bytes.fromhex(segment) for segment in fields["segments"])
    return Frame(fields["tag"], segments, fields["aborted"])


def received(fields: dict[str, Any]) -> Frame:
    """The frame as its receiver gets it: an aborted one has no content."""
    frame = sent(fields)
    return Frame(frame.tag, (), aborted=True) if frame.aborted else frame


def take_all(decoder: FrameDecoder) -> list[Frame]:
    """The frames that are complete."""
    return list(iter(decoder.next_frame, None))
