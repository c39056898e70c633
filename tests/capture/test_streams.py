"""TCP: whatever becomes of packets on their way into a capture, bytes come out in order, or are told to be missing."""

from __future__ import annotations

from ipaddress import ip_address
from random import Random
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msgr import Mode, Revision
from msgr.capture import Host, Packet, TcpStreams, open_packet, streams

from .packets import ACK, ETHERNET, FIN, RST, SYN, TcpTalk, captured, framed, tcp
from .talk import CLIENT, SERVER, follow, tags, talk

SAID: Final = talk(Mode.SECURE, Revision.REV1)
SIX: Final = (Host(ip_address("2001:db8::1"), 50123), Host(ip_address("2001:db8::2"), 6789))
BANNER: Final = b"ceph v2\n"


class Heard:
    """What came out of one connection."""

    def __init__(self, hosts: tuple[Host, Host]) -> None:
        self.hosts = hosts
        self.sides = [bytearray(), bytearray()]
        self.lost: list[tuple[int, int, int]] = []
        self.dialler: int | None = None
        self.finished = False

    def feed(self, side: int, time: float, data: bytes) -> None:
        """Take bytes."""
        assert not self.finished
        assert data
        self.sides[side] += data

    def lose(self, side: int, missing: int, behind: int) -> None:
        """Take note of a gap."""
        self.lost.append((side, missing, behind))

    def dialled(self, side: int) -> None:
        """Take note of a SYN."""
        self.dialler = side

    def finish(self) -> None:
        """Take note of the end."""
        self.finished = True

    def of(self, host: Host) -> bytes:
        """Return what a host said."""
        return bytes(self.sides[self.hosts.index(host)])


def hear(packets: list[bytes]) -> list[Heard]:
    """Return what comes out of these IP packets."""
    heard: list[Heard] = []

    def opened(hosts: tuple[Host, Host]) -> Heard:
        heard.append(Heard(hosts))
        return heard[-1]

    found = TcpStreams(opened)
    for number, packet in enumerate(packets):
        open_one = open_packet(Packet(float(number), ETHERNET, framed(ETHERNET, packet)))
        assert open_one is not None
        found.take(open_one)
    found.finish()
    assert all(each.finished for each in heard)
    return heard


@pytest.mark.parametrize(("client", "server"), [(CLIENT, SERVER), SIX], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("size", [1, 100, 1448, 60_000])
def test_in_order(client: Host, server: Host, size: int) -> None:
    pieces = SAID.pieces if size > 1 else [(side, data[:200]) for side, data in SAID.pieces]
    (heard,) = hear(captured(pieces, client, server, size=size))
    assert heard.of(client) == b"".join(data for side, data in pieces if side == 0)
    assert heard.of(server) == b"".join(data for side, data in pieces if side == 1)
    assert heard.lost == []
    assert heard.dialler is not None
    assert heard.hosts[heard.dialler] == client


@given(st.integers(0, 1 << 32).map(Random))
def test_out_of_order_and_twice_and_overlapping(random: Random) -> None:
    said = [(0, random.randbytes(3000)), (1, random.randbytes(2000)), (0, random.randbytes(500))]
    starts = (random.randrange(1 << 32), random.randrange((1 << 32) - 3000, 1 << 32))
    made = TcpTalk(CLIENT, SERVER, starts)
    made.begin()
    whole = [b"".join(data for side, data in said if side == each) for each in (0, 1)]
    for side, data in said:
        made.say(side, data, random.randrange(50, 700))
    for _ in range(random.randrange(6)):  # sent again, cut in another way
        side = random.randrange(2)
        begin = random.randrange(len(whole[side]))
        made.packets.append(made.packet(side, begin, whole[side][begin : begin + random.randrange(1, 900)]))
    random.shuffle(made.packets)
    (heard,) = hear(made.packets)
    assert (heard.of(CLIENT), heard.of(SERVER)) == (whole[0], whole[1])
    assert heard.lost == []


@given(st.integers(0, 1 << 32).map(Random))
def test_a_conversation_in_any_order_reads_the_same(random: Random) -> None:
    packets = captured(SAID.pieces, CLIENT, SERVER, size=random.choice([300, 1448, 9000]))
    random.shuffle(packets)
    (heard,) = hear(packets)
    assert [heard.of(CLIENT), heard.of(SERVER)] == [SAID.bytes_of(0), SAID.bytes_of(1)]
    pieces = [(heard.hosts.index(host) ^ (heard.hosts[0] != CLIENT), heard.of(host)) for host in (SERVER, CLIENT)]
    assert tags(follow(pieces, SAID.keylog())) == tags(SAID.seen())


def test_a_missing_packet() -> None:
    packets = captured([(0, b"a" * 300), (0, b"b" * 300), (0, b"c" * 300), (1, b"d" * 50)], CLIENT, SERVER)
    del packets[4]
    (heard,) = hear(packets)
    assert (heard.of(CLIENT), heard.of(SERVER)) == (b"a" * 300, b"d" * 50)
    assert heard.lost == [(0, 300, 300)]


def test_too_much_behind_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "WAITING", 1000)
    packets = captured([(0, b"a" * 300), (0, b"b" * 300), *[(0, b"c" * 300)] * 5], CLIENT, SERVER)
    late = packets.pop(4)
    (heard,) = hear([*packets, late])
    assert heard.of(CLIENT) == b"a" * 300
    assert heard.lost == [(0, 300, 1200), (0, 0, 300), (0, 0, 300)]


