"""The vector files themselves: what another language has to be able to rely on."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator

from msgr.errors import KeyringError, PeerError
from msgr.frame import FrameMode, Preamble
from msgr.vectors.frames import mode_of
from tests.vector_files import DIRECTORY, Vector, load, loaded, topics
from tests.witness import __main__ as witness
from tests.witness.decoder import Reader
from tests.witness.opening import Wrong

ROOT: Final = Path(__file__).resolve().parents[2]
WITNESSED: Final = {topic["topic"]: topic for topic in witness.topics()}
SCHEMA: Final = json.loads((DIRECTORY / "schema.json").read_text("utf-8"))
FLAGS: Final[dict[str, Any]] = json.loads((DIRECTORY / "flags.json").read_text("utf-8"))
EVERY: Final = [vector for topic in topics() for vector in load(topic)]
TRANSCRIPTS: Final = ("handshake", "session", "overheard")
PLAIN: Final = [topic for topic in topics() if topic.startswith(("frame-", "abort-", "stream-"))]

AUTH_REQUEST_MORE: Final = 5
COMPRESSION_DONE: Final = 22


def content_of(topic: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((DIRECTORY / f"{topic}.json").read_text(encoding="utf-8"))
    return content


def test_every_file_is_made_by_the_witness() -> None:
    assert set(topics()) == set(WITNESSED)


@pytest.mark.parametrize("topic", WITNESSED)
def test_a_file_is_what_the_witness_says(topic: str) -> None:
    found = (DIRECTORY / f"{topic}.json").read_text(encoding="utf-8")
    assert found == witness.text(WITNESSED[topic])  # else: python -m tests.witness


# The schema


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["topic"]["enum"] == [
        each["if"]["properties"]["topic"]["const"] for each in SCHEMA["allOf"]
    ]


@pytest.mark.parametrize("topic", topics())
def test_a_file_keeps_the_schema(topic: str) -> None:
    assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(content_of(topic))] == []


@pytest.mark.parametrize("topic", topics())
def test_the_schema_tells_the_fields_of_a_topic(topic: str) -> None:
    """A field more, or one less, in the first vector and in the last, does not keep it."""
    content = content_of(topic)
    schema = Draft202012Validator(SCHEMA)
    for index in (0, -1):
        vector = content["vectors"][index]
        for key in [key for key in vector if key not in ("text", "canonical", "limits", "limit", "error")]:
            less = content | {"vectors": [{each: value for each, value in vector.items() if each != key}]}
            assert not schema.is_valid(less), key
        assert not schema.is_valid(content | {"vectors": [vector | {"surprise": 1}]})
        assert schema.is_valid(content | {"vectors": [vector]})


# What the files say of themselves


def test_ids_are_unique_in_the_whole_set() -> None:
    assert [ident for ident, count in Counter(vector.id for vector in EVERY).items() if count > 1] == []


def test_every_flag_is_explained() -> None:
    explained = FLAGS["flags"]
    used = {flag for vector in EVERY for flag in vector.flags}
    assert used - set(explained) == set()
    assert set(explained) - used == set(), "nothing is left that is explained and not used"
    for name, flag in explained.items():
        assert list(flag) == ["bug", "effect", "cve"], name
        assert flag["bug"].endswith("."), name
        assert flag["effect"].endswith("."), name
        assert all(cve.startswith("CVE-2") for cve in flag["cve"]), name


@pytest.mark.parametrize("topic", topics())
def test_a_file_tells_where_it_comes_from(topic: str) -> None:
    source = loaded()[topic].source
    assert (ROOT / source["generator"]).is_file()
    for other in source["independent"]:
        assert (ROOT / other["checked_by"]).is_file(), other


@pytest.mark.parametrize("topic", topics())
def test_an_invalid_vector_names_its_error(topic: str) -> None:
    for vector in load(topic):
        assert ("error" in vector.fields) is not vector.is_valid, vector.id
        assert vector.is_valid or issubclass(vector.error, PeerError | KeyringError), vector.id


def test_there_are_enough() -> None:
    refused = [vector for vector in EVERY if not vector.is_valid]
    assert len(EVERY) >= 1600
    assert len(refused) * 2 >= len(EVERY)


def test_the_set_has_a_version() -> None:
    numbers = [int(number) for number in FLAGS["version"].split(".")]
    assert len(numbers) == 3
    assert f"version {FLAGS['version']}" in (DIRECTORY / "README.md").read_text("utf-8")


def test_the_readme_has_every_topic() -> None:
    text = (DIRECTORY / "README.md").read_text("utf-8")
    assert [topic for topic in topics() if f"`{topic}`" not in text] == []


# What no vector may hold: some deployed daemons do not survive it, and vectors travel to where they might be sent.


def preamble_of(mode: FrameMode, vector: Vector) -> Preamble | None:
    try:
        return mode.open_head(vector.wire[: mode.head_size]).preamble
    except PeerError:
        return None


@pytest.mark.parametrize("topic", PLAIN)
def test_no_frame_says_that_it_is_compressed(topic: str) -> None:
    for vector in load(topic):
        preamble = preamble_of(mode_of(vector, sender=False), vector)
        assert preamble is None or not preamble.compressed, vector.id
        assert vector["mode"] != "crc" or not vector.wire[26] & 1, vector.id


def test_no_preamble_says_that_it_is_compressed() -> None:
    assert not any(vector.wire[26] & 1 for vector in load("preamble") if vector.is_valid)


def frames_of(vector: Vector) -> list[dict[str, Any]]:
    steps = [step for connection in vector["connections"] for step in connection["steps"]]
    return [frame for step in steps for frame in step.get("frames", [])]


def arriving(vector: Vector) -> list[bytes]:
    steps = [step for connection in vector["connections"] for step in connection["steps"]]
    return [bytes.fromhex(step["arrives"]) for step in steps if "arrives" in step and step["frames"][0]["tag"]]


def trouble(reader: Reader) -> str:
    """What somebody finds wrong who reads on."""
    try:
        while reader.frame() is not None:
            pass
    except Wrong as wrong:
        return str(wrong)
    return ""


@pytest.mark.parametrize("topic", TRANSCRIPTS)
def test_no_transcript_is_compressed_without_an_agreement(topic: str) -> None:
    for vector in load(topic):
        done = [frame for frame in frames_of(vector) if frame["tag"] == COMPRESSION_DONE]
        if any(frame["segments"][0].startswith("01") for frame in done):
            continue
        assert not any(frame.get("compressed") for frame in frames_of(vector)), vector.id
        for arrives in arriving(vector):
            assert "nobody agreed" not in trouble(Reader(vector["setup"]["client"]["revisions"][0], buffer=arrives))


@pytest.mark.parametrize("topic", TRANSCRIPTS)
def test_no_transcript_asks_for_secure_mode_and_no_tickets(topic: str) -> None:
    for vector in load(topic):
        for frame in frames_of(vector):
            if frame["tag"] != AUTH_REQUEST_MORE or topic == "overheard":
                continue
            said = bytes.fromhex(frame["segments"][0])[4:]
            assert said[2] == 3, vector.id
            assert any(said[-4:]), vector.id
