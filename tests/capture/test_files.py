"""Files: every kind and link type reads the same, and a damaged one as far as it goes."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from io import BytesIO
from ipaddress import ip_address
from pathlib import Path
from struct import pack
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msgr import Mode, Revision
from msgr.capture import Capture, Host, decode, decode_file
from msgr.errors import ConfigError

from .packets import (
    ETHERNET,
    START,
    TcpTalk,
    block,
    captured,
    enhanced,
    framed,
    interface,
    pcap,
    pcapng,
    section,
    tcp,
)
from .talk import CLIENT, SERVER, tags, talk

SAID: Final = talk(Mode.CRC, Revision.REV1)
TAGS: Final = tags(SAID.seen())
PACKETS: Final = captured(SAID.pieces, CLIENT, SERVER)
SIX: Final = (Host(ip_address("2001:db8::1"), 50123), Host(ip_address("2001:db8::2"), 6789))
ON_ETHERNET: Final = [framed(ETHERNET, packet) for packet in PACKETS]
LINKS: Final = (0, 1, 12, 14, 101, 108, 113, 276)


def of(data: bytes) -> Capture:
    """What is seen in a file."""
    return decode(BytesIO(data))


def is_the_talk(capture: Capture) -> bool:
    """Whether the conversation was seen, and nothing else."""
    (connection,) = capture.connections
    assert tags(connection) == TAGS
    assert (connection.errors, connection.undecrypted) == ((), 0)
    assert capture.notes == ()
    return True


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
@pytest.mark.parametrize("form", [pcap, pcapng])
def test_link_types(form: Callable[..., bytes], order: str, link: int) -> None:
    capture = of(form([framed(link, packet) for packet in PACKETS], link, order=order))
    assert is_the_talk(capture)
    assert capture.connections[0].started == START + 3 + 0.25


@pytest.mark.parametrize("link", [*LINKS, 229])
def test_ipv6(link: int) -> None:
    capture = of(pcap([framed(link, packet) for packet in captured(SAID.pieces, *SIX)], link))
    assert is_the_talk(capture)
    assert capture.connections[0].client == "[2001:db8::1]:50123"


def test_nanoseconds() -> None:
    assert of(pcap(ON_ETHERNET, nano=True)).connections[0].started == START + 3 + 0.25


@pytest.mark.parametrize("tags_in_front", [1, 2, 3])
def test_vlan(tags_in_front: int) -> None:
    tagged = [packet[:12] + b"\x81\x00\x00\x07" * tags_in_front + packet[12:] for packet in ON_ETHERNET]
    assert is_the_talk(of(pcap(tagged)))


def test_headers_between_ipv6_and_tcp() -> None:
    packets = []
    for packet in captured(SAID.pieces, *SIX):
        extra = b"\x33" + bytes(7) + b"\x2c\x01" + bytes(10) + b"\x06" + bytes(7)  # options, authentication, fragment
        size = int.from_bytes(packet[4:6], "big") + len(extra)
        packets.append(packet[:4] + size.to_bytes(2, "big") + b"\0" + packet[7:40] + extra + packet[40:])
    assert is_the_talk(of(pcap([framed(ETHERNET, packet) for packet in packets])))


def test_lengths_that_the_network_card_was_to_fill_in() -> None:
    packets = [packet[:2] + b"\0\0" + packet[4:] for packet in PACKETS]
    assert is_the_talk(of(pcap(packets, 101)))


def test_interfaces_sections_and_other_blocks() -> None:
    """Interfaces of their own links and clocks, in sections of both byte orders, among blocks of no interest."""
    third = len(PACKETS) // 3
    out = section() + block(0x0BAD, b"anything") + interface(113)
    out += interface(101, options=pack("<HHBxxx", 9, 1, 9) + pack("<HHq", 14, 8, 100) + bytes(4))
    for number, packet in enumerate(PACKETS[:third]):
        nanoseconds = (START + number - 100) * 1_000_000_000 + 250_000_000
        out += enhanced(packet, nanoseconds, number=1)
        out += block(5, bytes(12))
    out += section(">") + interface(ETHERNET, ">", options=pack(">HHBxxx", 9, 1, 0x80 | 2))
    for number, packet in enumerate(PACKETS[third : 2 * third], start=third):
        body = pack(">HHIIII", 0, 0, 0, 0, len(packet) + 14, len(packet) + 14) + framed(ETHERNET, packet)
        assert number
        out += block(2, body, ">")
    out += section() + interface(101, snap=65535)
    for packet in PACKETS[2 * third :]:
        out += block(3, pack("<I", len(packet)) + packet)
    capture = of(out)
    (connection,) = capture.connections
    assert tags(connection) == TAGS
    assert capture.notes == ()
    assert START + 3.25 in {each.time for each in connection.banners}


def test_gzip(tmp_path: Path) -> None:
    path = tmp_path / "capture.pcap.gz"
    path.write_bytes(gzip.compress(pcap(ON_ETHERNET)))
    assert is_the_talk(decode_file(path))
    path.write_bytes(gzip.compress(pcap(ON_ETHERNET))[:-2000])
    assert "unreadable after" in decode_file(path).notes[0]


def test_what_is_of_no_interest() -> None:
    udp = bytearray(PACKETS[4])
    udp[9] = 17
    six = bytearray(captured(SAID.pieces, *SIX)[4])
    six[6] = 17
    other = [bytes(12) + b"\x08\x06" + bytes(28), *(framed(ETHERNET, bytes(packet)) for packet in (udp, six))]
    http = TcpTalk(Host(CLIENT.ip, 40000), Host(SERVER.ip, 80))
    http.begin()
    http.say(0, b"GET / HTTP/1.1\r\n\r\n")
    mixed = [*other, *ON_ETHERNET, *(framed(ETHERNET, packet) for packet in http.packets)]
    assert is_the_talk(of(pcap(mixed)))


def test_what_cannot_be_read_is_told() -> None:
    fragment = bytearray(PACKETS[4])
    fragment[6] |= 0x20
    midst = tcp(Host(CLIENT.ip, 40000), SERVER, 7, b"in the middle of something")
    six = bytearray(captured(SAID.pieces, *SIX)[4])
    six[6], six[40:40] = 44, b"\x06\0\0\x08" + bytes(4)
    stunted = bytearray(PACKETS[4])
    stunted[32] = 0x40  # a TCP header of 16 bytes
    bad = [framed(ETHERNET, bytes(packet)) for packet in (fragment, six, midst, stunted, PACKETS[4][:30])] + [bytes(3)]
    capture = of(pcap([*ON_ETHERNET, *bad]))
    assert len(capture.connections) == 1
    assert capture.notes == (
        "passed over 2 packets: it is a fragment",
        "passed over 3 packets: its headers are not complete",
        "passed over 1 TCP connection: the beginning, which tells whether it is msgr2, is not there",
    )
    assert of(pcap(PACKETS, 147)).notes == (f"passed over {len(PACKETS)} packets: link type 147 is unknown",)


def test_a_snap_length() -> None:
    capture = of(pcap(ON_ETHERNET, snap=300))
    (connection,) = capture.connections
    assert tags(connection)[:3] == TAGS[:3]
    assert any("are not in the capture" in error for error in connection.errors)


@pytest.mark.parametrize("form", [pcap, pcapng])
def test_cut_short_anywhere(form: Callable[..., bytes]) -> None:
    whole = form(ON_ETHERNET)
    found = 0
    for size in range(4, len(whole), 997):
        capture = of(whole[:size])
        assert all(note.startswith("the file: cut short after") for note in capture.notes)
        seen = sum(len(connection.frames) for connection in capture.connections)
        assert seen >= found  # more of the file never means that less is seen
        found = seen
    assert found > 10


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (block(6, pack("<IIIII", 9, 0, 0, 0, 0)), "a packet of interface 9, where there are 1"),
        (block(6, pack("<IIIII", 0, 0, 0, 99, 99)), "a packet of 99 bytes in a block with room for 0"),
        (block(6, b""), "unpack_from requires"),
        (pack("<II", 6, 7), "a block of 7 bytes"),
        (pack("<II", 6, 1 << 30), "a block of 1073741824 bytes"),
        (pack("<III", 6, 12, 16), "a block whose two lengths differ"),
        (pack("<III", 0x0A0D0D0A, 28, 0), "a section of unknown byte order"),
        (pack("<IIII", 0x0A0D0D0A, 12, 0x1A2B3C4D, 0), "a block of 12 bytes"),
    ],
)
def test_damaged_blocks(damage: bytes, told: str) -> None:
    whole = pcapng(ON_ETHERNET)
    (note,) = of(whole + damage).notes
    assert note.startswith(f"the file: damaged at byte {len(whole)}: ")
    assert told in note
    assert len(of(whole + damage).connections) == 1


def test_a_packet_without_end() -> None:
    whole = pcap(ON_ETHERNET)
    (note,) = of(whole + pack("<IIII", 0, 0, 0xFFFFFFF0, 0)).notes
    assert "4294967280 bytes at once" in note


@pytest.mark.parametrize("data", [b"", b"ab", b"PK\x03\x04....", b"\x7fELF"])
def test_no_capture_at_all(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match="file is neither pcap nor pcapng"):
        decode_file(path)
    path.write_bytes(b"\x1f\x8b\x08" + data)
    with pytest.raises(ConfigError, match="unreadable after 0 bytes"):
        decode_file(path)
    with pytest.raises(ConfigError, match="No such file"):
        decode_file(tmp_path / "nothing")
    with pytest.raises(ConfigError, match="directory"):
        decode_file(tmp_path)


BEGINNINGS: Final = (pcap([]), pcap([], order=">"), pcapng([]), pcapng(ON_ETHERNET[:3]), b'{"c": 1}\n', b"{")


@given(st.sampled_from(BEGINNINGS), st.binary(max_size=400))
def test_any_bytes(begin: bytes, more: bytes) -> None:
    json.dumps(of(begin + more).document())


@given(st.sampled_from([pcap, pcapng]), st.lists(st.tuples(st.integers(0), st.integers(0, 255)), max_size=30))
def test_any_bytes_changed(form: Callable[..., bytes], changes: list[tuple[int, int]]) -> None:
    data = bytearray(form(ON_ETHERNET))
    for position, value in changes:
        data[4 + position % (len(data) - 4)] = value
    json.dumps(of(bytes(data)).document())


@given(st.lists(st.binary(max_size=80)), st.sampled_from(LINKS))
def test_any_packets(packets: list[bytes], link: int) -> None:
    json.dumps(of(pcap(packets, link)).document())
