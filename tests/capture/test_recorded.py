"""Recorded conversations of real daemons, read down to the last byte."""

from __future__ import annotations

import gzip
import json
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import pytest

from msgr.capture import KeyLog, decode, decode_file

from .talk import size_of

DATA: Final = Path(__file__).parent / "data"
INDEX: Final[dict[str, Any]] = json.loads((DATA / "index.json").read_text("utf-8"))


def keylog(name: str) -> KeyLog:
    """The secrets of one recording."""
    secrets = [each["connection_secret"] for each in INDEX[name]["connections"]]
    return KeyLog.loads("\n".join(f"MSGR2_CONNECTION_SECRET * * {secret}" for secret in secrets if secret))


@pytest.mark.parametrize("name", INDEX)
def test_every_byte_is_read(name: str) -> None:
    capture = decode_file(DATA / f"{name}.jsonl.gz", keylog(name))
    assert capture.notes == ()
    assert len(capture.connections) == len(INDEX[name]["connections"])
    for connection, expected in zip(capture.connections, INDEX[name]["connections"], strict=True):
        assert (connection.mode, connection.auth_method) == (expected["mode"], expected["auth_method"])
        assert (connection.errors, connection.undecrypted) == ((), 0)
        sizes = {">": size_of(connection, "client"), "<": size_of(connection, "server")}
        assert sizes == expected["bytes"]
        for frame in connection.frames:
            assert frame.error is None
            fields = frame.payload if frame.message is None else frame.message
            assert fields is not None
            assert "undecoded_bytes" not in fields


def test_messages_have_their_names() -> None:
    (connection,) = decode_file(DATA / "mon-16-cephx-secure.jsonl.gz", keylog("mon-16-cephx-secure")).connections
    names = [frame.message["name"] for frame in connection.frames if frame.message is not None]
    assert names == ["MMonGetMap", "MMonSubscribe", "MMonMap", "MConfig", "MMonMap"]


def test_the_frames_of_sessions() -> None:
    capture = decode_file(DATA / "monmon-16-crc-reconnect-kill.jsonl.gz")
    frames = [frame for connection in capture.connections for frame in connection.frames]
    assert {"SESSION_RECONNECT", "SESSION_RECONNECT_OK", "SESSION_RETRY", "WAIT", "ACK"} <= {
        each.tag for each in frames
    }
    retry = next(frame for frame in frames if frame.tag == "SESSION_RETRY")
    assert retry.payload == {"connect_seq": 2}
    assert next(frame for frame in frames if frame.tag == "WAIT").payload == {}


def test_a_recording_that_is_none() -> None:
    good = gzip.decompress((DATA / "mon-16-none-crc.jsonl.gz").read_bytes())
    lines = good.splitlines()
    for bad in (
        b"{}",
        b"[]",
        b'{"c": 1, "d": "x", "t": 0, "hex": ""}',
        b'{"c": 1, "d": ">", "t": 0, "hex": "x"}',
        b"{",
    ):
        capture = decode(BytesIO(good + b"\n" + bad))
        assert len(capture.connections) == 1
        assert capture.notes == (f"the file: line {len(lines) + 1} is not of a recorded conversation",)
    assert decode(BytesIO(b"{}")).connections == ()
    stranger = b'{"c": 9, "d": ">", "t": 0, "hex": "00"}'
    assert decode(BytesIO(good + stranger)).notes == ()


def test_a_line_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("msgr.capture.recorded.LONGEST", 100)
    assert decode(BytesIO(b"{" + b" " * 200)).notes == ("the file: a line of more than 100 bytes",)
