"""Floor 3 against its vectors: banners, payloads, message headers."""

from __future__ import annotations

from msgr.frame import NodeTag
from msgr.payload import CONTROL, NODE_CONTROL
from msgr.vectors import Vector, check
from tests.vector_files import each, load


@each("banner", "banner-negotiation", "payload", "message-header")
def test_vector(vector: Vector) -> None:
    check(vector)


def test_every_payload_has_vectors_of_both_results() -> None:
    found = {(vector["tag"], vector["result"]) for vector in load("payload")}
    wanted = {
        (tag, result) for tag in (*CONTROL, *NODE_CONTROL, NodeTag.MESSAGE_PART) for result in ("valid", "invalid")
    }
    assert found == wanted - {(16, "invalid")}  # WAIT is empty: there is nothing to get wrong
