"""Every test here is watched for what it shows to work with a real peer: see `sightings` and `matrix`."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

import pytest

from .matrix import CACHE
from .sightings import Sighting, Watch, watching

HERE: Final = Path(__file__).parent
PAGE_TEST: Final = "test_the_page_is_what_this_run_saw"
PROGRAMS: Final = frozenset({"test_perf_msgr", "test_perf_compression"})
"""The tests whose peers are Ceph's messenger programs."""

_WATCH: Final = pytest.StashKey[Watch]()


class Run:
    """What one run of the tests saw."""

    def __init__(self) -> None:
        self.complete = False
        """Whether all files of this directory are among what runs, and the real Ceph may not be missing."""
        self.deselected = False
        self.sightings: set[Sighting] = set()

    @property
    def whole(self) -> bool:
        """Whether every test of this directory runs."""
        return self.complete and not self.deselected


RUN: Final = Run()


@pytest.fixture
def run() -> Run:
    """The run that is under way."""
    return RUN


@pytest.fixture(autouse=True)
def watch(request: pytest.FixtureRequest) -> Iterator[None]:
    """Watch one test that has to do with a real Ceph, and hold what its peers say against the release it asked for."""
    if request.node.get_closest_marker("ceph") is None:
        yield
        return
    with watching(programs=request.node.path.stem in PROGRAMS) as looking:
        request.node.stash[_WATCH] = looking
        yield
    assert {seen.release for seen in looking.sightings()} <= {_release(request.node)}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what a test saw once it has passed."""
    report = yield
    if report.when == "call" and report.passed and _WATCH in item.stash:
        RUN.sightings |= item.stash[_WATCH].sightings()
    return report


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """See whether all tests will run, and have the one that needs all others run after them."""
    collected = {item.path for item in items if item.path.parent == HERE}
    chosen = any("::" in argument for argument in config.args)
    required = os.environ.get("MSGR_REQUIRE_CEPH") == "1"
    RUN.complete = required and not chosen and collected == set(HERE.glob("test_*.py"))
    items.sort(key=lambda item: item.name == PAGE_TEST)


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Note that the run is a part of the whole."""
    if any(item.path.parent == HERE for item in items):
        RUN.deselected = True


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave what a whole run saw where `python -m tests.interop.matrix` finds it."""
    cache: pytest.Cache | None = getattr(session.config, "cache", None)  # a run may do without
    if RUN.whole and RUN.sightings and cache is not None:
        cache.set(CACHE, [sighting.as_json() for sighting in sorted(RUN.sightings)])


def _release(item: pytest.Item) -> str:
    callspec = getattr(item, "callspec", None)
    return "16.2" if callspec is None else str(callspec.params.get("release", "16.2"))
