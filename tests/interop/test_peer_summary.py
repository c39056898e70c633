"""What all of this witnessed: which frames of the session a real daemon said, and which it was told."""

from __future__ import annotations

from typing import Final

import pytest

from ..lab import ReleaseName
from .tap import WITNESS, Direction

pytestmark = pytest.mark.ceph

_FRAMES: Final = (
    "CLIENT_IDENT",
    "SERVER_IDENT",
    "IDENT_MISSING_FEATURES",
    "SESSION_RECONNECT",
    "SESSION_RECONNECT_OK",
    "SESSION_RETRY",
    "SESSION_RETRY_GLOBAL",
    "SESSION_RESET(1)",
    "SESSION_RESET(0)",
    "WAIT",
    "MESSAGE",
    "ACK",
    "KEEPALIVE2",
    "KEEPALIVE2_ACK",
)

_WAYS: Final[tuple[Direction, ...]] = ("seen", "sent")

_NEVER: Final[dict[tuple[str, Direction], str]] = {}
"""What a daemon cannot be brought to, with the reason. Nothing, as it turned out."""

_FILES: Final = ("accepting", "dialling", "features", "races")


def table(release: ReleaseName) -> str:
    """Return how often each frame went which way."""
    head = f"{release:24}{'seen':>8}{'sent':>8}"
    rows = [f"{name:24}" + "".join(f"{WITNESS.counts[release, name, way]:8}" for way in _WAYS) for name in _FRAMES]
    return "\n".join([head, *rows])


def test_every_frame_was_seen_and_sent(request: pytest.FixtureRequest, release: ReleaseName) -> None:
    ran = {item.path.stem for item in request.session.items}
    if not all(f"test_peer_{name}" in ran for name in _FILES):
        pytest.skip("only a part of the conversations took place")
    print(table(release))
    missing = {(name, way) for name in _FRAMES for way in _WAYS if not WITNESS.counts[release, name, way]}
    assert missing == set(_NEVER)
