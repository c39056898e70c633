"""Without banner bit 48 a connection is byte for byte that of Ceph, and to offer it changes nothing but the bit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from msgr.frame import NodeTag
from msgr.payload import Banner
from msgr.session import Message
from msgr.wire import BannerFeature

from .pair import SETUPS, WAYS, Pair, Setup, Way, World
from .reading import EXTENSION_AT, Piece, read
from .script import BANNER_SIZE
from .test_node import CLIENT_HELLO, Judge

VECTORS: Final = Path(__file__).parents[2] / "vectors"
OFFERING: Final = ("client", "server")


def talk(setup: Setup, offering: str | None) -> tuple[Pair, dict[Way, list[Piece]]]:
    """Return a conversation in which one end, or none, offers the extension, and what both said."""
    world = World(setup)
    client = replace(world.client, node=Judge(CLIENT_HELLO) if offering == "client" else None)
    server = replace(world.server, node=Judge(CLIENT_HELLO) if offering == "server" else None)
    pair = Pair(client, server)
    secrets: list[bytes] = []
    pair.client.reveal(secrets.append)
    pair.pump()
    assert pair.is_ready
    pair.client.send_message(Message(type=7, front=b"front", data=b"data" * 100))
    pair.server.send_message(Message(type=8, front=b"answer"))
    pair.pump()
    pair.client.send_keepalive(now=pair.now)
    pair.pump()
    secret = secrets[0] if secrets else None
    return pair, {
        way: read(bytes(pair.wire[way]), setup.revision, secret=secret, by_client=way == "to server") for way in WAYS
    }


def changed(before: bytes, after: bytes) -> list[int]:
    """Return the places at which two strings of the same length differ."""
    assert len(before) == len(after)
    return [index for index, (one, other) in enumerate(zip(before, after, strict=True)) if one != other]


@pytest.mark.parametrize("offering", OFFERING)
@pytest.mark.parametrize("setup", SETUPS, ids=str)
def test_to_offer_it_to_a_plain_peer_changes_one_byte_and_what_signs_it(setup: Setup, offering: str) -> None:
    """NODE-1. With cephx the peer's signature covers our banner, so that changes as well, and nothing else does."""
    plain, before = talk(setup, None)
    offered, after = talk(setup, offering)
    own: Way = "to server" if offering == "client" else "to client"
    for way in WAYS:
        assert [piece.name for piece in after[way]] == [piece.name for piece in before[way]]
        assert len(plain.wire[way]) == len(offered.wire[way])
        for one, other in zip(before[way], after[way], strict=True):
            if one.name == "banner":
                assert changed(one.wire, other.wire) == ([EXTENSION_AT] if way == own else [])
            elif one.name == "AUTH_SIGNATURE" and setup.is_secure and way != own:
                # An end signs what it received: the one that does not offer it signs the other's bit.
                assert one.said != other.said
                assert len(one.wire) == len(other.wire)
            else:
                assert one.wire == other.wire
    banner = Banner.of_wire(after[own][0].wire)
    assert banner.supported == Banner.of_wire(before[own][0].wire).supported | BannerFeature.MSGR_EXT
    assert banner.required == 0


@pytest.mark.parametrize("setup", SETUPS, ids=str)
def test_a_plain_connection_has_neither_the_bit_nor_a_private_frame(setup: Setup) -> None:
    _, said = talk(setup, None)
    private = {tag.name for tag in NodeTag}
    for pieces in said.values():
        assert not Banner.of_wire(pieces[0].wire).supported >> 2
        assert not private & {piece.name for piece in pieces}


def recorded(topic: str) -> list[Any]:
    """Return the valid transcripts of connections whose ends do not offer the extension."""
    vectors: list[dict[str, Any]] = json.loads((VECTORS / f"{topic}.json").read_text())["vectors"]
    return [
        pytest.param(vector, id=vector["id"])
        for vector in vectors
        if vector["result"] == "valid" and "Extended" not in vector["flags"]
    ]


@pytest.mark.parametrize("vector", [*recorded("handshake"), *recorded("session")])
def test_what_was_recorded_before_there_was_an_extension(vector: dict[str, Any]) -> None:
    """That we still write these very bytes is what `tests/vectors` runs; here is that none of them is private."""
    for connection in vector["connections"]:
        sides = set()
        for step in connection["steps"]:
            if "wire" not in step:
                continue
            if step["from"] not in sides:
                sides.add(step["from"])
                assert Banner.of_wire(bytes.fromhex(step["wire"])[:BANNER_SIZE]).supported < 4
            assert not any(frame["tag"] in tuple(NodeTag) for frame in step.get("frames", ()))
