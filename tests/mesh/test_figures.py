"""The sum of what nodes report, and what it calls a fault."""

from __future__ import annotations

from dataclasses import replace

import pytest

from msgr.errors import ConfigError
from msgr.mesh import Figures, NodeFigures, Plan

PLAN = Plan(nodes=2, seconds=1, roll=False, seed=1)


def node(number: int, **counts: object) -> NodeFigures:
    """Return what a node of a mesh of two reports where all is well."""
    well = NodeFigures(
        node=number,
        cluster="before",
        peers=[3 - number],
        sessions=1,
        sent=7,
        received=7,
        delivered=7,
        volume={1: 100, 2: 200, 3: 400},
    )
    return replace(well, **counts)  # type: ignore[arg-type]


def figures(first: NodeFigures, second: NodeFigures, **more: object) -> Figures:
    """Return the sum of two nodes."""
    volume = {channel: first.volume[channel] + second.volume[channel] for channel in first.volume}
    settings = {"plan": PLAN, "nodes": [first, second], "volume": volume, "strangers": ["no", "no"]} | more
    return Figures(**settings)  # type: ignore[arg-type]


def test_all_is_well() -> None:
    found = figures(node(1), node(2))
    assert found.faults == []
    assert (found.sessions, found.lost, found.total("sent")) == (1, 0, 14)
    assert [round(share.measured, 3) for share in found.shares.values()] == [0.143, 0.286, 0.571]


@pytest.mark.parametrize(
    ("counts", "fault"),
    [
        ({"received": 6}, "1 messages lost"),
        ({"duplicated": 1}, "1 messages duplicated"),
        ({"reordered": 2}, "2 messages reordered"),
        ({"undelivered": 1}, "1 messages undelivered"),
        ({"unknown": 1}, "1 messages unknown"),
        ({"errors": ["it broke"]}, "node 1: it broke"),
        ({"peers": [], "sessions": 0}, "0 pairs have a session, 1 should; the nodes hold 1 ends"),
        ({"sessions": 2}, "1 pairs have a session, 1 should; the nodes hold 3 ends"),
        ({"volume": {1: 150, 2: 200, 3: 400}}, "channel 1 had 17.2% of the bytes, its quota is 14.3%"),
    ],
)
def test_each_fault_is_named(counts: dict[str, object], fault: str) -> None:
    assert fault in figures(node(1, **counts), node(2)).faults


def test_a_stranger_has_to_be_refused_at_both_ends() -> None:
    found = figures(node(1), node(2), strangers=["only here"])
    assert found.faults == ["a node of another cluster was not refused at both ends"]


def test_a_node_s_report_travels_as_plain_values() -> None:
    whole = node(2, refused=["words"])
    document = whole.document()
    document["volume"] = {str(channel): size for channel, size in whole.volume.items()}  # as JSON has it
    assert NodeFigures.of(document) == whole


def test_a_mesh_of_one_is_none() -> None:
    with pytest.raises(ConfigError, match="nobody to talk to"):
        Plan(nodes=1, seconds=1, roll=False, seed=1)
