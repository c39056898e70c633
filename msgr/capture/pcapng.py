"""Files as Wireshark writes them: blocks, each with a type, its length, a body, and its length again.

==========  ==========================================================================================
type        body
==========  ==========================================================================================
0x0a0d0d0a  a section begins: u32 0x1a2b3c4d, which tells the byte order. Its interfaces are counted anew
1           an interface: u16 link type, u16 0, u32 most bytes kept of a packet, options
2, 6        a packet: u32 interface (2: u16, and u16 drops), u64 time (upper half first), u32 bytes kept,
            u32 bytes it had, the bytes
3           a packet of interface 0 without a time: u32 bytes it had, the bytes
==========  ==========================================================================================

Blocks of other types are passed over. Options are u16 code, u16 length, a value, padded to 4 bytes: 9 is the unit of
time (a negative power of 10, or of 2 with bit 7 set), 14 an i64 of seconds to be added.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from struct import error as struct_error
from typing import Final

from .source import LONGEST, Damage, Packet, Source

MAGIC: Final = b"\x0a\x0d\x0d\x0a"
_ORDERS: Final = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET = 0x0A0D0D0A, 1, 2, 3, 6
_UNIT, _OFFSET = 9, 14
_LEAST: Final = 12


@dataclass(frozen=True, slots=True)
class _Interface:
    link: int
    kept: int
    units: int = 1_000_000
    offset: int = 0


class _Section:
    """The blocks between two section headers."""

    def __init__(self, order: str) -> None:
        self.word = Struct(order + "I")
        self.interfaces: list[_Interface] = []
        self._order = order

    def packet(self, kind: int, body: bytes) -> Packet | None:
        """Return the packet of a block, if it has one; raises Damage and struct's error."""
        if kind == _INTERFACE:
            self.interfaces.append(self._interface(body))
        elif kind == _PACKET:
            number, high, low, kept = Struct(self._order + "IIII").unpack_from(body)
            return self._packet(number, high << 32 | low, kept, body[20:])
        elif kind == _OLD_PACKET:
            number, _, high, low, kept = Struct(self._order + "HHIII").unpack_from(body)
            return self._packet(number, high << 32 | low, kept, body[20:])
        elif kind == _SIMPLE_PACKET:
            (whole,) = self.word.unpack_from(body)
            most = self.interfaces[0].kept if self.interfaces else 0
            return self._packet(0, 0, min(whole, most or whole), body[4:])
        return None

    def _packet(self, number: int, time: int, kept: int, data: bytes) -> Packet:
        if number >= len(self.interfaces):
            raise Damage(f"a packet of interface {number}, where there are {len(self.interfaces)}")
        if kept > len(data):
            raise Damage(f"a packet of {kept} bytes in a block with room for {len(data)}")
        interface = self.interfaces[number]
        time += interface.offset * interface.units  # whole numbers, as nanoseconds since 1970 are too long for a float
        return Packet(time / interface.units, interface.link, data[:kept])

    def _interface(self, body: bytes) -> _Interface:
        link, _, kept = Struct(self._order + "HHI").unpack_from(body)
        units, offset = 1_000_000, 0
        for code, value in self._options(body[8:]):
            if code == _UNIT and len(value) == 1:
                power = value[0] & 0x7F
                units = (2 if value[0] & 0x80 else 10) ** power
            elif code == _OFFSET and len(value) == 8:
                (offset,) = Struct(self._order + "q").unpack(value)
        return _Interface(link, kept, units, offset)

    def _options(self, body: bytes) -> Iterator[tuple[int, bytes]]:
        head = Struct(self._order + "HH")
        while len(body) >= head.size:
            code, length = head.unpack_from(body)
            if not code:
                return
            yield code, body[4 : 4 + length]
            body = body[4 + length + -length % 4 :]


def read_pcapng(source: Source) -> Iterator[Packet]:
    """Yield the packets of a file; raises Damage where it does not go on."""
    section: _Section | None = None
    while begin := source.upto(4):
        start = source.position - len(begin)
        if begin == MAGIC:
            length, mark = source.take(4), source.take(4)
            if mark not in _ORDERS:
                raise Damage(f"damaged at byte {start}: a section of unknown byte order")
            section = _Section(_ORDERS[mark])
            # The version, the length of the section and options follow; nobody needs them to read on.
            _rest(source, section, length, taken=12, start=start)
            continue
        if section is None or len(begin) < 4:
            raise Damage(f"cut short after {source.position} bytes, in the head of a block")
        (kind,) = section.word.unpack(begin)
        body = _rest(source, section, source.take(4), taken=8, start=start)
        try:
            packet = section.packet(kind, body)
        except (Damage, struct_error) as error:
            raise Damage(f"damaged at byte {start}: {error}") from None
        if packet is not None:
            yield packet


def _rest(source: Source, section: _Section, length: bytes, *, taken: int, start: int) -> bytes:
    """Return the body of a block, as far as it is not `taken`, without the length at its end."""
    (size,) = section.word.unpack(length)
    if size < _LEAST or size < taken + 4 or size % 4 or size > LONGEST:
        raise Damage(f"damaged at byte {start}: a block of {size} bytes")
    body = source.take(size - taken)
    if body[-4:] != length:
        raise Damage(f"damaged at byte {start}: a block whose two lengths differ")
    return body[:-4]
