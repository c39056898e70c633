"""`msgr vectors`: what it prints and how it ends."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.run import Msgr
from tests.vector_files import DIRECTORY, loaded, topics


@pytest.fixture
def msgr(capsys: pytest.CaptureFixture[str]) -> Msgr:
    """The command, in this process."""
    return Msgr(capsys)


@pytest.mark.slow  # test_runner.py has them all as well
def test_all_hold(msgr: Msgr) -> None:
    outcome = msgr("vectors", "verify", "--json")
    count = sum(len(file.vectors) for file in loaded().values())
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.document == {"files": len(topics()), "vectors": count, "failed": []}


def test_one_topic_and_one_vector(msgr: Msgr) -> None:
    assert msgr("vectors", "verify", "--only", "nonce", "--json").document["vectors"] == len(loaded()["nonce"].vectors)
    assert msgr("vectors", "verify", "--only", "crc1-ack").out == "1 vector in 1 file: all hold\n"


def test_what_fails(msgr: Msgr, tmp_path: Path) -> None:
    text = (DIRECTORY / "nonce.json").read_text("utf-8")
    (tmp_path / "nonce.json").write_text(text.replace('"wire": "1c', '"wire": "ff'))
    outcome = msgr("vectors", "verify", str(tmp_path))
    assert outcome.code == 1
    assert outcome.out.splitlines()[-1] == "10 vectors in 1 file: 2 failed"
    assert outcome.out.startswith("FAILED nonce0-of-secret: the sequence is")
    outcome = msgr("vectors", "verify", str(tmp_path), "--json")
    assert (outcome.code, len(outcome.document["failed"])) == (1, 2)
    assert set(outcome.document["failed"][0]) == {"id", "reason"}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["verify", "--only", "nonsense"], "neither a topic nor the id"),
        (["verify", "/nowhere/at/all"], "no vector files"),
        (["list", "--only", "nonsense"], "neither a topic nor the id"),
        ([], "Missing command"),
    ],
)
def test_usage(msgr: Msgr, arguments: list[str], reason: str) -> None:
    outcome = msgr("vectors", *arguments)
    assert outcome.code == 2
    assert reason in outcome.err


def test_a_file_that_holds_no_vectors(msgr: Msgr, tmp_path: Path) -> None:
    shutil.copy(DIRECTORY / "nonce.json", tmp_path / "another.json")
    outcome = msgr("vectors", "verify", str(tmp_path), "--json")
    assert outcome.code == 2
    assert outcome.error["kind"] == "ConfigError"


def test_a_list_of_topics(msgr: Msgr) -> None:
    outcome = msgr("vectors", "list")
    assert outcome.code == 0
    assert [line.split()[0] for line in outcome.out.splitlines()] == topics()
    document = msgr("vectors", "list", "--json").document
    assert [file["topic"] for file in document["files"]] == topics()
    assert (
        document["files"][0]["source"] == json.loads((DIRECTORY / f"{topics()[0]}.json").read_text("utf-8"))["source"]
    )


def test_a_list_of_vectors(msgr: Msgr) -> None:
    lines = msgr("vectors", "list", "--only", "frame-crc").out.splitlines()
    assert len(lines) == len(loaded()["frame-crc"].vectors)
    assert lines[0].split() == ["crc0-ack", "valid", "FRAME-5"]
