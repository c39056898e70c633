"""Which names go together: clusters, versions, targets and scopes (NODE-3, NODE-4, NODE-5, NODE-7)."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Final

import pytest

from msgr.interconnect import Gatekeeper, Meant, Membership, Node
from msgr.payload import RejectKind

from .ends import hello_of, is_in, login, meet, node, refusal, verdict

LISTS: Final[dict[str, tuple[str, ...] | None]] = {"none": (), "another": ("c",), "the other's": None, "all": None}
"""What a node accepts besides its own; "the other's" is put in by the test."""
SIDES: Final = list(product(LISTS, LISTS))


def cluster_of(name: str, accepts: str, other: str, id: int) -> Node:
    accepted = (other,) if accepts == "the other's" else LISTS[accepts]
    return node(id, cluster=name, accepted_clusters=accepted)


def version_of(name: str, accepts: str, other: str, id: int) -> Node:
    accepted = (other,) if accepts == "the other's" else LISTS[accepts]
    return node(id, version=name, accepted_versions=accepted)


@pytest.mark.parametrize("what", [cluster_of, version_of], ids=["clusters", "versions"])
@pytest.mark.parametrize(("ours", "theirs"), SIDES, ids=[f"{a} - {b}" for a, b in SIDES])
def test_the_sixteen_cases_of_two_names(what: object, ours: str, theirs: str) -> None:
    """Demand 8 (and 10): clusters a and b; each end accepts none, c, the other's, or all besides its own.

    One end that names the other is enough for both. Who accepts all does so for itself alone: the other end may still
    say no, which ends the connection as well.
    """
    make = cluster_of if what is cluster_of else version_of
    one, other = make("a", ours, "b", 1), make("b", theirs, "a", 2)
    named = "the other's" in (ours, theirs)
    expected = (named or ours == "all", named or theirs == "all")
    assert meet(one, other) == expected
    assert meet(other, one) == expected[::-1]
    if "all" not in (ours, theirs):
        assert expected[0] == expected[1]


@pytest.mark.parametrize(("ours", "theirs"), SIDES, ids=[f"{a} - {b}" for a, b in SIDES])
def test_the_same_name_always_goes_together(ours: str, theirs: str) -> None:
    """Demand 8: an own id is accepted without being listed."""
    one, other = cluster_of("a", ours, "a", 1), cluster_of("a", theirs, "a", 2)
    assert meet(one, other) == (True, True)


def test_a_refusal_names_both_ends() -> None:
    """Demand 8: the error says who is of which cluster, and what is let in."""
    stranger = hello_of(node(7, cluster="b", host="far"))
    no = refusal(verdict(node(1, cluster="a", accepted_clusters=("old",), host="here"), stranger))
    assert (no.kind, no.rule) == (RejectKind.PERMANENT, "NODE-3")
    assert no.reason == "node 7 at 'far' is of cluster 'b'; node 1 at 'here' lets in cluster 'a', 'old'"
    no = refusal(verdict(node(1, cluster="a"), hello_of(node(7))))
    assert no.reason == "node 7 tells no cluster; node 1 lets in cluster 'a'"
    no = refusal(verdict(node(1, version="1"), hello_of(node(7, version="2"))))
    assert (no.kind, no.rule) == (RejectKind.PERMANENT, "NODE-4")
    assert no.reason == "node 7 is of version '2'; node 1 lets in version '1'"


@pytest.mark.parametrize("dialled", [False, True], ids=["accepting", "dialling"])
def test_a_node_without_a_version_is_let_in_with_one_warning(dialled: bool) -> None:
    """Demand 10: one warning a node, however often it comes."""
    warnings: list[str] = []
    keeper = Gatekeeper(Membership(node(1, version="1")), warn=warnings.append)
    for serial, (id, host) in enumerate([(7, "far"), (7, "far"), (8, ""), (7, "far"), (8, "")], 1):
        hello = hello_of(node(id, host=host))
        hello = replace(hello, program=replace(hello.program, serial=serial))
        assert is_in(keeper.judge(hello, login(), dialled=dialled))
    assert warnings == [
        "node 7 at 'far' tells no version tag, and is let in [NODE-4]",
        "node 8 tells no version tag, and is let in [NODE-4]",
    ]


def test_no_warning_where_nobody_asked_for_versions_or_the_node_is_refused() -> None:
    """Demand 10."""
    warnings: list[str] = []
    for own, other in (
        (node(1), node(7)),
        (node(1), node(7, version="2")),
        (node(1, version="1"), node(7, cluster="x")),
    ):
        own_keeper = Gatekeeper(Membership(own), warn=warnings.append)
        own_keeper.judge(hello_of(other), login(), dialled=False)
    keeper = Gatekeeper(Membership(node(1, version="1", cluster="a")), warn=warnings.append)
    assert not is_in(keeper.judge(hello_of(node(7, cluster="b")), login(), dialled=False))
    assert len(warnings) == 1  # of the third, whose cluster does not matter here
    assert warnings[0].startswith("node 7 ")


@pytest.mark.parametrize(
    ("target", "fits"),
    [
        ({}, True),
        ({"target_node": 1}, True),
        ({"target_host": "here"}, True),
        ({"target_node": 1, "target_host": "here"}, True),
        ({"target_node": 2}, False),
        ({"target_host": "there"}, False),
        ({"target_node": 1, "target_host": "there"}, False),
        ({"target_node": 2, "target_host": "here"}, False),
    ],
    ids=str,
)
def test_the_node_that_is_meant(target: dict[str, int | str], fits: bool) -> None:
    """Demand 11: who is reached says so, and who was meant."""
    own = node(1, host="here")
    answer = verdict(own, hello_of(node(7, host="far"), **target))
    assert is_in(answer) is fits
    if not fits:
        no = refusal(answer)
        meant = Meant(int(target.get("target_node", 0)), str(target.get("target_host", "")))
        assert (no.kind, no.rule) == (RejectKind.PERMANENT, "NODE-5")
        assert no.reason == f"this is node 1 at 'here'; node 7 at 'far' meant to reach {meant}"


@pytest.mark.parametrize(
    ("meant", "fits"),
    [
        (Meant(), True),
        (Meant(7), True),
        (Meant(7, "far"), True),
        (Meant(host="far"), True),
        (Meant(8), False),
        (Meant(host="else"), False),
        (Meant(7, "else"), False),
        (Meant(8, "far"), False),
    ],
    ids=str,
)
def test_the_node_that_answers(meant: Meant, fits: bool) -> None:
    """Demand 11: the end that dialled looks as well; nobody has to trust the one that answered."""
    answer = verdict(node(1), hello_of(node(7, host="far")), dialled=True, meant=meant)
    assert is_in(answer) is fits
    if not fits:
        assert refusal(answer).reason == f"this is node 7 at 'far'; node 1 meant to reach {meant}"


def test_what_is_meant_is_said() -> None:
    """Demand 11."""
    said = Gatekeeper(Membership(node(1)), meant=Meant(7, "far")).hello()
    assert (said.target_node, said.target_host) == (7, "far")
    assert meet(node(1), node(7, host="far"), meant=Meant(7, "far")) == (True, True)
    assert meet(node(1), node(7, host="else"), meant=Meant(7, "far")) == (False, False)


@pytest.mark.parametrize(
    ("accepted", "scope", "fits"),
    [
        (None, "", True),
        (None, "x", True),
        ((), "", False),
        ((), "x", False),
        (("x",), "x", True),
        (("x",), "y", False),
        (("x",), "", False),
        (("x", ""), "", True),
    ],
    ids=str,
)
def test_scopes(accepted: tuple[str, ...] | None, scope: str, fits: bool) -> None:
    """Demand 14: who has a list lets in those of it alone, its own scope not excepted, and counts the others."""
    membership = Membership(node(1, scope="y", accepted_scopes=accepted))
    hello = hello_of(node(7, scope=scope))
    assert hello.scope == scope
    answer = Gatekeeper(membership).judge(hello, login(), dialled=False)
    assert is_in(answer) is fits
    assert membership.rejected["NODE-7"] == (not fits)
    if not fits:
        no = refusal(answer)
        assert (no.kind, no.rule) == (RejectKind.PERMANENT, "NODE-7")
        assert no.reason.startswith("node 7 is of scope 'x'" if scope == "x" else "node 7 ")


LONG: Final = "x" * 60_000
STEERING: Final = "\x1b[2J\u202e\0\r" * 100


@pytest.mark.parametrize("name", [LONG, STEERING], ids=["long", "steering"])
@pytest.mark.parametrize(
    ("own", "said"),
    [
        (node(1, cluster="a"), {"cluster": ..., "host": ...}),
        (node(1, version="a"), {"version": ..., "host": ...}),
        (node(1, host="here"), {"target_host": ..., "target_node": 2**64 - 1, "host": ...}),
        (node(1, accepted_scopes=tuple(f"{i} of a long list" for i in range(60))), {"scope": ..., "host": ...}),
    ],
    ids=["cluster", "version", "target", "scope"],
)
def test_what_a_peer_says_is_safe_to_log(own: Node, said: dict[str, object], name: str) -> None:
    """NODE-9: 60 kB of a name are no log line of 60 kB, and nothing in it steers a terminal."""
    filled = {field: name if value is ... else value for field, value in said.items()}
    no = refusal(verdict(own, replace(hello_of(node(7)), **filled)))  # type: ignore[arg-type]
    assert no.reason.isprintable()
    assert len(no.reason) < 2048
    if name == LONG:
        assert len(no.reason) < 512
        assert "'..." in no.reason


def test_a_warning_is_safe_to_log() -> None:
    """NODE-9, demand 10."""
    warnings: list[str] = []
    keeper = Gatekeeper(Membership(node(1, version="1")), warn=warnings.append)
    for id, host in enumerate((LONG, STEERING), 7):
        assert is_in(keeper.judge(hello_of(node(id), host=host), login(), dialled=True))
    assert len(warnings) == 2
    assert all(text.isprintable() and len(text) < 1024 for text in warnings)
