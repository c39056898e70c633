"""Peers that are nodes of a mesh: who they are, how much they can send, and whether they can dial us."""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio
import pytest

from msgr import Encryption, Interconnect, Keyring, Messenger, Node, Policy, ReverseCheck, Timeouts
from msgr.doctor import Meeting, Subject, introduce, way_down, way_up
from msgr.doctor.back import door_of, judge_way_back
from msgr.errors import ConfigError, FailureKind, NodeRefused, TimedOut
from msgr.payload import NodeAccept, NodeHello, Purpose
from tests.net.world import ADMIN, BOUND, LOOPBACK, echo_all, keyring

from .patients import CALM, Passed, examined, forwarding, larger_is_lost, wrong

pytestmark = pytest.mark.anyio

RING: Final = keyring(ADMIN, "osd.2")
CHECKING: Final = ReverseCheck()


@asynccontextmanager
async def mesh_node(
    *, auth: Keyring | None = RING, advertise: str | None = None, **asks: Any
) -> AsyncIterator[Messenger]:
    """Run node 2 of cluster *mesh*."""
    encryption = Encryption.OPTIONAL if auth else Encryption.DISABLED
    node = Node(id=2, cluster="mesh", version="24-1", host="host-2", encryption=encryption)
    messenger = Messenger(
        "osd.2",
        auth=auth,
        policy=Policy.stateless_server(),
        listen=LOOPBACK,
        advertise=advertise,
        interconnect=Interconnect(node=node, **asks),
        timeouts=Timeouts(handshake=4.0),
    )
    with anyio.fail_after(3 * BOUND):
        async with messenger, anyio.create_task_group() as tasks:
            tasks.start_soon(echo_all, messenger)
            yield messenger
            tasks.cancel_scope.cancel()


def at(messenger: Messenger) -> str:
    """Return where a node listens."""
    return str(messenger.listening[0])


@pytest.mark.parametrize("cluster", ["", "mesh"], ids=["asked as one of its own", "told"])
async def test_a_healthy_node(cluster: str) -> None:
    """demand 5: the padding of NODE_ACCEPT measures the way down, that of a refused request the way up."""
    async with mesh_node() as server:
        found, by_name = await examined(at(server), auth=RING, cluster=cluster)
    assert wrong(found) == []
    assert by_name["ident"].detail.endswith(
        ", asked as one of cluster 'mesh': node 2 at 'host-2' of cluster 'mesh' with version '24-1'"
    )
    assert by_name["path_size"].detail == ("60,000 bytes in one frame pass on the way up, and 60,000 on the way down")
    assert by_name["reverse_path"].detail == (
        "not asked: no address is given at which it could dial us back (--reverse v2:IP:PORT)"
    )


async def test_a_node_of_another_cluster_says_why() -> None:
    async with mesh_node() as server:
        found, by_name = await examined(at(server), auth=RING, cluster="foreign", reverse=LOOPBACK)
    assert wrong(found) == ["ident"]
    assert re.search(
        r"; the peer says: .*'foreign'.*'mesh' \[NODE-3\] \(permanent; outgoing, in ", by_name["ident"].detail
    )
    assert found.verdict.startswith("The peer does not let our node in, and says why: tell the cluster that is meant")
    assert by_name["path_size"].detail.endswith("the way down is not covered: the peer does not let our node in")
    assert by_name["reverse_path"].detail.startswith("not asked: there is no verdict on our node: the peer says: ")


@pytest.mark.parametrize("auth", [RING, None], ids=["cephx", "none"])
@pytest.mark.parametrize("reverse", [LOOPBACK, "v2:0.0.0.0:0"])
async def test_the_way_back(auth: Keyring | None, reverse: str) -> None:
    """NODE-10: the peer dials the address that we tell, and asks for our cookie."""
    async with mesh_node(auth=auth, reverse_check=CHECKING) as server:
        found, by_name = await examined(at(server), auth=auth, reverse=reverse)
    assert wrong(found) == []
    assert by_name["reverse_path"].ok is True
    assert by_name["reverse_path"].detail.endswith(" from 127.0.0.1, and found us there")
    assert by_name["path_size"].detail.endswith("and 60,000 on the way down")