def test_too_much_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_WAITING_IN_ALL", 1000)
    packets = []
    for port in range(10):
        made = TcpTalk(Host(CLIENT.ip, 40000 + port), SERVER)
        made.begin()
        made.packets.append(made.packet(0, 10, b"x" * 300))
        packets += made.packets
    heard = hear(packets)
    assert [each.lost for each in heard] == [[(0, 10, 300)]] * 10


def test_bytes_that_were_not_kept() -> None:
    packets = captured([(0, b"a" * 300), (0, b"b" * 300)], CLIENT, SERVER)
    packets[3] = packets[3][:-100]
    (heard,) = hear(packets)
    assert heard.of(CLIENT) == b"a" * 200
    assert heard.lost == [(0, 100, 300)]


def test_the_same_ports_again() -> None:
    first = captured([(0, b"first"), (1, b"one")], CLIENT, SERVER)
    again = TcpTalk(CLIENT, SERVER, (5_000_000, 6_000_000))
    again.begin()
    again.say(0, b"second")
    again.say(1, b"two")
    heard = hear([*first, first[0], *again.packets])
    assert [(each.of(CLIENT), each.of(SERVER)) for each in heard] == [(b"first", b"one"), (b"second", b"two")]


def test_an_end_and_a_reset_and_what_comes_after_them() -> None:
    made = TcpTalk(CLIENT, SERVER)
    made.begin()
    made.say(0, b"data")
    made.packets.append(made.packet(0, 4, b"last", FIN | ACK))
    made.packets.append(made.packet(1, 0, b"", RST))
    made.packets.append(made.packet(0, 0, b"data"))
    made.packets.append(made.packet(0, -1, b"\0"))  # a TCP keepalive
    (heard,) = hear(made.packets)
    assert (heard.of(CLIENT), heard.lost) == (b"datalast", [])


def test_data_with_the_syn() -> None:
    (heard,) = hear([tcp(CLIENT, SERVER, 99, b"fast", SYN), tcp(CLIENT, SERVER, 104, b"open")])
    assert heard.of(CLIENT) == b"fastopen"


def test_without_a_handshake_a_stream_begins_with_its_banner() -> None:
    made = TcpTalk(CLIENT, SERVER)
    made.say(0, b"end of another " + BANNER)
    made.say(0, BANNER + b"...")
    made.say(0, b"more")
    made.say(1, b"no banner here")
    (heard,) = hear(made.packets)
    assert heard.of(CLIENT) == BANNER + b"...more"
    assert heard.dialler is None
    assert heard.lost == [(1, 0, 14)]


def test_a_syn_that_comes_late() -> None:
    packets = captured([(0, BANNER + b"client"), (1, BANNER + b"server")], CLIENT, SERVER)
    (heard,) = hear([*packets[3:], *packets[:3]])
    assert (heard.of(CLIENT), heard.of(SERVER)) == (BANNER + b"client", BANNER + b"server")
    assert heard.hosts[heard.dialler or 0] == CLIENT


def test_a_connection_that_is_met_in_its_middle_and_one_after_it() -> None:
    made = TcpTalk(CLIENT, SERVER, (77_000_000, 88_000_000))
    made.say(0, b"the middle of something")
    made.say(1, b"the same")
    heard = hear([*made.packets, *captured([(0, b"new")], CLIENT, SERVER)])
    assert [each.of(CLIENT) for each in heard] == [b"", b"new"]
    assert sorted(heard[0].lost) == [(0, 0, 23), (1, 0, 8)]


def test_a_socket_connected_to_itself_is_passed_over() -> None:
    assert hear([tcp(CLIENT, CLIENT, 1, b"data", SYN)]) == []
