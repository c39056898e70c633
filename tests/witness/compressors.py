"""Compressed segments by hand, one element after the other, as the five formats have it.

What compressors choose differs from one release of a library to the next; these choices are ours, and stay.
"""

from __future__ import annotations

from struct import pack

ZSTD_MAGIC = bytes.fromhex("28b52ffd")


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


# snappy: a length, and elements


def snappy(length: int, *elements: bytes) -> bytes:
    return varint(length) + b"".join(elements)


def snappy_literal(data: bytes) -> bytes:
    count = len(data) - 1
    return (bytes([count << 2]) if count < 60 else bytes([60 << 2, count])) + data


def snappy_packed(data: bytes) -> bytes:
    """A whole block: whatever has four bytes as they were before is copied from there."""
    elements, seen, begin, at = [], {data[:4]: 0}, 0, 1
    while at < len(data):
        source = seen.get(data[at : at + 4])
        seen[data[at : at + 4]] = at
        length = common(data, source, at) if source is not None else 0
        if length < 4:
            at += 1
            continue
        elements += [snappy_literal(data[start : min(start + 256, at)]) for start in range(begin, at, 256)]
        elements.append(snappy_copy(length, at - (source or 0)))
        begin = at = at + length
    elements += [snappy_literal(data[start : start + 256]) for start in range(begin, len(data), 256)]
    return snappy(len(data), *elements)


def common(data: bytes, one: int, other: int) -> int:
    """How far two places go on alike, up to what one copy can take."""
    length = 0
    while length < 64 and other + length < len(data) and data[one + length] == data[other + length]:
        length += 1
    return length


def snappy_copy(length: int, offset: int) -> bytes:
    return bytes([length - 1 << 2 | 2]) + pack("<H", offset)


# zlib: a marker, and raw deflate


def deflate_stored(*pieces: bytes) -> bytes:
    wire = b""
    for index, piece in enumerate(pieces):
        wire += pack("<BHH", index == len(pieces) - 1, len(piece), len(piece) ^ 0xFFFF) + piece
    return wire


def deflate_packed(data: bytes) -> bytes:
    """A whole segment, of stored blocks."""
    return b"\0" + deflate_stored(*[data[start : start + 0xFFFF] for start in range(0, len(data), 0xFFFF)])


def deflate_run(matches: int) -> bytes:
    """A zero, and so many times 258 more, with the fixed codes."""
    bits = "1" + "10"  # the last block; fixed codes, the low bit first
    bits += "00110000"  # literal 0
    bits += ("11000101" + "00000") * matches  # 258 bytes, from 1 byte back
    return packed_bits(bits + "0000000")


def packed_bits(bits: str) -> bytes:
    """Bits in their order, the first in the lowest place of the first byte."""
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[start : start + 8][::-1], 2) for start in range(0, len(bits), 8))


# zstd: a length, and a frame of blocks


def zstd(length: int, frame: bytes) -> bytes:
    return pack("<I", length) + frame


def zstd_frame(*blocks: tuple[int, int, bytes], size: int | None = None) -> bytes:
    """A frame of blocks: kind (0 as it is, 1 repeated), length, bytes. It may tell its size, if that is below 256."""
    head = ZSTD_MAGIC + (b"\x00\x58" if size is None else bytes([0x20, size]))  # else with a window of 2 MiB
    for index, (kind, length, data) in enumerate(blocks):
        head += (length << 3 | kind << 1 | (index == len(blocks) - 1)).to_bytes(3, "little") + data
    return head


# lz4: lengths, and blocks of sequences


def lz4(*blocks: tuple[int, bytes], count: int | None = None) -> bytes:
    """Blocks with the lengths of what they hold."""
    head = pack("<I", len(blocks) if count is None else count)
    head += b"".join(pack("<II", length, len(block)) for length, block in blocks)
    return head + b"".join(block for _, block in blocks)


def lz4_sequence(literals: bytes, match: tuple[int, int] | None = None) -> bytes:
    """Literals, and a match of that length and offset; without one it is the last of its block."""
    length, offset = match or (4, 0)
    token = min(len(literals), 15) << 4 | min(length - 4, 15)
    wire = bytes([token]) + _lz4_more(len(literals)) + literals
    return wire + pack("<H", offset) + _lz4_more(length - 4) if match else wire


def _lz4_more(count: int) -> bytes:
    if count < 15:
        return b""
    full, last = divmod(count - 15, 255)
    return b"\xff" * full + bytes([last])


# brotli: a stream


def brotli_stored(data: bytes) -> bytes:
    """A window of 64 KiB; one part, not the last, of 4 nibbles, uncompressed; then the last, empty."""
    return (len(data) - 1 << 4 | 1 << 20).to_bytes(3, "little") + data + b"\x03"
