"""Nodes that meet over real connections: whom they let in, what they know of each other, and how it fails."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import anyio
import pytest

from msgr import FailureKind, Message, Messenger, Mode, Node, NodeRefused, Policy
from msgr.errors import ConfigError, StateError
from msgr.frame import NodeTag
from msgr.interconnect import Encryption, Meant, Program
from msgr.net import Runtime
from msgr.testing import ChaosProxy, Direction, HandClock, Probes
from msgr.wire import Timestamp

from .leaks import until
from .mesh import RING, at, closed_port, ended, member, mesh, refused, talk, told
from .world import LOOPBACK

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


@pytest.mark.parametrize(
    ("encryption", "mode"),
    [(Encryption.REQUIRED, Mode.SECURE), (Encryption.OPTIONAL, Mode.SECURE), (Encryption.DISABLED, Mode.CRC)],
)
async def test_two_nodes_meet(encryption: Encryption, mode: Mode) -> None:
    """Demands 11 and 13: with cephx, encrypted or not; both ends know which node and which process the other is."""
    one, other = member(1, encryption=encryption), member(2, encryption=encryption, scope="tenant")
    before = time.time()
    async with mesh(one, other):
        near = one.session(at(other), meant=Meant(2, "h2"))
        far = await talk(near, other)
        for session, id in ((near, 2), (far, 1)):
            assert session.peer.login.mode is mode
            said = session.peer.node
            assert said is not None
            assert (said.node, said.host, said.cluster) == (id, f"h{id}", "prod")
            assert (said.program.pid, said.program.serial) == (os.getpid(), 1)
            assert before - 1 <= float(said.program.started) <= time.time() + 1
        assert near.peer.node is not None
        assert near.peer.node.scope == "tenant"
        assert (len(one.sessions), len(other.sessions)) == (1, 1)
        assert one.rejections == other.rejections == {}


async def test_two_nodes_meet_that_prove_nothing() -> None:
    """Method none gives no key, so nothing is encrypted; OPTIONAL takes that."""
    one, other = (member(id, auth=None, encryption=Encryption.OPTIONAL) for id in (1, 2))
    async with mesh(one, other):
        near = one.session(at(other))
        await talk(near, other)
        assert near.peer.login.mode is Mode.CRC


async def test_encryption_that_is_required_needs_a_method_that_yields_a_key() -> None:
    """Demand 17: it is an error of the configuration, and told before anything is sent."""
    async with mesh(member(1, auth=None, encryption=Encryption.REQUIRED, listen=None)) as _:
        pass
    one = member(1, auth=None, encryption=Encryption.REQUIRED, listen=None)
    async with mesh(one):
        with pytest.raises(ConfigError, match="crc mode only"):
            one.session(closed_port())


async def test_a_foreign_cluster_is_refused_for_good_at_both_ends(caplog: pytest.LogCaptureFixture) -> None:
    """Demands 8 and 20: a permanent error with a type at either end, and one attempt to connect."""
    caplog.set_level("INFO")
    ours, stranger = member(1), member(2, "other")
    async with mesh(ours, stranger):
        error = await refused(stranger.session(at(ours)))
        assert (error.kind, error.rule) == (FailureKind.PERMANENT, "NODE-3")
        assert "cluster 'prod'" in str(error)
        assert "node 2 at 'h2' lets in cluster 'other'" in str(error) or error.by_peer
        await until(lambda: ours.stats.failed == 1)
        assert (ours.stats.accepted, ours.stats.ready) == (1, 0)
        assert ours.rejections == {"NODE-3": 1} or stranger.rejections == {"NODE-3": 1}
        (refusal,) = told(caplog, "node-refused")
        assert refusal["error"] == "NodeRefused"
        assert (len(ours.sessions), len(stranger.sessions)) == (0, 0)


@pytest.mark.parametrize("version", ["2", ""])
async def test_versions_and_the_warning_about_those_that_tell_none(
    version: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Demand 10: one line about a node without a tag, however often it comes; another tag is refused."""
    ours, other = member(1, version="1"), member(2, version=version)
    async with mesh(ours, other):
        if version:
            error = await refused(other.session(at(ours)))
            assert (error.kind, error.rule) == (FailureKind.PERMANENT, "NODE-4")
            return
        near = other.session(at(ours))
        await talk(near, ours)
        other.become(Node(id=2, cluster="prod", host="elsewhere"))
        await near.send(Message(type=2))  # without a message it would stand by
        await until(lambda: near.stats.counters.connections == 2)
        warnings = [record for record in caplog.records if record.levelname == "WARNING"]
        assert [record.getMessage() for record in warnings] == [
            "node 2 at 'h2' tells no version tag, and is let in [NODE-4]"
        ]


async def test_a_scope_that_is_not_let_in_is_counted() -> None:
    """Demand 14: the tenant goes both ways, and the count of those that were refused for it moves."""
    ours = member(1, scope="x", accepted_scopes=("x",))
    async with mesh(ours, member(2, scope="x")) as _:
        pass
    friend, stranger = member(2, scope="x"), member(3, scope="y")
    ours = member(1, scope="x", accepted_scopes=("x",))
    async with mesh(ours, friend, stranger):
        near = friend.session(at(ours))
        await talk(near, ours)
        error = await refused(stranger.session(at(ours)))
        assert (error.rule, error.by_peer, error.kind) == ("NODE-7", True, FailureKind.PERMANENT)
        assert "is of scope 'y'" in str(error)
        assert ours.rejections == {"NODE-7": 1}


