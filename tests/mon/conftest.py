"""What must hold after every test of this package."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.net.leaks import Resources


@pytest.fixture
async def nothing_left() -> AsyncIterator[None]:
    """Check that a test leaves no task and no descriptor behind."""
    before = Resources.now()
    yield
    await before.again()