async def test_the_way_back_of_a_peer_that_we_cannot_let_in() -> None:
    """It cannot prove itself to us, but it came: that is what was asked."""
    ours = Keyring()
    ours.add(ADMIN, RING.get(ADMIN).key)
    async with mesh_node(reverse_check=CHECKING) as server:
        found, by_name = await examined(at(server), auth=ours, reverse=LOOPBACK)
    assert wrong(found) == []
    assert by_name["reverse_path"].ok is True
    assert ", and the way is open; it ended there: " in by_name["reverse_path"].detail
    assert by_name["ident"].detail.endswith("node 2 at 'host-2' of cluster 'mesh' with version '24-1'")


async def test_a_peer_that_may_not_dial_us() -> None:
    policy = ReverseCheck(allow=lambda claimed, seen: False)
    async with mesh_node(reverse_check=policy) as server:
        found, by_name = await examined(at(server), auth=RING, reverse=LOOPBACK)
    assert wrong(found) == ["reverse_path"]
    assert "is not dialled back for a connection that comes from 127.0.0.1 [NODE-10]" in by_name["reverse_path"].detail
    assert found.verdict.startswith("The peer cannot dial the address that we told it, or may not: ")


async def test_a_peer_that_wants_the_way_back_and_is_told_none() -> None:
    async with mesh_node(reverse_check=CHECKING) as server:
        found, by_name = await examined(at(server), auth=RING)
    assert wrong(found) == []
    assert by_name["reverse_path"].detail.endswith(
        "; this peer lets nobody in without that: a node that listens nowhere cannot be dialled back"
    )


async def test_a_peer_that_checks_nobody() -> None:
    async with mesh_node() as server:
        found, by_name = await examined(at(server), auth=RING, reverse=LOOPBACK)
    assert wrong(found) == []
    assert by_name["reverse_path"].ok is None
    assert by_name["reverse_path"].detail.endswith("; it checks nobody's way back")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (NodeHello(purpose=Purpose.REVERSE_CHECK, cookie=bytes(15) + b"\x01"), "only reverse checks with the cookie"),
        (NodeHello(), "only reverse checks with the cookie"),
    ],
    ids=["cookie", "purpose"],
)
async def test_others_who_knock_are_sent_away(said: NodeHello, reason: str) -> None:
    subject = Subject(address=LOOPBACK, reverse=LOOPBACK)
    async with door_of(subject) as door:
        assert door is not None
        met = await introduce(subject, str(door.address), said)
        assert met.refused is not None
        assert met.refused.reason.startswith(reason)
        assert (door.known, list(door.came)) == (False, ["127.0.0.1"])


def refused(rule: str) -> NodeRefused:
    """Return a peer's no."""
    return NodeRefused("it says why", kind=FailureKind.TRANSIENT, by_peer=True, rule=rule)


@pytest.mark.parametrize(
    ("meeting", "ok", "told"),
    [
        (Meeting(said=NodeHello(), accept=NodeAccept(reverse_checked=True)), False, "and nobody came there"),
        (Meeting(said=NodeHello(), error=refused("NODE-13")), None, "no verdict on our node: the peer says: it says"),
        (Meeting(said=NodeHello(), error=TimedOut("late")), None, "no verdict on our node: late"),
    ],
)
async def test_what_is_not_said_of_the_way_back(meeting: Meeting, ok: bool | None, told: str) -> None:
    async with door_of(Subject(address=LOOPBACK, reverse=LOOPBACK)) as door:
        finding = judge_way_back(meeting, door)
    assert finding.ok is ok
    assert told in finding.detail
    assert bool(finding.advice) is (ok is False)


