"""The fixtures through which tests meet a real Ceph. Whoever asks for one is marked `ceph`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Final, TypeAlias

import pytest

from .cluster import Cluster
from .releases import RELEASES, Release, ReleaseName, find_release
from .settings import Settings

ClusterFactory: TypeAlias = Callable[..., Cluster]
"""Takes the fields of Settings as keywords and returns a cluster that runs until the test is over."""

_FIXTURES: Final = frozenset({"release", "ceph_cephx", "ceph_none", "ceph_shared", "ceph_cluster"})
_REQUIRE: Final = "MSGR_REQUIRE_CEPH"


def only_release(*names: ReleaseName) -> pytest.MarkDecorator:
    """Mark a test that is for some of the releases: `@only_release("18.2")`."""
    return pytest.mark.parametrize("release", names, indirect=True, scope="session")


@pytest.fixture(scope="session", params=RELEASES)
def release(request: pytest.FixtureRequest) -> ReleaseName:
    """Run every test that has to do with a real Ceph once with each release."""
    name: ReleaseName = request.param
    return name


@pytest.fixture(scope="session")
def ceph_shared(release: ReleaseName) -> Iterator[ClusterFactory]:
    """Makes clusters that the session shares, one for each choice of settings: don't kill their daemons."""
    clusters: dict[str, Cluster] = {}
    with ExitStack() as stack:

        def start(**options: Any) -> Cluster:
            settings = Settings(**({"release": release} | options))
            key = repr(settings)
            if key not in clusters:
                clusters[key] = stack.enter_context(Cluster(settings))
            return clusters[key]

        yield start


@pytest.fixture(scope="session")
def ceph_cephx(ceph_shared: ClusterFactory) -> Cluster:
    """One monitor with cephx, shared by the session: don't kill it."""
    return ceph_shared(auth="cephx")


@pytest.fixture(scope="session")
def ceph_none(ceph_shared: ClusterFactory) -> Cluster:
    """One monitor without authentication, shared by the session: don't kill it."""
    return ceph_shared(auth="none", modes="crc")


@pytest.fixture
def ceph_cluster(release: ReleaseName) -> Iterator[ClusterFactory]:
    """Makes clusters for one test, of the release that the test runs with: `ceph_cluster(monitors=3, modes="crc")`."""
    with ExitStack() as stack:

        def start(**options: Any) -> Cluster:
            return stack.enter_context(Cluster(Settings(**({"release": release} | options))))

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
    if item.get_closest_marker("ceph") is None or (reason := _release_of(item).missing()) is None:
        return
    if os.environ.get(_REQUIRE) == "1":
        pytest.fail(f"{_REQUIRE}=1, but {reason}", pytrace=False)
    pytest.skip(reason)


def _release_of(item: pytest.Item) -> Release:
    """Return the release that a test runs with; one that does not say so needs this machine's own."""
    callspec = getattr(item, "callspec", None)
    return find_release(RELEASES[0] if callspec is None else callspec.params.get("release", RELEASES[0]))
