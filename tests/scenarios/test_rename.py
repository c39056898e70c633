"""A cluster is renamed node by node while it works: the steps for adding machines, and for removing some.

SALT1 and SALT2 are the names, C1 to C3 the configurations, and X, Y and Z the machines, as in the runbooks (demands 9
and 50): X are in the cluster, of which Y are away, and Z are new. There is traffic both ways between all machines that
are in, all the time.
"""

from __future__ import annotations

import logging
from typing import Final

import pytest

from msgr import FailureKind, NodeRefused

from ..net.leaks import until
from ..net.mesh import told
from .fleet import Config, Fleet, fleet

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.usefixtures("nothing_left")]

STAY: Final = (1, 2, 3, 4)
"""X without Y."""
AWAY: Final = 5
"""Y."""
NEW: Final = (6, 7)
"""Z."""
OLD: Final = frozenset({*STAY, AWAY})


async def is_refused(
    cluster: Fleet, stranger: int, doors: tuple[int, ...], caplog: pytest.LogCaptureFixture
) -> set[str]:
    """Check that a machine is refused for good at both ends, by each of the others; returns the rules."""
    rules = set()
    for door in doors:
        stats = cluster[door].up.stats
        caplog.clear()
        error = await cluster[stranger].knock(cluster[door])
        assert isinstance(error, NodeRefused)
        assert error.kind is FailureKind.PERMANENT
        rules.add(error.rule)
        await until(lambda: cluster[door].up.stats.failed > stats.failed)  # noqa: B023 it is awaited here
        assert "NodeRefused" in {line["error"] for line in told(caplog, "node-refused", logging.DEBUG)}
        assert cluster[door].up.stats.accepted == stats.accepted + 1
        link = cluster[door].links.get(stranger)  # of an earlier visit
        assert link is None or not link.connected
    return rules


async def rolled_out(cluster: Fleet, config: Config) -> None:
    """Give all machines that stay a configuration, one after the other; all is well after each of them."""
    before = cluster.rejections(STAY)
    sessions = {(id, other): cluster[id].links[other] for id in STAY for other in STAY if id != other}
    for id in STAY:
        cluster[id].roll_out(config)
        await cluster.is_well(STAY, config.cluster, of=id)
        assert cluster.rejections(STAY) == before  # nobody is refused who should not be
    assert sessions == {pair: cluster[pair[0]].links[pair[1]] for pair in sessions}  # none was made anew


async def test_adding_machines(caplog: pytest.LogCaptureFixture) -> None:
    """Demands 9 and 50: five actions; the new ones get in with the last, and those that were away do not get back."""
    caplog.set_level(logging.DEBUG)
    async with fleet() as cluster:
        c1 = Config("SALT1", nodes=OLD)
        await cluster.start(STAY, c1)
        await cluster.join(STAY)
        # Action 1: C2 has the new machines, another name, and lets in the old one.
        c2 = Config("SALT2", ("SALT1",), nodes=OLD | {*NEW})
        c3 = Config("SALT2", nodes=c2.nodes)
        await cluster.start(NEW[:1], c3)  # too early
        assert await is_refused(cluster, NEW[0], STAY, caplog) == {"NODE-3"}
        # Action 2: C2 on the machines that are there.
        await rolled_out(cluster, c2)
        await cluster.start([AWAY], c1)  # one that was away still gets in, which is why there is a C3
        assert await cluster[AWAY].knock(cluster[1]) is None
        await cluster[AWAY].go_down()
        # Action 3: C3 is C2 that lets in the new name alone. Action 4: C3 on the machines that are there.
        await rolled_out(cluster, c3)
        await cluster.start([AWAY], c1)
        assert await is_refused(cluster, AWAY, STAY, caplog) == {"NODE-3"}
        # Action 5: C3 on the new machines.
        await cluster[NEW[0]].go_down()
        await cluster.start(NEW, c3)
        before = cluster.rejections(STAY)
        await cluster.join(NEW, STAY)
        assert cluster.rejections(STAY) == before
        assert cluster.rejections(NEW) == {}
        assert await is_refused(cluster, AWAY, (*STAY, *NEW), caplog) == {"NODE-3"}
        await cluster.all_arrived((*STAY, *NEW))


async def test_new_machines_come_too_early(caplog: pytest.LogCaptureFixture) -> None:
    """Demands 9 and 50: in the middle of Action 2, those with C1 refuse the new ones; traffic does not suffer."""
    caplog.set_level(logging.DEBUG)
    async with fleet() as cluster:
        await cluster.start(STAY, Config("SALT1", nodes=OLD))
        await cluster.join(STAY)
        c2 = Config("SALT2", ("SALT1",), nodes=OLD | {*NEW})
        for done in (1, 2):
            cluster[done].roll_out(c2)
        await cluster.is_well(STAY, "SALT2", of=2)
        await cluster.start(NEW[:1], Config("SALT2", nodes=c2.nodes))
        assert await is_refused(cluster, NEW[0], (3, 4), caplog) == {"NODE-3"}
        await cluster.is_well(STAY)
        await cluster.all_arrived(STAY)


async def test_removing_machines(caplog: pytest.LogCaptureFixture) -> None:
    """Demands 9, 12 and 50: three actions; it is the list of machines that keeps out those which are no more in it.

    C2 lets in SALT1 for as long as it is rolled out; a last roll without that keeps them out by the name alone.
    """
    caplog.set_level(logging.DEBUG)
    async with fleet() as cluster:
        c1 = Config("SALT1", nodes=OLD)
        await cluster.start([*STAY, AWAY], c1)
        await cluster.join([*STAY, AWAY])
        await cluster[AWAY].go_down()
        await cluster.is_well(STAY)
        # Action 1: C2 is without the machines that are away. Action 2: nothing is left to do there.
        c2 = Config("SALT2", ("SALT1",), nodes=frozenset(STAY))
        lost = [cluster[id].links.pop(AWAY) for id in STAY]
        # Action 3: C2 on the machines that are there.
        await rolled_out(cluster, c2)
        assert not any(session.connected for session in lost)
        await cluster.start([AWAY], c1)
        assert await is_refused(cluster, AWAY, STAY, caplog) == {"NODE-14"}
        await rolled_out(cluster, Config("SALT2", nodes=frozenset({*STAY, AWAY})))
        assert await is_refused(cluster, AWAY, STAY, caplog) == {"NODE-3"}
        await until(lambda: all(session.over for session in lost))
        assert all(isinstance(session.error, NodeRefused) for session in lost)  # it is dialled no more
        await cluster.all_arrived(STAY)


async def test_each_machine_is_restarted_with_its_new_configuration(caplog: pytest.LogCaptureFixture) -> None:
    """Demands 9, 13 and 50: the same steps by restarts, in good order; a process that comes back is a new one.

    Who leaves is not sent to before it goes; between the others traffic goes on. Nothing is lost.
    """
    caplog.set_level(logging.DEBUG)
    async with fleet() as cluster:
        c1 = Config("SALT1", nodes=OLD)
        await cluster.start(STAY, c1)
        await cluster.join(STAY)
        for config in (Config("SALT2", ("SALT1",), nodes=OLD), Config("SALT2", nodes=OLD)):
            for id in STAY:
                others = [other for other in STAY if other != id]
                await cluster.leave(id, others)
                await cluster.is_well(others)
                await cluster.start([id], config)
                await cluster.join([id], others)
                assert cluster.rejections(STAY) == {}
        await cluster.start([AWAY], c1)
        assert await is_refused(cluster, AWAY, STAY, caplog) == {"NODE-3"}
        await cluster.all_arrived(STAY)
