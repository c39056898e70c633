"""Files as tcpdump writes them.

======  =====  ===============================================================================
offset  size   the head of the file, in the byte order that the first word tells
======  =====  ===============================================================================
0       u32    0xa1b2c3d4: times have microseconds; 0xa1b23c4d: nanoseconds
4       u16 x2 version 2.4
8       8      of no meaning today
16      u32    the most bytes that are kept of a packet
20      u32    link type in the lower 16 bits
======  =====  ===============================================================================

Then packets: u32 seconds, u32 fraction, u32 bytes kept, u32 bytes it had, and the bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final

from .source import Damage, Packet, Source

MAGICS: Final = {
    b"\xd4\xc3\xb2\xa1": ("<", 1e6),
    b"\xa1\xb2\xc3\xd4": (">", 1e6),
    b"\x4d\x3c\xb2\xa1": ("<", 1e9),
    b"\xa1\xb2\x3c\x4d": (">", 1e9),
}
"""The first four bytes of a file: its byte order, and how many units of time a second has."""


def read_pcap(source: Source) -> Iterator[Packet]:
    """Yield the packets of a file; raises Damage where it does not go on."""
    order, units = MAGICS[source.take(4)]
    head = Struct(order + "HHIIII")
    record = Struct(order + "IIII")
    *_, link = head.unpack(source.take(head.size))
    while begin := source.upto(record.size):
        if len(begin) < record.size:
            raise Damage(f"cut short after {source.position} bytes, in the head of a packet")
        seconds, fraction, kept, _ = record.unpack(begin)
        yield Packet(seconds + fraction / units, link & 0xFFFF, source.take(kept))
