"""The fixtures through which tests meet a real Ceph. Whoever asks for one is marked `ceph`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Final, TypeAlias

import pytest

from .cluster import Cluster
from .settings import Settings

ClusterFactory: TypeAlias = Callable[..., Cluster]
"""Takes the fields of Settings as keywords and returns a cluster that runs until the test is over."""

_FIXTURES: Final = frozenset({"ceph_cephx", "ceph_none", "ceph_cluster"})
_REQUIRE: Final = "MSGR_REQUIRE_CEPH"


@pytest.fixture(scope="session")
def ceph_cephx() -> Iterator[Cluster]:
    """One monitor with cephx, shared by the session: don't kill it."""
    with Cluster(Settings(auth="cephx")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def ceph_none() -> Iterator[Cluster]:
    """One monitor without authentication, shared by the session: don't kill it."""
    with Cluster(Settings(auth="none", modes="crc")) as cluster:
        yield cluster


@pytest.fixture
def ceph_cluster() -> Iterator[ClusterFactory]:
    """Makes clusters for one test: `ceph_cluster(monitors=3, modes="crc")`."""
    with ExitStack() as stack:

        def start(**options: Any) -> Cluster:
            return stack.enter_context(Cluster(Settings(**options)))

        yield start


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses a cluster, so that `-m ceph` and `-m "not ceph"` mean what they say."""
    for item in items:
        if _FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.ceph)


@pytest.hookimpl(tryfirst=True)  # before any fixture is set up
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a real Ceph where there is none, or fail it where one was promised."""
    if item.get_closest_marker("ceph") is None or shutil.which("ceph-mon"):
        return
    reason = "no ceph-mon on the PATH (Debian: apt-get install --no-install-recommends ceph-mon ceph-common)"
    if os.environ.get(_REQUIRE) == "1":
        pytest.fail(f"{_REQUIRE}=1, but {reason}", pytrace=False)
    pytest.skip(reason)
