"""What `vectors/README.md` shows is so, and the example in another language runs."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from msgr.cli import main
from tests.vector_files import DIRECTORY, load, loaded

ROOT: Final = Path(__file__).resolve().parents[2]
README: Final = (DIRECTORY / "README.md").read_text("utf-8")
REQUIRED: Final = os.environ.get("MSGR_REQUIRE_CEPH") == "1"


def block(name: str) -> str:
    """The fenced block below a mark."""
    found = re.search(rf"<!-- {name} -->\n```\w*\n(.*?)```", README, re.DOTALL)
    assert found is not None, name
    return found[1]


def octets(text: str) -> bytes:
    """The bytes that begin each line."""
    return bytes.fromhex("".join(re.split(r"\s{3,}", line)[0] for line in text.splitlines()))


def needs(program: str) -> None:
    if shutil.which(program) is None:
        if REQUIRED:
            pytest.fail(f"{program} is not installed", pytrace=False)
        pytest.skip(f"{program} is not installed")


def shown(name: str) -> list[tuple[list[str], list[str]]]:
    """The commands of a block, and what they print."""
    commands: list[tuple[list[str], list[str]]] = []
    for line in block(name).splitlines():
        if line.startswith("$ "):
            commands.append((shlex.split(line[2:]), []))
        else:
            commands[-1][1].append(line)
    return commands


def run(command: list[str]) -> list[str]:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done.stdout.splitlines()


def test_the_frame_in_crc_mode() -> None:
    (vector,) = (vector for vector in load("frame-crc") if vector.id == "crc1-ack")
    assert octets(block("crc1-ack")) == vector.wire


def test_the_frame_in_secure_mode() -> None:
    (vector,) = (vector for vector in load("frame-secure") if vector.id == "secure1-ack")
    secret = vector.octets("secret")
    plain, wire = octets(block("secure1-ack plain")), octets(block("secure1-ack wire"))
    assert wire == vector.wire
    assert AESGCM(secret[:16]).encrypt(secret[28:40], plain, None) == wire


def test_the_numbers() -> None:
    count = sum(len(file.vectors) for file in loaded().values())
    assert f"{count:,} vectors in {len(loaded())} files" in README


def test_our_own_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for command, printed in shown("msgr"):
        assert main(command[1:]) == 0
        assert capsys.readouterr().out.splitlines() == printed


def test_node() -> None:
    needs("node")
    ((command, printed),) = shown("node")
    assert run(command) == printed


def test_node_sees_what_is_wrong(tmp_path: Path) -> None:
    """A frame that should be refused, and one that should not, are told by their ids."""
    needs("node")
    for path in DIRECTORY.glob("*-*.json"):
        shutil.copy(path, tmp_path)
    (tmp_path / "examples").mkdir()
    script = shutil.copy(DIRECTORY / "examples" / "verify.mjs", tmp_path / "examples")
    file = tmp_path / "frame-crc.json"
    text = file.read_text("utf-8")
    spoilt = text.replace("05000000000000003fb2f61b", "06000000000000003fb2f61b").replace(
        '"result": "invalid"', '"result": "valid"', 1
    )
    assert spoilt != text
    file.write_text(spoilt, "utf-8")
    done = subprocess.run(["node", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "crc1-ack: refused" in done.stdout
    assert "wrong" in done.stdout.splitlines()[-1]


def test_jq() -> None:
    needs("jq")
    ((command, printed),) = shown("jq")
    end = command.index("|")
    assert command[end:] == ["|", "head", "-3"]
    assert run(command[:end])[:3] == printed
