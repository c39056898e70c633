"""Which frames may come now: decided by the preamble, before a byte of the rest is waited for."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import FrameError, PeerError, UnexpectedFrame
from ..frame import NodeTag, Preamble, Tag, tag_name
from ..payload import HEADER_SIZE
from .common import Handler
from .states import Ready, State


def check_preamble(preamble: Preamble, state: State, row: Mapping[int, Handler]) -> None:
    """Refuse a frame by its preamble alone, where the state does not take it (STATE-1)."""
    if preamble.tag not in row:
        name = type(state).__name__
        raise UnexpectedFrame(got=tag_name(preamble.tag), allowed=(tag_name(tag) for tag in row), state=name)
    if preamble.tag == Tag.MESSAGE:
        if preamble.lengths[0] != HEADER_SIZE and not preamble.compressed:  # else it comes again, decompressed
            raise PeerError(f"a message header of {preamble.lengths[0]} bytes, not {HEADER_SIZE}", rule="MESSAGE-1")
    elif preamble.tag == NodeTag.MESSAGE_PART:
        assert isinstance(state, Ready)  # no other takes it
        state.session.traffic.admit_part(preamble.lengths, compressed=preamble.compressed)
    elif len(preamble.lengths) != 1:
        segments = len(preamble.lengths)
        raise FrameError(f"{tag_name(preamble.tag)} with {segments} segments, it has one", rule="FRAME-14")