@pytest.mark.parametrize(
    ("meant", "wanted"),
    [(Meant(2), "node 2"), (Meant(host="h2"), "a node at 'h2'"), (Meant(2, "h2"), "node 2 at 'h2'")],
)
async def test_a_forwarder_to_the_wrong_node(meant: Meant, wanted: str) -> None:
    """Demand 11: who was reached, and who was meant, stands in the error."""
    one, three = member(1), member(3)
    async with ChaosProxy() as forwarder, mesh(one, three):
        forwarder.target = at(three)
        error = await refused(one.session(forwarder.address, meant=meant))
        assert (error.kind, error.rule) == (FailureKind.PERMANENT, "NODE-5")
        assert f"this is node 3 at 'h3'; node 1 at 'h1' meant to reach {wanted}" in str(error)
        assert forwarder.stats.connections == 1


@pytest.mark.parametrize("dials", ["node", "plain"])
async def test_a_plain_messenger_and_a_node(dials: str) -> None:
    """NODE-1: who does not speak the extension notices nothing, and no private frame is sent."""
    probes = [Probes(), Probes()]
    node = member(1, messenger={"runtime": Runtime(trace=probes[0])}, asks={"authorize": never})
    plain = Messenger(
        "osd.2", auth=RING, policy=Policy.lossless_peer(), listen=LOOPBACK, runtime=Runtime(trace=probes[1])
    )
    async with mesh(node, plain):
        near, far = (node, plain) if dials == "node" else (plain, node)
        session = near.session(at(far))
        await talk(session, far)
        assert session.peer.node is None
        assert node.sessions[0].peer.node is None
        for probe in probes:
            assert sum(probe.passed(way, tag) for way in Direction for tag in NodeTag) == 0
        with pytest.raises(StateError, match="is no node of a mesh"):
            plain.become(Node(id=2))
        assert (plain.node, plain.rejections) == (None, {})


async def never(hello: object, login: object) -> str | None:
    """Let in nobody."""
    return "nobody comes in here"


async def test_a_duplicate_handshake_comes_in_the_second_time() -> None:
    """Demand 13, NODE-12: a session mismatch is tried again; a process whose clock was set back gets in at once.

    Both run as node 2: the one that started earlier, by its own clock, looks like a handshake that was overtaken.
    """
    door = member(1)
    late = member(2, program=Program(pid=20, started=Timestamp.of(2_000_000.0)))
    early = member(2, program=Program(pid=21, started=Timestamp.of(1_000_000.0)), messenger={})
    async with mesh(door, late, early):
        await talk(late.session(at(door)), door)
        near = early.session(at(door))
        await talk(near, door)
        assert door.rejections == {"NODE-12": 1}
        assert door.stats.accepted == 3
        assert near.peer.node is not None


async def test_refusals_do_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Demand 31: sixty seconds of a stranger that comes every two are four lines."""
    caplog.set_level("DEBUG")
    clock = HandClock()
    ours = member(1, messenger={"runtime": Runtime(clock=clock.monotonic, wall=clock.wall)})
    async with mesh(ours, stranger := member(2, "other")):
        for count in range(30):
            await refused(stranger.session(at(ours)))
            await until(lambda: ours.stats.failed == count + 1)  # noqa: B023 it is awaited here
            clock.turn(2.0)
        shown = told(caplog, "node-refused")
        assert len(shown) == 4
        assert [line["muted"] for line in shown] == [0, 7, 7, 7]
        assert len(told(caplog, "node-refused", level=10)) == 30


async def test_what_a_node_cannot_become() -> None:
    """An id is that of a node for its whole life, and modes are agreed on before nodes introduce themselves."""
    one = member(1)
    async with mesh(one):
        assert one.node is not None
        for other in (Node(id=2), Node(id=1, encryption=Encryption.REQUIRED)):
            with pytest.raises(ConfigError, match="node 1 cannot become"):
                one.become(other)
        one.become(replace(one.node, cluster="next"))
        assert one.node.cluster == "next"


async def test_a_name_that_changes_during_a_handshake_is_told_all_the_same() -> None:
    """Demand 9: a peer that was introduced to under the old name is introduced to again."""
    probes = Probes()
    held = probes.at(Direction.SENDING, NodeTag.NODE_ACCEPT)
    one = member(1, messenger={"runtime": Runtime(trace=probes)})
    other = member(2)
    async with mesh(one, other):
        near = other.session(at(one))
        await held.hit()
        one.become(Node(id=1, cluster="next", accepted_clusters=("prod",), host="h1"))
        held.go_on()
        tid = 0
        while not (near.last_peer and near.last_peer.node and near.last_peer.node.cluster == "next"):
            tid += 1
            await (await near.send(Message(type=2, tid=tid)))  # without a message it would stand by
        far = await anext(one)
        assert [(await far.receive()).tid for _ in range(tid)] == list(range(1, tid + 1))
        assert (len(one.sessions), len(other.sessions)) == (1, 1)


async def test_nothing_of_a_stranger_is_left() -> None:
    """Demand 20: what a refused node asked for is gone with it."""
    ours, stranger = member(1), member(2, "other")
    async with mesh(ours, stranger):
        for _ in range(5):
            assert isinstance(await ended(stranger.session(at(ours))), NodeRefused)
        with anyio.fail_after(5):
            await until(lambda: ours.stats.half_open == 0)
        assert ours.sessions == stranger.sessions == ()
