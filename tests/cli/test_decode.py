"""`msgr decode`: what it prints and writes, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

from tests.capture.packets import captured, pcap
from tests.capture.talk import CLIENT, SERVER, talk

from .run import ENVIRONMENT, Msgr, spawn

SAID: Final = talk()


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """A capture of one connection in secure mode."""
    path = tmp_path / "capture.pcap"
    path.write_bytes(pcap(captured(SAID.pieces, CLIENT, SERVER), 101))
    return path


@pytest.fixture
def keylog(tmp_path: Path) -> Path:
    """The secret of that connection."""
    path = tmp_path / "keys"
    path.write_text(f"# ours\nMSGR2_CONNECTION_SECRET {CLIENT} {SERVER} {SAID.secrets[0].hex()}\n")
    return path


def test_lines(msgr: Msgr, capture: Path, keylog: Path) -> None:
    done = msgr("decode", str(capture), "--keylog", str(keylog))
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == f"{CLIENT} > {SERVER}  msgr 2.1, secure mode, auth cephx, 20 frames"
    assert len(lines) == 1 + 22 + 2
    assert lines[-1] == "1 msgr2 connection, 20 frames"


def test_what_cannot_be_read(msgr: Msgr, capture: Path) -> None:
    done = msgr("decode", str(capture))
    assert (done.code, done.err) == (0, "")
    errors = [line for line in done.out.splitlines() if line.startswith("  ERROR ")]
    assert len(errors) == 2
    assert all("encrypted, and no key log has its secret" in line for line in errors)


def test_a_ladder(msgr: Msgr, capture: Path, keylog: Path) -> None:
    done = msgr("decode", str(capture), "--keylog", str(keylog), "--ladder")
    assert (done.code, done.err) == (0, "")
    rungs = [line for line in done.out.splitlines() if "│──" in line or "│◀──" in line]
    assert len(rungs) == 22
    assert {len(rung) for rung in rungs} == {92}


def test_json(msgr: Msgr, capture: Path, keylog: Path) -> None:
    done = msgr("decode", str(capture), "--keylog", str(keylog), "--json", "--ladder")
    assert (done.code, done.err) == (0, "")
    (connection,) = done.document["connections"]
    assert list(done.document) == ["connections"]
    assert list(connection) == [
        *("client", "server", "revision", "mode", "auth_method", "frames", "undecrypted", "errors"),
    ]
    assert (connection["client"], connection["server"]) == (str(CLIENT), str(SERVER))
    assert (connection["undecrypted"], connection["errors"]) == (0, [])
    assert list(connection["frames"][0]) == ["time", "from", "tag", "segments", "payload", "message", "error"]


def test_a_page(msgr: Msgr, capture: Path, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    done = msgr("decode", str(capture), "--html", str(out))
    assert (done.code, done.out, done.err) == (0, "", f"wrote {out}: 1 msgr2 connection, 6 frames\n")
    assert out.read_text("utf-8").startswith("<!DOCTYPE html>")
    both = msgr("decode", str(capture), "--html", str(out), "--json")
    assert len(both.document["connections"]) == 1
    assert msgr("decode", str(capture), "--html", str(out), "--ladder").out.count("│") > 10


def test_damage_is_noted(msgr: Msgr, capture: Path) -> None:
    capture.write_bytes(capture.read_bytes()[:-10])
    done = msgr("decode", str(capture), "--json")
    assert done.code == 0
    assert done.err.startswith("msgr: the file: cut short after ")
    assert len(done.document["connections"]) == 1


def test_nothing_of_msgr2(msgr: Msgr, capture: Path) -> None:
    capture.write_bytes(pcap([], 101))
    assert msgr("decode", str(capture)).out == "0 msgr2 connections, 0 frames\n"
    assert msgr("decode", str(capture), "--json").document == {"connections": []}


@pytest.mark.parametrize("option", ["file", "--keylog", "--html"])
def test_files_that_are_not_there(msgr: Msgr, capture: Path, tmp_path: Path, option: str) -> None:
    nowhere = str(tmp_path / "no" / "where")
    arguments = [nowhere] if option == "file" else [str(capture), option, nowhere]
    done = msgr("decode", *arguments, "--json")
    assert done.code == 2
    assert done.error == {"kind": "ConfigError", "message": f"{nowhere}: No such file or directory", "rule": None}


def test_what_is_no_capture(msgr: Msgr, capture: Path) -> None:
    capture.write_text("a text")
    done = msgr("decode", str(capture), "--json")
    assert done.code == 2
    assert done.error["message"] == f"{capture} is neither pcap nor pcapng, nor a recorded conversation"


def test_in_plain_characters(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENVIRONMENT, "PYTHONIOENCODING", "ascii")
    done = spawn("decode", str(capture), "--ladder")
    assert (done.code, done.err) == (0, "")
    assert done.out.isascii()
    assert "|<-- BANNER  supports" in done.out


def test_in_colours_on_a_terminal(msgr: Msgr, capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.delenv("NO_COLOR", raising=False)
    plain = msgr("decode", str(capture)).out
    assert "\x1b[1;36m HELLO " in plain
    assert "\x1b[1;32m HELLO " in plain
    assert "\x1b[31m  ERROR" in plain
    rung = next(line for line in msgr("decode", str(capture), "--ladder").out.splitlines() if "BANNER" in line)
    assert rung.count("─") > 50


def test_what_it_says_it_is(msgr: Msgr) -> None:
    done = msgr("decode", "--help")
    assert done.code == 0
    assert "MSGR_KEYLOG" in done.out
    assert json.loads(msgr("decode", "/nowhere", "--json").out)["error"]["kind"] == "ConfigError"
