"""Frames, and streams of them cut anywhere."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st

from msgr.frame import Frame, FrameMode, Revision, crc_mode, secure_mode

SECRET = bytes(range(64))

# The lengths at which padding and the inline part change, and anything between.
SEGMENTS = st.sampled_from([0, 1, 15, 16, 17, 47, 48, 49, 63, 64, 65]).flatmap(
    lambda size: st.binary(min_size=size, max_size=size)
) | st.binary(max_size=300)

frames = st.builds(
    lambda tag, segments: Frame.of(tag, *segments), st.integers(0, 255), st.lists(SEGMENTS, min_size=1, max_size=4)
)

MODES = [(name, revision) for name in ("crc", "secure") for revision in Revision]
MODE_IDS = [f"{name}-{revision}" for name, revision in MODES]


def mode_pair(name: str, revision: Revision) -> tuple[FrameMode, FrameMode]:
    """The two ends of one connection: the one that dialled, and the other."""
    if name == "crc":
        return crc_mode(revision), crc_mode(revision)
    return secure_mode(revision, SECRET, client=True), secure_mode(revision, SECRET, client=False)


def cut(wire: bytes, places: list[int]) -> list[bytes]:
    """`wire` in pieces, cut at `places`."""
    edges = [0, *sorted(place % (len(wire) + 1) for place in places), len(wire)]
    return [wire[start:end] for start, end in pairwise(edges)]
