"""The vector files themselves: what another language has to be able to rely on."""

from __future__ import annotations

import json

import pytest

from msgr.errors import PeerError
from msgr.frame import FrameMode, Preamble
from tests.frame.vectors import mode_of
from tests.vector_files import DIRECTORY, Vector, load, topics
from tests.witness import __main__ as witness

WITNESSED = {topic["topic"]: topic for topic in witness.topics()}


@pytest.mark.parametrize("topic", WITNESSED)
def test_a_file_is_what_the_witness_says(topic: str) -> None:
    found = (DIRECTORY / f"{topic}.json").read_text(encoding="utf-8")
    assert found == witness.text(WITNESSED[topic])  # else: python -m tests.witness


@pytest.mark.parametrize("topic", topics())
def test_a_topic_is_well_formed(topic: str) -> None:
    content = json.loads((DIRECTORY / f"{topic}.json").read_text(encoding="utf-8"))
    assert content["topic"] == topic
    assert content["about"]
    vectors = list(load(topic))
    assert len({vector.id for vector in vectors}) == len(vectors) > 0
    for vector in vectors:
        assert vector["result"] in ("valid", "invalid"), vector.id
        assert isinstance(vector["flags"], list), vector.id
        assert vector.rule, vector.id


@pytest.mark.parametrize("topic", WITNESSED)
def test_an_invalid_vector_names_its_error(topic: str) -> None:
    for vector in load(topic):
        assert ("error" in vector.fields) is (vector["result"] == "invalid"), vector.id
        assert vector["result"] == "valid" or issubclass(vector.error, PeerError), vector.id
        assert vector.wire.hex() == vector["wire"], vector.id


def preamble_of(mode: FrameMode, vector: Vector) -> Preamble | None:
    try:
        return mode.open_head(vector.wire[: mode.head_size]).preamble
    except PeerError:
        return None


@pytest.mark.parametrize("topic", [topic for topic in topics() if topic.startswith(("frame-", "abort-", "stream-"))])
def test_no_frame_says_that_it_is_compressed(topic: str) -> None:
    # Some deployed daemons do not survive that, and vectors travel to where they might be sent.
    for vector in load(topic):
        preamble = preamble_of(mode_of(vector, sender=False), vector)
        assert preamble is None or not preamble.compressed, vector.id
        assert vector["mode"] != "crc" or not vector.wire[26] & 1, vector.id


def test_no_preamble_says_that_it_is_compressed() -> None:
    assert not any(vector.wire[26] & 1 for vector in load("preamble") if vector["result"] == "valid")


def test_there_are_enough() -> None:
    every = [vector for topic in topics() for vector in load(topic)]
    refused = [vector for vector in every if vector["result"] == "invalid"]
    assert len(every) >= 500
    assert len(refused) * 3 >= len(every)
