"""What TCP may do to a conversation, and what a capture may lack."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from msgr import Message, Mode, Revision
from msgr.capture import Host
from tests.capture.packets import TcpTalk, captured, pcap
from tests.capture.talk import CLIENT, FORMS, SERVER, Talk, talk

from .compare import agree, decoded
from .sharks import Shark, Shown, written

RAW: Final = 101
SMALL: Final = (Message(type=5, tid=1), Message(type=50, tid=2, front=b"f" * 60, data=b"d" * 100))
PASSES: Final = ((), ("-2",))


def keys_of(said: Talk, client: Host | str = "*", server: Host | str = "*") -> str:
    """Return the key log of a conversation."""
    return "".join(f"MSGR2_CONNECTION_SECRET {client} {server} {secret.hex()}\n" for secret in said.secrets)


def count(shown: list[Shown]) -> int:
    """Return how many frames could be cut."""
    return sum(each.is_frame for each in shown)


@pytest.mark.parametrize("passes", PASSES, ids=["one pass", "two passes"])
@pytest.mark.parametrize("size", [1, 33, 60_000])
@pytest.mark.parametrize(("mode", "revision"), FORMS)
def test_packets_of_any_size(
    shark: Shark, lua: Path, desk: Path, mode: Mode, revision: Revision, size: int, passes: tuple[str, ...]
) -> None:
    said = talk(mode, revision, messages=SMALL)
    made = TcpTalk(CLIENT, SERVER)
    made.begin()
    for side, data in said.pieces:
        first = max(size, 5) if made.sent[side] == 0 else size  # by less it is not recognised
        made.say(side, data[:first], first)
        made.say(side, data[first:], size)
    capture = written(desk / "capture", pcap(made.packets, RAW))
    keys = written(desk / "keys", keys_of(said))
    shown = shark.frames(capture, *passes, plugin=lua, keys=keys)
    (connection,) = decoded(capture, keys)
    assert agree(connection, shown) == 18
    assert [each.fields for each in shown if each.experts] == []


def late(packets: list[bytes]) -> list[bytes]:
    """Exchange two neighbours of one direction in the middle of a long message."""
    return [*packets[:-20], packets[-19], packets[-20], *packets[-18:]]


def twice(packets: list[bytes]) -> list[bytes]:
    """Send what was sent before again, after each packet."""
    return [again for packet in packets for again in (packet, packet)]


@pytest.mark.parametrize("passes", PASSES, ids=["one pass", "two passes"])
@pytest.mark.parametrize("change", [late, twice])
@pytest.mark.parametrize(("mode", "revision"), FORMS)
def test_packets_in_any_order(
    shark: Shark,
    lua: Path,
    desk: Path,
    mode: Mode,
    revision: Revision,
    change: Callable[[list[bytes]], list[bytes]],
    passes: tuple[str, ...],
) -> None:
    said = talk(mode, revision)
    capture = written(desk / "capture", pcap(change(captured(said.pieces, CLIENT, SERVER)), RAW))
    keys = written(desk / "keys", keys_of(said))
    options = ("-o", "tcp.reassemble_out_of_order:TRUE")
    shown = shark.frames(capture, *options, *passes, plugin=lua, keys=keys)
    (connection,) = decoded(capture, keys)
    assert agree(connection, shown) == 20


@pytest.mark.parametrize("passes", PASSES, ids=["one pass", "two passes"])
@pytest.mark.parametrize(("mode", "revision"), FORMS)
def test_reading_goes_on_behind_a_gap(
    shark: Shark, lua: Path, desk: Path, mode: Mode, revision: Revision, passes: tuple[str, ...]
) -> None:
    """Of each direction a whole message is missing: the keepalives behind it are read."""
    said = talk(mode, revision, messages=SMALL)
    made = TcpTalk(CLIENT, SERVER)
    made.begin()
    for number, (side, data) in enumerate(said.pieces):
        if number in (len(said.pieces) - 4, len(said.pieces) - 3):
            made.sent[side] += len(data)
        else:
            made.say(side, data)
    capture = written(desk / "capture", pcap(made.packets, RAW))
    shown = shark.frames(capture, *passes, plugin=lua, keys=written(desk / "keys", keys_of(said)))
    tags = [each.number("tag") for each in shown if each.is_frame]
    assert len(tags) == 16
    assert tags[-2:] == [18, 19]


@pytest.mark.parametrize("revision", Revision)
def test_ports_used_again(shark: Shark, lua: Path, desk: Path, revision: Revision) -> None:
    """Three connections between the same ports, each with a mode and a secret of its own."""
    talks = [talk(mode, revision, messages=SMALL) for mode in (Mode.SECURE, Mode.CRC, Mode.SECURE)]
    packets: list[bytes] = []
    for number, said in enumerate(talks):
        made = TcpTalk(CLIENT, SERVER, starts=(1000 + number * 100_000, 2000 + number * 100_000))
        made.begin()
        for side, data in said.pieces:
            made.say(side, data)
        made.end()
        packets += made.packets
    capture = written(desk / "capture", pcap(packets, RAW))
    keys = written(desk / "keys", "".join(map(keys_of, talks)))
    for passes in PASSES:
        shown = shark.frames(capture, *passes, plugin=lua, keys=keys)
        assert count(shown) == 3 * 18
        assert not any(each.experts for each in shown)


def test_a_connection_that_began_before(shark: Shark, lua: Path, desk: Path) -> None:
    """In crc mode it is found by its frames; 2.1 is taken for granted."""
    said = talk(Mode.CRC, Revision.REV1)
    capture = written(desk / "capture", pcap(captured(said.pieces, CLIENT, SERVER)[12:], RAW))
    for passes in PASSES:
        shown = shark.frames(capture, *passes, plugin=lua)
        assert count(shown) == 9
        assert not any(each.experts for each in shown)


@pytest.mark.parametrize("passes", PASSES, ids=["one pass", "two passes"])
@pytest.mark.parametrize(("mode", "revision"), FORMS)
def test_snap_length(
    shark: Shark, lua: Path, desk: Path, mode: Mode, revision: Revision, passes: tuple[str, ...]
) -> None:
    said = talk(mode, revision)
    capture = written(desk / "capture", pcap(captured(said.pieces, CLIENT, SERVER), RAW, snap=700))
    keys = written(desk / "keys", keys_of(said))
    shown = shark.frames(capture, *passes, plugin=lua, keys=keys)
    assert {"short"} <= {name for each in shown for name in each.experts} <= {"short", "lost"}
    assert [each.number("tag") for each in shown if each.is_frame][:12].count(1) == 2
    # The beginnings of packets in the middle of messages are no frames; what is behind those is, and is read again.
    assert [each.number("tag") for each in shown if each.is_frame][-2:] == [18, 19]


def test_other_protocols_are_left_alone(shark: Shark, lua: Path, desk: Path) -> None:
    request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    for port in (80, 3300, 6800, 12345):
        packets = captured([(0, request), (1, b"ceph v1\n" * 8)], CLIENT, Host(SERVER.ip, port))
        capture = written(desk / "capture", pcap(packets, RAW))
        assert shark.frames(capture, plugin=lua) == []


@pytest.mark.parametrize("port", [3300, 6800, 7568])
def test_usual_ports_are_ours(shark: Shark, lua: Path, desk: Path, port: int) -> None:
    said = talk(Mode.CRC, messages=SMALL)
    packets = captured(said.pieces, CLIENT, Host(SERVER.ip, port))
    capture = written(desk / "capture", pcap(packets, RAW))
    shown = shark.frames(capture, "-o", "tcp.try_heuristic_first:FALSE", plugin=lua)
    assert count(shown) == 18


def test_ports_can_be_chosen(shark: Shark, lua: Path, desk: Path) -> None:
    """8080 is the port of another protocol, which hides ours unless it is named."""
    said = talk(Mode.CRC, messages=SMALL)
    capture = written(desk / "capture", pcap(captured(said.pieces, CLIENT, Host(SERVER.ip, 8080)), RAW))
    last = ("-o", "tcp.try_heuristic_first:FALSE")
    assert count(shark.frames(capture, *last, plugin=lua)) == 0
    assert count(shark.frames(capture, plugin=lua)) == 18
    assert count(shark.frames(capture, *last, "-o", "msgr2.ports:8080,9000-9001", plugin=lua)) == 18
