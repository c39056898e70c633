"""Every release, role, mode, revision and method once, so that the matrix has no hole that could be filled."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.to_thread
import pytest

import msgr
from msgr import Keyring, Message, Messenger, Mode, Outcome, Policy, Revision, Timeouts
from msgr.auth import CephxClient, CephxMonitorPeer, CephxServiceServer, ClientMethod, NoneClient
from msgr.net.events import SessionResumed
from msgr.wire import EntityName, EntityType
from tests.lab import Auth, Cluster, ReleaseName
from tests.lab.fixtures import ClusterFactory
from tests.standin import Overheard, Settings, StandIn
from tests.standin.stock import printed, tools_of

from .clusters import client, json_of, told
from .conftest import Run
from .helpers import SOON, credentials
from .matrix import PAGE, UNSEEN, YES, rendered
from .matrix_words import NEVER
from .sightings import Sighting, watching
from .tapped import Strings, strings
from .test_peer_messenger import answers, ping

__all__ = ["strings"]

OSD: Final = "osd.5"
"""Who we are to other OSDs."""
LIMIT: Final = 4 * SOON
COMBINATIONS: Final = (("cephx", Mode.SECURE), ("cephx", Mode.CRC), ("none", Mode.CRC))
"""Method none has no key to encrypt with."""
COMBINED: Final = pytest.mark.parametrize(
    ("auth", "mode"), COMBINATIONS, ids=lambda value: value if isinstance(value, str) else value.name.lower()
)
REVISIONS: Final = pytest.mark.parametrize("revision", Revision, ids=str)
ONE_LOOP: Final = pytest.mark.parametrize("anyio_backend", ["asyncio"])
"""What the other loop does differently is not seen by a peer."""


async def booted(ceph_shared: ClusterFactory, auth: Auth) -> Cluster:
    """Return one of each, which nobody kills."""
    modes = "crc" if auth == "none" else "secure crc"
    clients = {OSD: {"mon": "allow profile osd", "osd": "allow *"}}
    boot = partial(ceph_shared, managers=1, osds=1, auth=auth, modes=modes, clients=clients)
    return await anyio.to_thread.run_sync(boot)


@pytest.mark.anyio
@ONE_LOOP
@REVISIONS
@COMBINED
async def test_a_client(ceph_shared: ClusterFactory, auth: Auth, mode: Mode, revision: Revision) -> None:
    """Of each daemon: the monitor has to know the key, the others the ticket."""
    cluster = await booted(ceph_shared, auth)
    only: dict[str, Any] = {"auth": credentials(cluster), "modes": (mode,), "revisions": frozenset({revision})}
    async with client(cluster, **only) as admin:
        assert (await json_of(admin, "status"))["fsid"] == cluster.fsid
        for daemon in ("mgr", "osd.0"):
            version = (await told(admin, daemon, "version")).json()["version"]
            assert version.startswith(f"{cluster.settings.release}.")


@pytest.mark.anyio
@ONE_LOOP
@REVISIONS
@COMBINED
async def test_an_osd(ceph_shared: ClusterFactory, auth: Auth, mode: Mode, revision: Revision) -> None:
    """To another one, at the address where sessions outlive connections."""
    cluster = await booted(ceph_shared, auth)
    method = await as_osd(cluster, mode)
    with anyio.fail_after(LIMIT):
        async with msgr.connect(
            cluster.addresses["osd.0 cluster"],
            name=OSD,
            auth=[method],
            policy=Policy.lossless_peer(),
            modes=(mode,),
            revisions=frozenset({revision}),
        ) as session:
            receipt = await session.send(Message(type=2))
            assert await receipt is Outcome.ACKNOWLEDGED
            assert await session.ping() < SOON
            assert not session.peer.lossy


async def as_osd(cluster: Cluster, mode: Mode) -> ClientMethod:
    """Return how an OSD proves to another who it is."""
    name = EntityName.parse(OSD)
    if cluster.settings.auth == "none":
        return NoneClient(name, service=True)
    method = CephxClient(name, Keyring.load(cluster.keyring).get(OSD).key, EntityType.OSD)
    with anyio.fail_after(LIMIT):
        async with msgr.connect(cluster.addresses["mon.a"], name=OSD, auth=[method], modes=(mode,)):
            pass  # all it is for is the ticket
    return method.service(EntityType.OSD)


@asynccontextmanager
async def monitor(
    ceph_shared: ClusterFactory, auth: Auth, mode: Mode, revision: Revision, *, listens: bool
) -> AsyncIterator[tuple[Messenger, str]]:
    """Be mon.a to a monitor that knows no other, and say where that is."""
    modes = "crc" if auth == "none" else "secure crc"
    quick = {"mon probe timeout": "0.5", "ms max backoff": "0.2"}
    boot = partial(ceph_shared, monitors=2, foreign=("mon.a",), auth=auth, modes=modes, extra=quick)
    cluster = await anyio.to_thread.run_sync(boot)
    proofs: dict[str, Any] = {}
    if auth == "cephx":
        key = Keyring.load(cluster.keyring).get("mon.").key
        proofs = {"client_auth": [CephxMonitorPeer(key)], "server_auth": [CephxServiceServer.for_monitors(key)]}
    with anyio.fail_after(LIMIT):
        async with Messenger(
            "mon.a",
            auth=None,
            policy=Policy.lossless_peer_reuse(),
            listen=cluster.addresses["mon.a"] if listens else None,
            modes=(mode,),
            revisions=frozenset({revision}),
            timeouts=Timeouts(max_backoff=0.2),
            **proofs,
        ) as node:
            yield node, cluster.addresses["mon.b"]
            for session in node.sessions:
                session.abort()


@pytest.mark.anyio
@ONE_LOOP
@REVISIONS
@COMBINED
async def test_a_monitor_that_dials(
    ceph_shared: ClusterFactory, strings: Strings, auth: Auth, mode: Mode, revision: Revision
) -> None:
    """Another one, and again after a cut."""
    strings.readable = False
    async with monitor(ceph_shared, auth, mode, revision, listens=False) as (node, other):
        session = node.session(other)
        with session.events() as events:
            await exchange(session)
            assert strings.cut()
            await exchange(session)
            session.abort()
            assert any([isinstance(event, SessionResumed) async for event in events])


@pytest.mark.anyio
@ONE_LOOP
@REVISIONS
@COMBINED
async def test_a_monitor_that_is_dialled(
    ceph_shared: ClusterFactory, auth: Auth, mode: Mode, revision: Revision
) -> None:
    async with monitor(ceph_shared, auth, mode, revision, listens=True) as (node, _other):
        await exchange(await anext(node))


async def exchange(session: msgr.Session) -> None:
    """Have some messages answered, and acknowledged."""
    receipts = await ping(session, 3)
    await answers(session, 3)
    assert {await receipt for receipt in receipts} == {Outcome.ACKNOWLEDGED}


@pytest.mark.anyio
@ONE_LOOP
@COMBINED
async def test_a_server_of_the_old_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, release: ReleaseName, auth: Auth, mode: Mode
) -> None:
    """The stock tools take what they are offered; the recorders in front of our daemons cannot read it."""
    monkeypatch.setattr(Overheard, "feed", lambda *_: None)
    old = partial(Messenger, revisions=frozenset({Revision.REV0}))
    monkeypatch.setattr("tests.standin.cluster.Messenger", old)
    async with StandIn(tmp_path, Settings(method=auth, modes=(mode,))) as cluster:
        tools = tools_of(cluster, release)
        for words in (("status",), ("pg", "stat"), ("tell", "osd.0", "version")):
            assert await printed(tools, "ceph", *words)


SEEN: Final = Sighting(
    release="18.2",
    peer="mgr",
    ours="client",
    dialled=True,
    lossy=True,
    auth="ticket",
    mode="secure",
    revision="2.0",
    compression="",
    resumed=False,
)


def test_a_sighting_fills_its_own_cell() -> None:
    def cells(*seen: Sighting) -> list[str]:
        return [line for line in rendered(seen).splitlines() if line.startswith("|") and YES in line]

    assert cells() == []
    assert cells(SEEN) == [
        f"| mgr | 18.2 | cephx, a ticket | {UNSEEN} | {UNSEEN} | {YES} | {UNSEEN} |",
    ]


def test_every_empty_cell_has_a_reason_and_every_reason_a_cell() -> None:
    cells = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("|")]
    assert not any(UNSEEN in line for line in cells)
    for number, note in enumerate(NEVER, 1):
        assert any(f"{note.word} ({number})" in line for line in cells), note.text


@pytest.mark.anyio
@pytest.mark.parametrize("talks", [False, True])
async def test_a_connection_with_ourselves_shows_nothing(talks: bool) -> None:
    with watching() as looking, anyio.fail_after(SOON):
        async with (
            msgr.serve("v2:127.0.0.1:0", name="mon.a", auth=None) as server,
            msgr.connect(str(server.addresses[0]), name="client.admin", auth=None) as session,
        ):
            if talks:
                await session.ping()
    assert looking.own == talks
    assert looking.sightings() == set()


@pytest.mark.ceph
def test_the_page_is_what_this_run_saw(run: Run) -> None:
    """The last test of all; `python -m tests.interop.matrix --write` makes the page from the same run."""
    if not run.whole:
        pytest.skip("only a part of the tests ran, or MSGR_REQUIRE_CEPH is not 1")
    assert PAGE.read_text("utf-8") == rendered(run.sightings)
