"""`msgr dissector`: where it writes the plug-in, and how it ends."""

from __future__ import annotations

from pathlib import Path

from msgr.dissector import plugin

from .run import Msgr


def test_on_standard_output(msgr: Msgr) -> None:
    done = msgr("dissector")
    assert (done.code, done.err) == (0, "")
    assert done.out == plugin().rstrip("\n") + "\n"


def test_into_a_file(msgr: Msgr, tmp_path: Path) -> None:
    path = tmp_path / "wireshark.lua"
    done = msgr("dissector", "-o", str(path))
    assert (done.code, done.err) == (0, "")
    assert done.out == f"wrote {path}: tshark -X lua_script:{path} -o msgr2.keylog:KEYS -r CAPTURE\n"
    assert path.read_text("utf-8") == plugin()


def test_into_a_directory(msgr: Msgr, tmp_path: Path) -> None:
    """Such as that of Wireshark's plug-ins."""
    done = msgr("dissector", "--output", str(tmp_path))
    assert done.code == 0
    assert (tmp_path / "msgr2.lua").read_text("utf-8") == plugin()


def test_json(msgr: Msgr, tmp_path: Path) -> None:
    path = tmp_path / "msgr2.lua"
    text = plugin()
    done = msgr("dissector", "-o", str(path), "--json")
    assert (done.code, done.err) == (0, "")
    assert done.document == {"file": str(path), "protocol": "msgr2", "bytes": len(text), "plugin": None}
    assert path.exists()
    assert msgr("dissector", "--json").document == {
        "file": None,
        "protocol": "msgr2",
        "bytes": len(text),
        "plugin": text,
    }


def test_a_file_that_cannot_be_written(msgr: Msgr, tmp_path: Path) -> None:
    path = tmp_path / "no" / "where.lua"
    done = msgr("dissector", "-o", str(path), "--json")
    assert done.code == 2
    assert done.error == {"kind": "ConfigError", "message": f"{path}: No such file or directory", "rule": None}
