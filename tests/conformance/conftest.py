"""What a run of the checker in this process is told."""

from __future__ import annotations

import pytest

from msgr.conformance import Settings


@pytest.fixture
def patient() -> Settings:
    """Settings for an honest peer on a busy machine, which ends its handshakes after a second."""
    return Settings(timeout=5.0, patience=4.0, wait=20.0)


@pytest.fixture
def brisk() -> Settings:
    """Settings for a peer that lies, and so for the most part does not answer."""
    return Settings(timeout=2.0, patience=3.0, wait=10.0)
