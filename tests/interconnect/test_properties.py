"""Whatever a peer says: a verdict, words that are safe to show, and two ends that agree as far as they can."""

from __future__ import annotations

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from msgr.core.admission import Reject
from msgr.frame import Mode
from msgr.interconnect import Encryption, Gatekeeper, Meant, Membership, Node, Program
from msgr.payload import NodeHello
from msgr.wire import EntityAddr, Timestamp

from .ends import login, meet, node

WORDS: Final = st.text(max_size=100) | st.sampled_from(["", "a", "b", "\x1b[2J", "\u202e" * 65])
U8: Final = st.integers(0, 255)
U64: Final = st.integers(0, (1 << 64) - 1)
PROGRAMS: Final = st.builds(
    Program,
    pid=U64,
    started=st.builds(Timestamp, seconds=st.integers(0, (1 << 32) - 1), nanoseconds=st.integers(0, (1 << 32) - 1)),
    serial=U64,
)
HELLOS: Final = st.builds(
    NodeHello,
    cluster=WORDS,
    accepted_clusters=st.lists(WORDS, max_size=4).map(tuple),
    version=WORDS,
    accepted_versions=st.lists(WORDS, max_size=4).map(tuple),
    node=U64 | st.integers(0, 3),
    host=WORDS,
    target_node=U64 | st.integers(0, 3),
    target_host=WORDS,
    scope=WORDS,
    program=PROGRAMS,
    encryption=U8,
    purpose=U8,
    cookie=st.binary(min_size=16, max_size=16),
    listening=st.sampled_from([(), (EntityAddr.parse("v2:127.0.0.1:1"),)]),
    part_limit=U64,
)
NAMES: Final = st.sampled_from(["", "a", "b", "c", "long" * 60])
LISTS: Final = st.none() | st.lists(NAMES, max_size=6).map(tuple)
NODES: Final = st.builds(
    Node,
    id=st.integers(1, 3),
    cluster=NAMES,
    accepted_clusters=LISTS,
    version=NAMES,
    accepted_versions=LISTS,
    host=NAMES,
    scope=NAMES,
    accepted_scopes=LISTS,
    encryption=st.sampled_from(Encryption),
)


@given(own=NODES, hellos=st.lists(HELLOS, max_size=4), mode=st.sampled_from(Mode), dialled=st.booleans())
def test_any_introduction_gets_a_verdict_that_is_safe_to_log(
    own: Node, hellos: list[NodeHello], mode: Mode, dialled: bool
) -> None:
    """NODE-9: what steers a terminal is neither in what is told nor in what is logged."""
    warnings: list[str] = []
    keeper = Gatekeeper(Membership(own), meant=Meant(2, "here"), warn=warnings.append)
    for hello in hellos:
        verdict = keeper.judge(hello, login(mode), dialled=dialled)
        said = warnings + ([verdict.reason, verdict.rule] if isinstance(verdict, Reject) else [])
        assert all(text.isprintable() for text in said)
        assert all(len(text) < 2048 for text in said)


@given(one=NODES, other=NODES)
def test_where_no_list_is_empty_both_ends_agree_about_the_cluster(one: Node, other: Node) -> None:
    """Demand 8, NODE-3: an empty list accepts for its own end only; otherwise the rule reads the same from both."""
    near = node(1, cluster=one.cluster, accepted_clusters=one.accepted_clusters)
    far = node(2, cluster=other.cluster, accepted_clusters=other.accepted_clusters)
    verdicts = meet(near, far)
    if near.clusters and far.clusters:
        assert verdicts[0] == verdicts[1]
    named = other.cluster in near.clusters or one.cluster in far.clusters
    if named:
        assert verdicts == (True, True)
    assert verdicts == (named or not near.clusters, named or not far.clusters)


@given(one=NODES, other=NODES)
def test_who_dials_makes_no_difference_to_the_names(one: Node, other: Node) -> None:
    """Demands 8 and 10: two nodes that both dial do not come to different ends."""
    assert meet(one, other) == meet(other, one)[::-1]
