"""From a captured packet to what TCP carries in it: link layer, IP, TCP.

Known link types: Ethernet with any VLAN tags, raw IP, BSD loopback, and Linux's cooked capture (both versions, which
`tcpdump -i any` writes).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from struct import Struct
from struct import error as struct_error
from typing import Final

from .source import Packet

_IPV4, _IPV6 = 0x0800, 0x86DD
_VLANS: Final = frozenset({0x8100, 0x88A8, 0x9100})
_SHORT: Final = Struct(">H")
_TCP: Final = Struct(">HHIIBB")
_TCP_NUMBER: Final = 6
_SKIPPED_HEADERS: Final = frozenset({0, 43, 60, 135})
"""Of IPv6: hop by hop, routing, destination, mobility."""
_FRAGMENT, _AUTHENTICATION = 44, 51
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16


@dataclass(frozen=True, slots=True)
class Host:
    """One end of a TCP connection."""

    ip: IPv4Address | IPv6Address
    port: int

    def __str__(self) -> str:
        return f"[{self.ip}]:{self.port}" if self.ip.version == 6 else f"{self.ip}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpPacket:
    """What one packet says in its connection. `cut` bytes of `data` were not kept by whoever captured it."""

    time: float
    source: Host
    target: Host
    seq: int
    syn: bool
    ack: bool
    fin: bool
    rst: bool
    data: bytes = field(repr=False)
    cut: int = 0

    @property
    def length(self) -> int:
        """How many bytes of the stream it carried."""
        return len(self.data) + self.cut


class Unreadable(Exception):
    """A packet cannot be read, for this reason."""


def open_packet(packet: Packet) -> TcpPacket | None:
    """Return what a packet says, or None where it is not of TCP; raises Unreadable."""
    link = _LINKS.get(packet.link)
    if link is None:
        raise Unreadable(f"link type {packet.link} is unknown")
    data = memoryview(packet.data)
    try:
        kind, start = link(data)
        if kind == _IPV4:
            return _ipv4(packet.time, data[start:])
        if kind == _IPV6:
            return _ipv6(packet.time, data[start:])
    except (IndexError, ValueError, struct_error):
        raise Unreadable("its headers are not complete") from None
    return None


def _short(data: memoryview, at: int) -> int:
    return int(_SHORT.unpack(data[at : at + 2])[0])


def _ethernet(data: memoryview) -> tuple[int, int]:
    at = 12
    while (kind := _short(data, at)) in _VLANS:
        at += 4
    return kind, at + 2


def _raw(data: memoryview) -> tuple[int, int]:
    return (_IPV6 if data[0] >> 4 == 6 else _IPV4), 0


def _loopback(data: memoryview) -> tuple[int, int]:
    """Return where IP begins behind the address family, whose number and byte order are the capturing system's."""
    return _raw(data[4:])[0], 4


def _cooked(data: memoryview) -> tuple[int, int]:
    return _short(data, 14), 16


def _cooked2(data: memoryview) -> tuple[int, int]:
    return _short(data, 0), 20


_LINKS: Final[Mapping[int, Callable[[memoryview], tuple[int, int]]]] = {
    0: _loopback,
    1: _ethernet,
    12: _raw,
    14: _raw,
    101: _raw,
    108: _loopback,
    113: _cooked,
    228: _raw,
    229: _raw,
    276: _cooked2,
}
"""For each link type: what tells the kind of the network layer, and where that begins."""


def _ipv4(time: float, data: memoryview) -> TcpPacket | None:
    size = (data[0] & 15) * 4
    whole = _short(data, 2) or len(data)  # 0 where the network card was to cut it into packets
    if data[9] != _TCP_NUMBER:
        return None
    if _short(data, 6) & 0x3FFF:
        raise Unreadable("it is a fragment")
    source, target = IPv4Address(bytes(data[12:16])), IPv4Address(bytes(data[16:20]))
    return _tcp(time, source, target, data[size:whole], max(whole - len(data), 0))


def _ipv6(time: float, data: memoryview) -> TcpPacket | None:
    whole = 40 + _short(data, 4) if _short(data, 4) else len(data)
    source, target = IPv6Address(bytes(data[8:24])), IPv6Address(bytes(data[24:40]))
    kind, at = data[6], 40
    while kind != _TCP_NUMBER:
        if kind in _SKIPPED_HEADERS:
            size = (data[at + 1] + 1) * 8
        elif kind == _AUTHENTICATION:
            size = (data[at + 1] + 2) * 4
        elif kind == _FRAGMENT:
            if _short(data, at + 2) & 0xFFF9:
                raise Unreadable("it is a fragment")
            size = 8
        else:
            return None
        kind, at = data[at], at + size
    return _tcp(time, source, target, data[at:whole], max(whole - len(data), 0))


def _tcp(
    time: float, source: IPv4Address | IPv6Address, target: IPv4Address | IPv6Address, data: memoryview, cut: int
) -> TcpPacket:
    if len(data) < _TCP.size:
        raise ValueError
    source_port, target_port, seq, _, offset, flags = _TCP.unpack_from(data)
    start = (offset >> 4) * 4
    if start < 20:
        raise ValueError
    return TcpPacket(
        time=time,
        source=Host(source, source_port),
        target=Host(target, target_port),
        seq=seq,
        syn=bool(flags & _SYN),
        ack=bool(flags & _ACK),
        fin=bool(flags & _FIN),
        rst=bool(flags & _RST),
        data=bytes(data[start:]),
        cut=max(cut - max(start - len(data), 0), 0),
    )
