"""The second reader: it shares no code with msgr, reads what real daemons say, and the transcripts the same way.

So it is a witness of frames, keys, proofs and signatures; what sessions are to do, it does not judge.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from msgr.vectors import Vector
from tests.vector_files import each, load
from tests.witness.onlooker import Onlooker, described, key_of
from tests.witness.opening import Wrong

NOT_SEEN: Final = {
    "request-name": "a proof by a key that the listener does not know, and a refusal within the rules",
    "request-global-id": "a refusal within the rules",
    "request-method": "a method that nobody knows is no error to one who listens",
    "request-said-twice": "which frame comes when is the ends' affair",
    "hello-said-twice": "the same",
    "done-mode": "which modes were offered is the ends' affair",
    "ident": "what identities say is the ends' affair",
    "revision-turned-down": "each end speaks as it was told to, so they alone see that they differ",
    "challenge-zero": "seen by the proof, which is not made any more",
    "challenge-cut": "the same",
    "ack-": "the numbers of a session are the ends' affair",
    "header-": "the same",
    "keepalive-with": "how many segments a frame has is the ends' affair",
    "hello-in": "which frame comes when is the ends' affair",
    "server-ident": "what identities say is the ends' affair",
    "compression-unasked": "which frame comes when is the ends' affair",
    "received-what": "the numbers of a session are the ends' affair",
    "no-common": "a refusal within the rules",
    "told-to-wait": "a refusal within the rules",
    "unknown-client": "a refusal within the rules",
    "node-rejected": "whom a node lets in is the ends' affair",
    "node-hello-": "what nodes say is the ends' affair",
    "node-private": "which frame comes when is the ends' affair",
    "done-payload": "what method none says is the ends' affair",
}
"""Of refused transcripts, places in their ids that a listener does not see, and why."""


def listener(vector: Vector) -> Onlooker:
    """One who knows the clients' keys, and no other secret."""
    keys = vector.fields.get("keys")
    if keys is None:
        keys = {name: entry["key"] for name, entry in vector["setup"]["server"]["keyring"].items()}
    return Onlooker({name: key_of(text) for name, text in keys.items()})


def said(connection: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for step in connection["steps"] if "from" in step]


@each("overheard")
def test_real_daemons_are_understood(vector: Vector) -> None:
    """To the last byte, with the client's key alone."""
    for connection in vector["connections"]:
        look = listener(vector)
        for step in said(connection):
            found = look.read(step["from"], bytes.fromhex(step["wire"]))
            assert [described(frame) for frame in found] == step["frames"]
        assert [reader.buffer for reader in look.readers.values()] == [b"", b""]
        assert look.connection_secret.hex() == connection["connection_secret"]


def test_a_real_daemon_was_understood_in_secure_mode() -> None:
    secrets = [connection["connection_secret"] for vector in load("overheard") for connection in vector["connections"]]
    assert len(list(filter(None, secrets))) == 1


@each("handshake", "session", result="valid")
def test_a_transcript_says_the_same(vector: Vector) -> None:
    for connection in vector["connections"]:
        look = listener(vector)
        for step in said(connection):
            if step.get("arrives") and "Unprotected" not in vector.flags:
                continue
            found = look.read(step["from"], bytes.fromhex(step["wire"]))
            assert [described(frame) for frame in found] == step["frames"]
        assert [reader.buffer for reader in look.readers.values()] == [b"", b""]
        assert look.connection_secret.hex() == connection["connection_secret"]
        assert (look.session_key.secret.hex() if look.session_key else "") == connection["session_key"]


def arrivals(connection: dict[str, Any], look: Onlooker) -> None:
    """Listen behind the one who meddles."""
    look.before = Onlooker(look.keys, lenient=True)
    for step in said(connection):
        wire, arrives = bytes.fromhex(step["wire"]), step.get("arrives")
        look.before.read(step["from"], wire, heard=None if arrives is None else bytes.fromhex(arrives))
        look.read(step["from"], bytes.fromhex(step.get("arrives", step["wire"])))
        if "events" in step and "closed" in step["events"]:
            break


@each("handshake", "session", result="invalid")
def test_what_is_spoilt_is_seen(vector: Vector) -> None:
    *_, last = vector["connections"]
    if any(place in vector.id for place in NOT_SEEN):
        return
    look = listener(vector)
    with pytest.raises(Wrong):
        arrivals(last, look)


def test_most_is_seen() -> None:
    every = [vector for topic in ("handshake", "session") for vector in load(topic) if not vector.is_valid]
    left_out = [vector for vector in every if any(place in vector.id for place in NOT_SEEN)]
    assert len(left_out) * 2 < len(every)
    assert [place for place in NOT_SEEN if not any(place in vector.id for vector in every)] == []
