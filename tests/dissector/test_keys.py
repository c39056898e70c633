"""The key log, as the plug-in reads it."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Final

import pytest

from msgr import Mode
from msgr.capture import Host
from tests.capture.packets import captured, pcap
from tests.capture.talk import CLIENT, SERVER, talk

from .sharks import Shark, Shown, written

SAID: Final = talk(Mode.SECURE)
SECRET: Final = SAID.secrets[0].hex()
OTHER: Final = "ab" * 64
WHOLE: Final = 20
PLAIN: Final = 6
"""How many frames there are in all, and how many before encryption begins."""


def shown_with(shark: Shark, lua: Path, desk: Path, log: str | None, *options: str) -> list[Shown]:
    """Return what is shown of a conversation in secure mode."""
    capture = written(desk / "capture", pcap(captured(SAID.pieces, CLIENT, SERVER), 101))
    keys = None if log is None else written(desk / "keys", log)
    return shark.frames(capture, *options, plugin=lua, keys=keys)


@pytest.mark.parametrize(
    "log",
    [
        f"MSGR2_CONNECTION_SECRET {CLIENT} {SERVER} {SECRET}\n",
        f"MSGR2_CONNECTION_SECRET * {SERVER} {SECRET.upper()}",
        f"# a comment\n\n  MSGR2_CONNECTION_SECRET\t{CLIENT} * {SECRET}\r\n",
        f"MSGR2_CONNECTION_SECRET * * {OTHER}\nMSGR2_CONNECTION_SECRET * * {SECRET}\n",
        f"MSGR2_CONNECTION_SECRET {CLIENT} {SERVER} {OTHER}\nMSGR2_CONNECTION_SECRET {CLIENT} {SERVER} {SECRET}\n",
        f"MSGR2_CONNECTION_SECRET [::ffff:127.0.0.1]:{CLIENT.port} {SERVER} {SECRET}\n",
        f"MSGR2_CONNECTION_SECRET * * {SECRET[:80]}\n",
        f"nonsense\nMSGR2_CONNECTION_SECRET x y z\nMSGR2_CONNECTION_SECRET * * {SECRET}\n",
    ],
)
@pytest.mark.parametrize("passes", [(), ("-2",)], ids=["one pass", "two passes"])
def test_secrets_that_fit(shark: Shark, lua: Path, desk: Path, log: str, passes: tuple[str, ...]) -> None:
    shown = shown_with(shark, lua, desk, log, *passes)
    assert sum(each.is_frame for each in shown) == WHOLE
    assert not any(each.experts for each in shown)


@pytest.mark.parametrize(
    "log",
    [
        None,
        "",
        f"MSGR2_CONNECTION_SECRET * * {OTHER}\n",
        f"MSGR2_CONNECTION_SECRET {SERVER} {CLIENT} {SECRET}\n",
        f"MSGR2_CONNECTION_SECRET {CLIENT} 127.0.0.1:1 {SECRET}\n",
        f"MSGR2_CONNECTION_SECRET {CLIENT} [::1]:{SERVER.port} {SECRET}\n",
        f"MSGR2_CONNECTION_SECRET {CLIENT} {Host(ip_address('127.0.0.2'), SERVER.port)} {SECRET}\n",
        f"MSGR2_CONNECTION_SECRET * * {SECRET[:78]}\n",
        f"MSGR2_CONNECTION_SECRET * * {SECRET}0\n",
        f"CLIENT_RANDOM * * {SECRET}\n",
    ],
)
@pytest.mark.parametrize("passes", [(), ("-2",)], ids=["one pass", "two passes"])
def test_secrets_that_do_not(shark: Shark, lua: Path, desk: Path, log: str | None, passes: tuple[str, ...]) -> None:
    shown = shown_with(shark, lua, desk, log, *passes)
    frames = [each for each in shown if each.is_frame]
    assert len(frames) == PLAIN
    assert not any(each.experts for each in frames)
    sealed = [each for each in shown if each.has("sealed")]
    assert {name for each in sealed for name in each.experts} == {"locked"}
    assert len(sealed) > 10


def test_a_key_log_that_is_not_there(shark: Shark, lua: Path, desk: Path) -> None:
    capture = written(desk / "capture", pcap(captured(SAID.pieces, CLIENT, SERVER), 101))
    text = shark.run("-r", str(capture), "-V", plugin=lua, keys=desk / "nowhere")
    assert "encrypted; the key log cannot be read" in text
    assert "encrypted; no key log is set" in shark.run("-r", str(capture), "-V", plugin=lua)


def test_long_segments_are_decrypted_in_part(shark: Shark, lua: Path, desk: Path) -> None:
    """That takes time, and nobody looks at a megabyte; all of it is wanted with `longest` 0."""
    log = f"MSGR2_CONNECTION_SECRET * * {SECRET}\n"
    sizes = {}
    for longest in (1000, 0):
        shown = shown_with(shark, lua, desk, log, "-o", f"msgr2.longest:{longest}")
        (long,) = [
            each for each in shown if each.source == CLIENT.port and each.all("message.data.length") == ["70000"]
        ]
        assert long.all("seal.status") == ["1", "1"]
        sizes[longest] = len(bytes.fromhex(long.one("message.data").replace(":", "")))
    assert sizes == {1000: 1008, 0: 70_000}  # in blocks of 16 bytes


def test_nothing_is_checked_if_nobody_wants_it(shark: Shark, lua: Path, desk: Path) -> None:
    log = f"MSGR2_CONNECTION_SECRET * * {SECRET}\n"
    shown = shown_with(shark, lua, desk, log, "-o", "msgr2.check:FALSE")
    assert {status for each in shown for status in each.all("seal.status")} == {"2"}
    assert {status for each in shown for status in each.all("segment.checksum.status")} == {"2"}
    assert sum(each.is_frame for each in shown) == WHOLE
