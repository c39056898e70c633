"""The plug-in in a file, and each tshark in turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from msgr.dissector import FILE_NAME, plugin
from tests.capture.sniff import need

from .sharks import SHARKS, Shark, shelf, written


@pytest.fixture(scope="session")
def lua() -> Iterator[Path]:
    """The plug-in, where every tshark can read it."""
    with shelf() as directory:
        yield written(directory / FILE_NAME, plugin())


@pytest.fixture
def desk() -> Iterator[Path]:
    """A directory for what a test makes, where every tshark can read it."""
    with shelf() as directory:
        yield directory


@pytest.fixture(params=SHARKS, ids=lambda shark: shark.name)
def shark(request: pytest.FixtureRequest) -> Shark:
    """Each tshark that is here."""
    found: Shark = request.param
    need(found.missing())
    return found
