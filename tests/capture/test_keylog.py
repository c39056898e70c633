"""The key log: what is read of one, and the one that our own connections write."""

from __future__ import annotations

import logging
import os
import stat
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import anyio
import pytest

import msgr
from msgr import Message, Mode, Revision
from msgr.capture import Host, KeyLog
from msgr.errors import ConfigError
from msgr.net.keylog import KeyLogFile, keylog_of_environment
from tests.net.streams import MemoryStream
from tests.net.world import ADMIN, KEYRING, dialled, echoing, pair

from .talk import CLIENT, SERVER

SECRET: Final = bytes(range(64))
LINE: Final = f"MSGR2_CONNECTION_SECRET {CLIENT} {SERVER} {SECRET.hex()}"


def test_what_is_read() -> None:
    other = bytes(40)
    text = f"# a comment\n\n  {LINE}  \r\nMSGR2_CONNECTION_SECRET * * {other.hex().upper()}\n{LINE}\n"
    keylog = KeyLog.loads(text)
    assert keylog.secrets(CLIENT, SERVER) == (SECRET, other)
    assert keylog.secrets(SERVER, CLIENT) == (other,)
    six = Host(ip_address("fe80::1"), 1)
    assert KeyLog.loads(f"MSGR2_CONNECTION_SECRET [fe80::1%2]:1 * {SECRET.hex()}").secrets(six, SERVER) == (SECRET,)
    assert KeyLog.loads("").secrets(CLIENT, SERVER) == ()
    assert SECRET.hex() not in repr(keylog._lines)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("CLIENT_RANDOM 00 00", "a line is `MSGR2_CONNECTION_SECRET CLIENT SERVER HEX`"),
        ("MSGR2_CONNECTION_SECRET * *", "a line is"),
        (f"{LINE} more", "a line is"),
        ("MSGR2_CONNECTION_SECRET * * 00xx", "not in hexadecimal digits"),
        ("MSGR2_CONNECTION_SECRET * * 00112233", "a secret of 4 bytes, 40 are needed [FRAME-13]"),
        (LINE.replace("127.0.0.1:50123", "localhost:50123"), "'localhost' does not appear to be"),
        (LINE.replace("127.0.0.1:50123", "127.0.0.1"), "is not IP:PORT"),
        (LINE.replace("127.0.0.1:50123", "127.0.0.1:99999"), "is not IP:PORT"),
    ],
)
def test_lines_that_make_no_sense(line: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"# first\n{line}\n")
    with pytest.raises(ConfigError, match="keys, line 2: ") as caught:
        KeyLog.load(path)
    assert told in str(caught.value)
    assert SECRET.hex() not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        KeyLog.load(tmp_path / "nothing")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not text"):
        KeyLog.load(tmp_path / "binary")


@pytest.mark.anyio
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
async def test_both_ends_write_one_line_each(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, host: str) -> None:
    path = tmp_path / "keys"
    monkeypatch.setenv("MSGR_KEYLOG", str(path))
    async with echoing(f"v2:{host}:0") as server, dialled(server) as session:
        await session.send(Message(type=1))
        await session.receive()
        port = server.addresses[0].port
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first, second = path.read_text().splitlines()
    assert first == second
    label, client, where, secret = first.split()
    assert (label, where) == ("MSGR2_CONNECTION_SECRET", f"{host}:{port}")
    assert client.startswith(f"{host}:")
    assert len(bytes.fromhex(secret)) == 64


@pytest.mark.anyio
async def test_crc_mode_has_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "keys"
    monkeypatch.setenv("MSGR_KEYLOG", str(path))
    async with pair(server={"modes": (Mode.CRC,)}, modes=(Mode.CRC,)):
        pass
    assert not path.exists()


@pytest.mark.anyio
async def test_nothing_is_written_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in (None, ""):
        monkeypatch.delenv("MSGR_KEYLOG", raising=False)
        if value is not None:
            monkeypatch.setenv("MSGR_KEYLOG", value)
        assert keylog_of_environment() is None
        assert msgr.Runtime().keylog is None


@pytest.mark.anyio
async def test_streams_without_addresses(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.touch(0o644)
    runtime = msgr.Runtime(keylog=KeyLogFile(path))
    one, other = MemoryStream.pair()
    form: dict[str, Any] = {"auth": KEYRING, "revisions": frozenset(Revision)}
    where = "v2:127.0.0.1:1"

    async def serve() -> None:
        async with msgr.net.accept(other, where, name="mon.a", **form) as session:
            async for message in session:
                await session.send(message)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve)
        async with msgr.connect(where, name=ADMIN, stream=one, runtime=runtime, **form):
            pass
    (line,) = path.read_text().splitlines()
    assert line.split()[1:3] == ["*", "*"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644  # somebody made it so


@pytest.mark.anyio
async def test_a_log_that_cannot_be_written_disturbs_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    runtime = msgr.Runtime(keylog=KeyLogFile(tmp_path))
    with caplog.at_level(logging.WARNING, "msgr.net.keylog"):
        async with pair(runtime=runtime) as (near, _):
            await near.send(Message(type=1))
    (record,) = caplog.records
    assert "the key log cannot be written" in record.message
    assert os.fspath(tmp_path) in record.message


def test_mapped_addresses_are_written_as_ipv4(tmp_path: Path) -> None:
    log = KeyLogFile(tmp_path / "keys")
    log.write(("::ffff:10.0.0.1", 5), ("fe80::1%eth0", 6), SECRET)
    assert log.path.read_text().split()[1:3] == ["10.0.0.1:5", "[fe80::1]:6"]
