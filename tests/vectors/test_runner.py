"""`msgr.vectors`: what holds passes, and what does not is found, whatever the topic."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Final

import pytest

from msgr.errors import ConfigError
from msgr.vectors import (
    CHECKS,
    Vector,
    VectorFile,
    check,
    default_directory,
    load,
    load_file,
    select,
    verify,
    verify_all,
)
from tests.vector_files import DIRECTORY, each, loaded, topics

SIGNS: Final = frozenset({"id", "rule", "flags", "result", "error", "about"})
NOT_LOOKED_AT: Final = {
    ("address", "text"): "where it is not sent, only a person reads it",
    ("secret", "wire"): "what is behind the first 40 bytes is not used",
    ("signature", "transcript"): "without a key it is not covered",
}


def failing(vector: Vector, **changes: Any) -> str | None:
    return verify(Vector(vector.topic, vector.id, {**vector.fields, **changes}))


@each("handshake", "session", "overheard")
def test_transcript(vector: Vector) -> None:
    """Demand 74p."""
    check(vector)


def test_every_topic_has_a_check() -> None:
    assert set(topics()) == set(CHECKS)


@pytest.mark.parametrize("topic", topics())
def test_what_is_turned_around_does_not_hold(topic: str) -> None:
    """Every valid vector refused, every invalid one let in: no check is blind to the result."""
    for vector in loaded()[topic].vectors:
        refused = {"result": "invalid", "error": "IdentError", "refused_by": "client"}
        turned = refused if vector.is_valid else {"result": "valid"}
        assert failing(vector, **turned) is not None, vector.id


@pytest.mark.parametrize("topic", topics())
def test_another_error_or_rule_does_not_hold(topic: str) -> None:
    for vector in loaded()[topic].vectors:
        if vector.is_valid:
            continue
        told = topic == "authorizer" and vector["kind"] == "server"  # a denial has a rule, and is no error
        assert told or failing(vector, error="StateError") is not None, vector.id
        unnamed = vector["error"] == "KeyringError" or (topic == "cephx" and vector["kind"] in ("cipher", "envelope"))
        assert unnamed or failing(vector, rule="TEST-1") is not None, vector.id


def spoilt(value: Any) -> Any:
    """Nearly the same."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return value[:-1] + ("0" if value[-1:] != "0" else "1") if value else "01"
    if isinstance(value, list):
        return [*value[:-1], spoilt(value[-1])] if value else [1]
    if isinstance(value, dict) and value:
        *_, last = value
        return {**value, last: spoilt(value[last])}
    return {"surprise": 1}


@pytest.mark.parametrize(
    "topic", ["checksum", "nonce", "secret", "signature", "primitives", "address", "address-vector"]
)
def test_every_field_counts(topic: str) -> None:
    for vector in loaded()[topic].vectors:
        for name, value in vector.fields.items():
            if name in SIGNS or not vector.is_valid or "NotSent" in vector.flags or (topic, name) in NOT_LOOKED_AT:
                continue
            assert failing(vector, **{name: spoilt(value)}) is not None, (vector.id, name)


@pytest.mark.parametrize("topic", ["frame-crc", "frame-secure", "stream-secure", "banner", "payload", "message-header"])
def test_every_last_byte_counts(topic: str) -> None:
    for vector in loaded()[topic].vectors:
        if vector.is_valid and vector.is_sent and vector.wire:
            assert failing(vector, wire=spoilt(vector["wire"])) is not None, vector.id


@pytest.mark.parametrize("topic", ["handshake", "session"])
def test_every_step_counts(topic: str) -> None:
    """The bytes, the frames, the events and the deliveries of every step, in a valid and in an invalid transcript."""
    chosen = {vector["result"]: vector for vector in loaded()[topic].vectors}
    assert len(chosen) == 2
    for vector in chosen.values():
        for at, connection in enumerate(vector["connections"]):
            for index, step in enumerate(connection["steps"]):
                for name in step.keys() & {"wire", "frames", "events", "delivers"}:
                    connections = copy.deepcopy(vector["connections"])
                    changed = f"0{step[name]}"[:-1] if name == "wire" else spoilt(step[name])
                    connections[at]["steps"][index][name] = changed
                    assert failing(vector, connections=connections) is not None, (vector.id, index, name)


@pytest.mark.parametrize("name", ["client_dice", "server_dice", "connection_secret"])
def test_every_secret_of_a_transcript_counts(name: str) -> None:
    vector = next(vector for vector in loaded()["session"].vectors if vector.id == "session-aes256k-secure-2.1")
    for change in (spoilt, lambda value: value + "00", lambda value: value[2:]):
        connections = copy.deepcopy(vector["connections"])
        connections[0][name] = change(connections[0][name])
        assert failing(vector, connections=connections) is not None
    assert failing(vector, secrets_dice=vector["secrets_dice"] + "00") is not None


def test_a_vector_that_makes_no_sense_fails() -> None:
    assert verify(Vector("checksum", "x", {"wire": "zz"})) is not None
    assert verify(Vector("nonsense", "x", {})) == "nonsense is not a topic that is known here"


# Files


def test_all_hold() -> None:
    outcome = verify_all(load())
    assert outcome.failed == ()
    assert outcome.document() == {"files": len(topics()), "vectors": outcome.vectors, "failed": []}
    assert outcome.vectors == sum(len(file.vectors) for file in loaded().values())


def test_choosing() -> None:
    files = list(loaded().values())
    assert [file.topic for file in select(files, None)] == topics()
    (nonces,) = select(files, "nonce")
    assert len(nonces.vectors) == len(loaded()["nonce"].vectors)
    (one,) = select(files, "nonce0-wrap")
    assert [vector.id for vector in one.vectors] == ["nonce0-wrap"]
    with pytest.raises(ConfigError, match="neither a topic nor the id"):
        select(files, "nonsense")


def test_what_fails_is_told(tmp_path: Path) -> None:
    vector = next(iter(loaded()["checksum"].vectors))
    wrong = Vector("checksum", vector.id, {**vector.fields, "checksum": 1})
    outcome = verify_all([VectorFile("checksum", "about", {}, [wrong, vector])])
    assert outcome.document() == {
        "files": 1,
        "vectors": 2,
        "failed": [{"id": vector.id, "reason": f"the checksum is {vector['checksum']}, not 1"}],
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not JSON"),
        ("[]", "not a file of vectors"),
        ('{"topic": "x", "about": "", "source": {}}', "'vectors'"),
        ('{"topic": "x", "about": "", "source": {}, "vectors": [{}]}', "'id'"),
        ('{"topic": "y", "about": "", "source": {}, "vectors": []}', "not its name"),
    ],
)
def test_files_that_hold_no_vectors(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ConfigError, match=reason):
        load_file(tmp_path / "x.json")


def test_directories_without_vectors(tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text("{}")
    with pytest.raises(ConfigError, match="no vector files"):
        list(load(tmp_path))
    with pytest.raises(ConfigError, match="No such file"):
        load_file(tmp_path / "nothing.json")


def test_where_they_are() -> None:
    assert default_directory() == DIRECTORY
    assert (DIRECTORY / "README.md").is_file()