async def test_what_a_peer_calls_itself_does_not_steer_a_terminal() -> None:
    """NODE-9: cut, and without what is not printable."""
    met = Meeting(said=NodeHello(), hello=NodeHello(node=7, host="\x1b[2Jhost", cluster="c" * 5000))
    assert str(met).isprintable()
    assert str(met).startswith("node 7 at '\\x1b[2Jhost' of cluster 'ccc")
    assert len(str(met)) < 200
    assert str(Meeting(said=NodeHello())) == "a node that does not say which"


async def test_an_address_of_others_is_not_listened_at() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        for reverse in (f"v2:127.0.0.1:{taken.getsockname()[1]}", "v2:192.0.2.1:1", "nowhere"):
            with pytest.raises(ConfigError):
                await examined("v2:127.0.0.1:1", reverse=reverse)


async def test_a_stranger_is_told_why_it_is_not_asked() -> None:
    async with mesh_node() as server:
        _, by_name = await examined(at(server))
    assert by_name["reverse_path"].detail == "not asked: nobody logs in"
    assert by_name["path_size"].detail.endswith("; the way down is not covered: nobody logs in")


@asynccontextmanager
async def behind(passed: Passed = bytes, down: Passed = bytes) -> AsyncIterator[str]:
    """Run a node behind a path; it believes to be where the path begins."""
    inside: list[str] = []
    async with forwarding(lambda: inside[0], passed, down=down) as relay, mesh_node(advertise=relay) as server:
        inside.append(at(server))
        yield relay


async def test_a_path_that_carries_nothing_large_down() -> None:
    """demand 5: this path cannot carry N bytes, and not a plain time-out; the way up is well."""
    async with behind(down=larger_is_lost(1400)) as relay:
        found, by_name = await examined(relay, auth=RING, timeouts=CALM)
    assert wrong(found) == ["path_size"]
    assert by_name["path_size"].detail == (
        "this path cannot carry 1,440 bytes down: no answer after 2 s, while frames of 1,200 bytes and less pass; "
        "60,000 bytes pass on the way up"
    )
    assert found.verdict.startswith("Between 1,200 and 1,440 bytes the path begins to lose what is sent down: ")


async def test_a_path_that_carries_nothing_large_up() -> None:
    """demand 5, the other way."""
    async with behind(larger_is_lost(1400)) as relay:
        found, by_name = await examined(relay, auth=RING, timeouts=CALM)
    assert wrong(found) == ["path_size"]
    assert by_name["path_size"].detail == (
        "this path cannot carry 1,440 bytes up: no answer after 2 s, while frames of 1,200 bytes and less pass"
    )


async def test_a_path_down_that_stops_is_no_path_that_is_too_narrow() -> None:
    """demand 5: a plain time-out, told as one."""
    stopped = False

    def down(burst: bytes) -> bytes | None:
        nonlocal stopped
        stopped = stopped or len(burst) > 1400
        return None if stopped else bytes(burst)

    async with behind(down=down) as relay:
        found, by_name = await examined(relay, auth=RING, timeouts=CALM)
    assert wrong(found) == ["path_size"]
    assert "cannot carry" not in by_name["path_size"].detail
    assert by_name["path_size"].detail.startswith(
        "no answer after 2 s to 1,440 bytes down, and then none to a small frame either: "
    )


async def test_the_ways_by_themselves() -> None:
    """What `examine` does can be had alone: `way_up` of any peer, `way_down` of a node that let us in."""
    async with behind(down=larger_is_lost(5000)) as relay:
        subject = Subject(address=relay, auth=RING, timeouts=CALM)
        up = await way_up(subject)
        meeting = await introduce(subject, relay, NodeHello(cluster="mesh"))
        assert meeting.hello is not None
        assert meeting.hello.node == 2
        down = await way_down(subject, meeting)
    assert (up.passed, up.failed, up.too_narrow) == (60_000, None, False)
    assert (down.passed, down.failed, down.too_narrow) == (4_096, 16_384, True)
