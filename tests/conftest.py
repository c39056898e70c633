"""What all tests share. The quick suite is `pytest -m "not slow"`."""

from __future__ import annotations

import gc
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
    "cli/test_processes.py",
    "core/test_flips.py",
    "mon/test_conf_witness.py",
    "mon/test_grammar_witness.py",
    "net/test_backoff.py",
    "net/test_dead_peers.py",
    "net/test_nodes_again.py",
    "net/test_nodes_reverse.py",
    "scenarios/test_cuts.py",
    "scenarios/test_killed.py",
    "sessions_model/test_cuts_in_parts.py",
    "sessions_model/test_machine.py",
    "vectors/test_examples.py",
)
"""Rooms whose tests start daemons or many processes, wait for what does not come, or try thousands of ways: too long
to be quick.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow by its place."""
    rooms = {HERE / room for room in SLOW}
    slow = {path for path in {item.path for item in items} if not rooms.isdisjoint((path, *path.parents))}
    for item in items:
        if item.path in slow:
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let the garbage collector leave alone what lives to the end: looking through it took 0.4 s each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run every test marked `anyio` on both event loops."""
    backend: str = request.param
    return backend
