"""What all tests share. The quick suite is `pytest -m "not slow"`."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

pytest_plugins = ["tests.lab.fixtures"]

# The same examples on every run and machine; a time limit on one example would only tell how busy the machine is.
settings.register_profile("house", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("house")

# A shell without job control has what runs in the background ignore Ctrl-C, and our processes would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

HERE: Final = Path(__file__).parent
SLOW: Final = (
    "bench",
    "capture",
    "conformance",
    "dissector",
    "doctor",
    "interop",
    "lab",
    "net/accept",
    "standin",
    "cli/test_mon.py",
    "sessions_model/test_cuts_in_parts.py",
    "sessions_model/test_machine.py",
)
"""Rooms whose tests start daemons, wait for what does not come, or try thousands of ways: too long to be quick."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow by its place."""
    rooms = tuple(HERE / room for room in SLOW)
    for item in items:
        if any(room == item.path or room in item.path.parents for room in rooms):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="module", params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run every test marked `anyio` on both event loops."""
    backend: str = request.param
    return backend
