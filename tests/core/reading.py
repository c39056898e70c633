"""One direction of a connection, taken apart: the bytes of a banner, and of every frame, sealed and opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from msgr.core import Limits
from msgr.frame import Frame, FrameDecoder, Revision, Tag, crc_mode, secure_mode, tag_name

from .script import BANNER_SIZE

EXTENSION_AT: Final = 16
"""Which byte of a banner begins with bit 48: after eight of the signature, two of the length, and six of the word."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A frame, or a banner, which is none."""

    name: str
    wire: bytes
    frame: Frame | None = None

    @property
    def said(self) -> tuple[bytes, ...]:
        """What the frame says: its segments, opened."""
        return () if self.frame is None else tuple(map(bytes, self.frame.segments))


def read(wire: bytes, revision: Revision, *, secret: bytes | None, by_client: bool) -> list[Piece]:
    """Return all that one end sent.

    `secret` is that of the connection, where it went over to secure mode: a server behind its AUTH_DONE, a client of
    cephx behind its AUTH_REQUEST_MORE.
    """
    taken = bytearray()
    decoder = FrameDecoder(crc_mode(revision), Limits().session(), lambda _: None, taken.extend)
    decoder.feed(wire)
    decoder.take_raw(BANNER_SIZE)
    pieces = [Piece("banner", bytes(taken))]
    last = Tag.AUTH_REQUEST_MORE if by_client else Tag.AUTH_DONE
    taken.clear()
    while (frame := decoder.next_frame()) is not None:
        pieces.append(Piece(tag_name(frame.tag), bytes(taken), frame))
        taken.clear()
        if frame.tag == last and secret is not None:
            decoder.mode = secure_mode(revision, secret, client=not by_client)
    assert decoder.pending == 0
    return pieces
