"""The way back is tried before a node is let in (NODE-10, NODE-13; demands 15 and 16)."""

from __future__ import annotations

from typing import Any, Final

import pytest

from msgr import EntityAddr, FailureKind, Messenger, ReverseCheck, Timeouts
from msgr.net.admissions import same_host
from msgr.testing import ChaosProxy

from .leaks import until
from .mesh import HURRIED, at, black_hole, closed_port, member, mesh, refused, talk, told

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

SHORT: Final = Timeouts(handshake=1.0, initial_backoff=0.01, max_backoff=0.05)


def doorkeeper(timeouts: Timeouts = HURRIED, **policy: Any) -> Messenger:
    """Return node 1, which checks the way back."""
    return member(1, asks={"reverse_check": ReverseCheck(**policy)}, timeouts=timeouts)


async def test_the_way_back_is_there() -> None:
    """Demand 15: the node that dials is dialled back, asked for its cookie, and let in; nothing of it is left."""
    door, other = doorkeeper(), member(2)
    async with mesh(door, other):
        near = other.session(at(door))
        await talk(near, door)
        await until(lambda: other.stats.accepted == 1 and other.stats.half_open == 0)
        assert (len(door.sessions), len(other.sessions)) == (1, 1)
        assert (other.stats.ready, door.stats.ready) == (0, 1)
        assert other.rejections == door.rejections == {}


async def test_both_ends_check() -> None:
    """Demand 15: whoever dials, and however often; a check is no handshake that could check in turn."""
    one, other = doorkeeper(), member(2, asks={"reverse_check": ReverseCheck()})
    async with mesh(one, other):
        near, far = one.session(at(other)), other.session(at(one))
        await near.ready()
        await far.ready()
        await until(lambda: len(one.sessions) == len(other.sessions) == 1)


async def test_the_cluster_is_renamed_while_the_way_back_is_checked() -> None:
    """Demand 15: the asked node answers for its cookie alone, whatever the asking one is called."""
    door, other = doorkeeper(), member(2, "old", accepted_clusters=("prod",))
    async with mesh(door, other):
        await talk(other.session(at(door)), door)


@pytest.mark.parametrize("back", ["nobody", "nothing comes through"])
async def test_the_way_there_works_and_the_way_back_does_not(back: str, caplog: pytest.LogCaptureFixture) -> None:
    """Demands 15 and 16, as behind NAT: "reverse connectivity failed", for now, and let in once it works."""
    caplog.set_level("INFO")
    door = doorkeeper(SHORT)
    async with ChaosProxy() as gateway:
        if back != "nobody":
            gateway.stall()
        other = member(2, messenger={"advertise": gateway.address})
        async with mesh(door, other):
            if back != "nobody":
                gateway.target = str(other.listening[0])
            near = other.session(at(door))
            await until(lambda: door.rejections.get("NODE-10", 0) >= 2)
            assert not near.over
            (line, *_) = [record.getMessage() for record in caplog.records if record.name == "msgr.net.keeper"]
            assert "the peer says: reverse connectivity failed" in line
            assert "[NODE-10]" in line
            assert ("no answer from" in line) == (back != "nobody")
            gateway.target = str(other.listening[0])
            gateway.resume()
            await talk(near, door)


async def test_another_node_answers_at_the_address() -> None:
    """Demands 15 and 16: a node that claims the address of another is not let in, and told who is there."""
    door, victim = doorkeeper(), member(3)
    async with mesh(door, victim):
        liar = member(2, messenger={"advertise": at(victim)})
        async with mesh(liar):
            near = liar.session(at(door))
            await until(lambda: door.rejections.get("NODE-10", 0) >= 2)
            assert not near.over
            assert near.last_peer is None
            assert victim.sessions == door.sessions == ()


async def test_what_the_error_says_about_another_node(caplog: pytest.LogCaptureFixture) -> None:
    """Demand 16."""
    caplog.set_level("INFO")
    door, victim = doorkeeper(), member(3)
    async with mesh(door, victim):
        liar = member(2, messenger={"advertise": at(victim)})
        async with mesh(liar):
            liar.session(at(door))
            await until(lambda: bool(told(caplog, "not-connected")))
        text = next(record.getMessage() for record in caplog.records if record.name == "msgr.net.keeper")
        assert f"reverse connectivity failed: at {at(victim)} answers another node" in text


