"""Makes captures, of every kind there is: a second description of the layouts, by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from struct import pack
from typing import Final

from msgr.capture import Host

SYN: Final = 2
ACK: Final = 16
FIN: Final = 1
RST: Final = 4
ETHERNET: Final = 1
START: Final = 1_700_000_000


def tcp(source: Host, target: Host, seq: int, data: bytes = b"", flags: int = ACK, options: bytes = b"") -> bytes:
    """Return an IP packet."""
    offset = (20 + len(options)) << 2
    head = pack(">HHIIBBHHH", source.port, target.port, seq % (1 << 32), 0, offset, flags, 1000, 0, 0)
    body = head + options + data
    if source.ip.version == 4:
        whole = pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0x4000, 64, 6, 0)
    else:
        whole = pack(">IHBB", 6 << 28, len(body), 6, 64)
    return whole + source.ip.packed + target.ip.packed + body


def framed(link: int, ip: bytes) -> bytes:
    """Return an IP packet as a link layer of this type carries it."""
    six = ip[0] >> 4 == 6
    kind = pack(">H", 0x86DD if six else 0x0800)
    if link == ETHERNET:
        return bytes(12) + kind + ip
    if link == 113:
        return pack(">HHHQ", 0, 772, 6, 0) + kind + ip
    if link == 276:
        return kind + pack(">HIHBBQ", 0, 1, 772, 0, 6, 0) + ip
    if link == 0:
        return pack("<I", 30 if six else 2) + ip
    if link == 108:
        return pack(">I", 24 if six else 2) + ip
    return ip


def pcap(
    packets: Iterable[bytes], link: int = ETHERNET, *, order: str = "<", nano: bool = False, snap: int = 1 << 18
) -> bytes:
    """Return a pcap file, with a packet a second."""
    out = [pack(order + "IHHIIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, snap, link)]
    for number, packet in enumerate(packets):
        fraction = 250_000_000 if nano else 250_000
        out += [pack(order + "IIII", START + number, fraction, min(len(packet), snap), len(packet)), packet[:snap]]
    return b"".join(out)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """Return a block of a pcapng file."""
    body += bytes(-len(body) % 4)
    size = pack(order + "I", len(body) + 12)
    return pack(order + "I", kind) + size + body + size


def section(order: str = "<") -> bytes:
    """Return the header of a section."""
    return block(0x0A0D0D0A, pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link: int, order: str = "<", options: bytes = b"", snap: int = 0) -> bytes:
    """Return the description of an interface."""
    return block(1, pack(order + "HHI", link, 0, snap) + options, order)


def enhanced(packet: bytes, time: int, number: int = 0, order: str = "<") -> bytes:
    """Return a packet block."""
    head = pack(order + "IIIII", number, time >> 32, time & 0xFFFFFFFF, len(packet), len(packet))
    return block(6, head + packet, order)


def pcapng(packets: Iterable[bytes], link: int = ETHERNET, *, order: str = "<") -> bytes:
    """Return a pcapng file, with a packet a second."""
    out = section(order) + interface(link, order)
    for number, packet in enumerate(packets):
        out += enhanced(packet, (START + number) * 1_000_000 + 250_000, order=order)
    return out


@dataclass(slots=True)
class TcpTalk:
    """Turns what two ends say into IP packets, with the handshake that TCP has."""

    client: Host
    server: Host
    starts: tuple[int, int] = (1000, 4_294_967_000)
    packets: list[bytes] = field(default_factory=list)
    sent: list[int] = field(default_factory=lambda: [0, 0])

    def begin(self) -> None:
        """Add the handshake."""
        self.packets.append(tcp(self.client, self.server, self.starts[0], flags=SYN, options=b"\x02\x04\x05\xb4"))
        self.packets.append(tcp(self.server, self.client, self.starts[1], flags=SYN | ACK))
        self.packets.append(tcp(self.client, self.server, self.starts[0] + 1))

    def begin_both(self) -> None:
        """Add the handshake of two ends that dialled each other at once: their first packets cross."""
        ends = ((self.client, self.server), (self.server, self.client))
        for flags in (SYN, SYN | ACK):
            self.packets += [tcp(*ends[side], self.starts[side], flags=flags) for side in (0, 1)]

    def say(self, side: int, data: bytes, size: int = 1448) -> None:
        """Add packets with bytes of one side, of up to `size` each."""
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            self.packets.append(self.packet(side, self.sent[side], piece))
            self.sent[side] += len(piece)

    def packet(self, side: int, position: int, data: bytes, flags: int = ACK) -> bytes:
        """Return a packet with bytes of one side, which stand at this position of its stream."""
        source, target = (self.client, self.server) if side == 0 else (self.server, self.client)
        return tcp(source, target, self.starts[side] + 1 + position, data, flags)

    def end(self) -> None:
        """Add the FIN of both sides."""
        for side in (0, 1):
            self.packets.append(self.packet(side, self.sent[side], b"", FIN | ACK))


def captured(
    pieces: Iterable[tuple[int, bytes]], client: Host, server: Host, *, size: int = 1448, both_dial: bool = False
) -> list[bytes]:
    """Return the IP packets of a whole conversation, which one end began, or both."""
    made = TcpTalk(client, server)
    (made.begin_both if both_dial else made.begin)()
    for side, data in pieces:
        made.say(side, data, size)
    made.end()
    return made.packets
