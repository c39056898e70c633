"""Which frames may come now: decided by the preamble, before a byte of the rest is waited for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..errors import FrameError, PeerError, UnexpectedFrame
from ..frame import NodeTag, Preamble, Tag, tag_name
from ..payload import HEADER_SIZE
from .common import Handler
from .states import Ready, State

_MESSAGE: Final = Tag.MESSAGE  # the one member there is: what was decoded is compared by identity, which is cheaper


def check_preamble(preamble: Preamble, state: State, row: Mapping[int, Handler]) -> None:
    """Refuse a frame by its preamble alone, where the state does not take it (STATE-1)."""
    tag, lengths, compressed = preamble
    if tag not in row:
        name = type(state).__name__
        raise UnexpectedFrame(got=tag_name(tag), allowed=(tag_name(allowed) for allowed in row), state=name)
    if tag is _MESSAGE:
        if lengths[0] != HEADER_SIZE and not compressed:  # else it comes again, decompressed
            raise PeerError(f"a message header of {lengths[0]} bytes, not {HEADER_SIZE}", rule="MESSAGE-1")
    elif tag == NodeTag.MESSAGE_PART:
        assert isinstance(state, Ready)  # no other takes it
        state.session.traffic.admit_part(lengths, compressed=compressed)
    elif len(lengths) != 1:
        raise FrameError(f"{tag_name(tag)} with {len(lengths)} segments, it has one", rule="FRAME-14")
