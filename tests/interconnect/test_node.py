"""What may be a node's name, and what a node says."""

from __future__ import annotations

from typing import Any

import pytest

from msgr.errors import ConfigError
from msgr.frame import Mode
from msgr.interconnect import Encryption, Gatekeeper, Membership, Node
from msgr.wire import EntityAddr

from .ends import node

BAD_NAMES = {
    "new line": "a\nb",
    "escape": "\x1b[31mred",
    "nul": "\0",
    "delete": "\x7f",
    "right to left": "a\u202eb",
    "line separator": "a\u2028b",
    "lone surrogate": "\ud800",
    "256 bytes": "x" * 256,
    "128 letters of two bytes": "é" * 128,
}


@pytest.mark.parametrize("name", BAD_NAMES.values(), ids=BAD_NAMES)
@pytest.mark.parametrize("where", ["cluster", "version", "host", "scope"])
def test_a_name_is_short_and_printable(where: str, name: str) -> None:
    with pytest.raises(ConfigError, match="is no name") as caught:
        Node(id=1, **{where: name})  # type: ignore[arg-type]
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("where", ["accepted_clusters", "accepted_versions", "accepted_scopes"])
def test_so_are_those_that_are_accepted(where: str) -> None:
    settings: dict[str, Any]
    for name in BAD_NAMES.values():
        settings = {where: ("good", name)}
        with pytest.raises(ConfigError):
            Node(id=1, **settings)
    settings = {where: tuple(map(str, range(65)))}
    with pytest.raises(ConfigError, match="more than 64"):
        Node(id=1, **settings)
    settings = {where: tuple(map(str, range(64)))}
    Node(id=1, **settings)


@pytest.mark.parametrize("id", [0, -1, 1 << 64])
def test_an_id_is_a_number_that_fits(id: int) -> None:
    with pytest.raises(ConfigError):
        Node(id=id)


def test_the_longest_name_and_id() -> None:
    assert Node(id=(1 << 64) - 1, cluster="é" * 127 + "x", host="имя узла").id == 2**64 - 1


@pytest.mark.parametrize(
    ("own", "accepted", "said"),
    [
        ("", (), ()),
        ("a", (), ("a",)),
        ("a", ("b", "a", "c"), ("a", "b", "c")),
        ("", ("b",), ("", "b")),
        ("a", None, ()),
        ("", None, ()),
    ],
)
def test_the_accepted_names(own: str, accepted: tuple[str, ...] | None, said: tuple[str, ...]) -> None:
    """Demand 8: a node that has no cluster of its own, and accepts none, lets in all."""
    assert Node(id=1, cluster=own, accepted_clusters=accepted).clusters == said
    assert Node(id=1, version=own, accepted_versions=accepted).versions == said


def test_modes() -> None:
    """Demand 17."""
    assert [Node(id=1, encryption=wants).modes for wants in Encryption] == [
        (Mode.CRC,),
        (Mode.SECURE, Mode.CRC),
        (Mode.SECURE,),
    ]


def test_an_introduction_has_all_of_a_node() -> None:
    """Demands 8, 10, 11, 13, 14 and 17: each is said, in its place."""
    where = (EntityAddr.parse("v2:10.0.0.1:6800/5"),)
    own = node(
        3,
        cluster="c",
        accepted_clusters=("d",),
        version="1",
        accepted_versions=("2",),
        host="h",
        scope="s",
        accepted_scopes=("t",),
        encryption=Encryption.REQUIRED,
    )
    said = Gatekeeper(Membership(own), listening=where, part_limit=5).hello()
    assert (said.node, said.host, said.scope, said.encryption) == (3, "h", "s", Encryption.REQUIRED)
    assert (said.cluster, said.accepted_clusters) == ("c", ("c", "d"))
    assert (said.version, said.accepted_versions) == ("1", ("1", "2"))
    assert (said.listening, said.part_limit, said.program.serial) == (where, 5, 1)