async def test_the_door_is_not_made_to_knock_at_the_doors_of_others() -> None:
    """Demand 15, NODE-13: an address at another host than the connection's is not dialled, which is for good."""
    door = doorkeeper()
    with black_hole("127.0.0.2") as third:
        other = member(2, messenger={"advertise": third.address})
        async with mesh(door, other) as tasks:
            tasks.start_soon(third.run)
            error = await refused(other.session(at(door)))
            assert (error.kind, error.rule) == (FailureKind.PERMANENT, "NODE-10")
            assert "is not dialled back for a connection that comes from 127.0.0.1" in error.reason
            assert third.came == 0


async def test_the_policy_may_allow_other_hosts() -> None:
    """Demand 15: the claimed address, and the one that the connection comes from, are put before it."""
    seen: list[tuple[str, str]] = []

    def allow(claimed: EntityAddr, comes_from: EntityAddr) -> bool:
        seen.append((str(claimed), str(comes_from.host)))
        return True

    door, other = doorkeeper(allow=allow), member(2, listen="v2:127.0.0.2:0")
    async with mesh(door, other):
        await talk(other.session(at(door)), door)
        assert seen == [(at(other), "127.0.0.1")]


async def test_a_policy_that_fails_ends_nothing() -> None:
    """NODE-14: the node is told to come again, and the messenger goes on."""

    def allow(claimed: EntityAddr, comes_from: EntityAddr) -> bool:
        raise KeyError("no such list")

    door, other = doorkeeper(allow=allow), member(2)
    async with mesh(door, other):
        near = other.session(at(door))
        await until(lambda: door.rejections.get("NODE-14", 0) >= 2)
        assert not near.over


async def test_who_listens_nowhere_cannot_be_dialled_back() -> None:
    """Demand 15."""
    door, other = doorkeeper(), member(2, listen=None)
    async with mesh(door, other):
        error = await refused(other.session(at(door)))
        assert (error.kind, error.rule) == (FailureKind.PERMANENT, "NODE-10")
        assert "a node that listens nowhere cannot be dialled back" in error.reason


async def test_who_listens_everywhere_is_dialled_back_where_it_comes_from() -> None:
    """Demand 15."""
    door, other = doorkeeper(), member(2, listen="v2:0.0.0.0:0")
    async with mesh(door, other):
        await talk(other.session(at(door)), door)


async def test_a_flood_of_handshakes_is_not_a_flood_of_checks() -> None:
    """Demand 15, NODE-13: of many nodes that come at once, so many are dialled back at once; the rest comes again."""
    door = doorkeeper(SHORT, at_once=2)
    with black_hole() as hole:
        crowd = [member(id, messenger={"advertise": hole.address}) for id in range(2, 10)]
        async with mesh(door, *crowd) as tasks:
            tasks.start_soon(hole.run)
            sessions = [other.session(at(door)) for other in crowd]
            await until(lambda: hole.came >= 6, within=10)
            assert hole.most == 2
            assert door.rejections["NODE-13"] > 0
            assert not any(session.over for session in sessions)


async def test_nobody_there_to_dial_back() -> None:
    """Demand 16: a port that is closed."""
    door, other = doorkeeper(), member(2, messenger={"advertise": closed_port()})
    async with mesh(door, other):
        other.session(at(door))
        await until(lambda: door.rejections.get("NODE-10", 0) >= 2)


@pytest.mark.parametrize(
    ("claimed", "seen", "same"),
    [
        ("v2:10.0.0.1:1", "v2:10.0.0.1:99", True),
        ("v2:10.0.0.1:1", "v2:10.0.0.2:1", False),
        ("v2:10.0.0.1:1", "v2:[::ffff:10.0.0.1]:99", True),
        ("v2:[::1]:1", "v2:[::1]:2", True),
        ("v2:[::1]:1", "v2:127.0.0.1:2", False),
    ],
)
async def test_same_host(claimed: str, seen: str, same: bool) -> None:
    """NODE-13: an IPv4 address is the same one where a socket of IPv6 shows it."""
    assert same_host(EntityAddr.parse(claimed), EntityAddr.parse(seen)) is same
