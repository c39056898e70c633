"""The five algorithms: what the bytes of one compressed segment are.

=========  ======================================================================================================
algorithm  a segment
=========  ======================================================================================================
snappy     a raw block: varint its length, and elements; no framing (COMPRESSION-7)
zlib       u8 0 (whose deflate it is; not looked at), and raw deflate: no header, no checksum (COMPRESSION-8)
zstd       u32 its length (or more), and a frame (COMPRESSION-9)
lz4        u32 number of blocks; for each u32 its length, u32 its compressed length; and the blocks, without a
           frame. Each may refer to what the blocks before it hold (COMPRESSION-10)
brotli     a stream (COMPRESSION-11)
=========  ======================================================================================================

Nothing here is allocated for more bytes than the caller allows, whatever a segment says of itself, and nothing is
produced beyond that.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from struct import Struct
from types import MappingProxyType
from typing import Final

import cramjam

from ..wire import Octets
from .compression import Algorithm, Codec, Damaged, Incompressible, TooLong

_U32: Final = Struct("<I")
_PAIR: Final = Struct("<II")

_SNAPPY_END: Final = 1 << 28
"""Ceph learns the length of a snappy block from four bytes, which do not hold more than that."""
_ZLIB_WINDOW: Final = -15
_ZLIB_LEVEL: Final = 5
_ZLIB_MEMORY: Final = 8
_ZSTD_LEVEL: Final = 1
_BROTLI_LEVEL: Final = 9
_BROTLI_FIRST: Final = 1 << 16
_BROTLI_GROWTH: Final = 8
_LZ4_BLOCKS: Final = 256
"""More than anybody writes (one): each block after the first costs up to a window more than the bytes it holds."""
_LZ4_WINDOW: Final = 0xFFFF
"""How far back a block can refer."""
_LZ4_LITERALS: Final = 15

_Into = Callable[[Octets, bytearray], int]


def _fill(into: _Into, packed: Octets, size: int) -> bytes:
    """Decompress into `size` bytes, which is as far as it can go."""
    out = bytearray(size)
    try:
        count = into(packed, out)
    except cramjam.DecompressionError:
        raise Damaged(f"it does not decompress to {size} bytes") from None
    return bytes(memoryview(out)[:count])


def _check(announced: int, limit: int) -> None:
    if announced > limit:
        raise TooLong(f"it announces {announced} bytes, {limit} are allowed")


class Snappy:
    """Raw snappy blocks."""

    def compress(self, plain: Octets) -> bytes:
        """Return a block; raises Incompressible for 256 MiB and more."""
        if len(plain) >= _SNAPPY_END:
            raise Incompressible
        return bytes(cramjam.snappy.compress_raw(plain))

    def decompress(self, packed: Octets, limit: int) -> bytes:
        """Return what a block holds; raises TooLong and Damaged."""
        try:
            announced = cramjam.snappy.decompress_raw_len(packed)
        except cramjam.DecompressionError:
            raise Damaged("it does not begin with its length") from None
        _check(announced, limit)
        return _fill(cramjam.snappy.decompress_raw_into, packed, announced)


class Zlib:
    """A marker and raw deflate."""

    def compress(self, plain: Octets) -> bytes:
        """Return marker and deflate."""
        deflate = zlib.compressobj(_ZLIB_LEVEL, zlib.DEFLATED, _ZLIB_WINDOW, _ZLIB_MEMORY)
        return b"".join([b"\0", deflate.compress(plain), deflate.flush()])

    def decompress(self, packed: Octets, limit: int) -> bytes:
        """Return what the deflate holds; raises TooLong and Damaged."""
        inflate = zlib.decompressobj(_ZLIB_WINDOW)
        try:
            plain = inflate.decompress(memoryview(packed)[1:], limit + 1)
        except zlib.error as error:
            raise Damaged(str(error)) from None
        if len(plain) > limit:
            raise TooLong(f"it has more than the {limit} bytes allowed")
        if not inflate.eof:
            raise Damaged("it ends too early")
        return plain


class Zstd:
    """A length and a zstd frame."""

    def compress(self, plain: Octets) -> bytes:
        """Return length and frame."""
        return _U32.pack(len(plain)) + bytes(cramjam.zstd.compress(plain, _ZSTD_LEVEL))

    def decompress(self, packed: Octets, limit: int) -> bytes:
        """Return what a frame holds, which may be less than announced; raises TooLong and Damaged."""
        if len(packed) < _U32.size:
            raise Damaged("it does not begin with its length")
        (announced,) = _U32.unpack_from(packed)
        _check(announced, limit)
        return _fill(cramjam.zstd.decompress_into, memoryview(packed)[_U32.size :], announced)


class Lz4:
    """Dependent LZ4 blocks."""

    def compress(self, plain: Octets) -> bytes:
        """Return a single block, with what tells of it; raises Incompressible for 2,113,929,217 bytes and more."""
        try:
            block = bytes(cramjam.lz4.compress_block(plain, store_size=False))
        except cramjam.CompressionError:
            raise Incompressible from None
        return _U32.pack(1) + _PAIR.pack(len(plain), len(block)) + block

    def decompress(self, packed: Octets, limit: int) -> bytes:
        """Return what the blocks hold; raises TooLong and Damaged."""
        blocks = memoryview(packed)
        pairs, start = _lz4_pairs(blocks)
        _check(sum(length for length, _ in pairs), limit)
        plain = bytearray()
        for length, size in pairs:
            plain += _lz4_block(blocks[start : start + size], length, plain[-_LZ4_WINDOW:])
            start += size
        return bytes(plain)


def _lz4_pairs(packed: memoryview) -> tuple[list[tuple[int, int]], int]:
    """Return length and compressed length of each block, and where the blocks begin."""
    if len(packed) < _U32.size:
        raise Damaged("it does not begin with the number of its blocks")
    (count,) = _U32.unpack_from(packed)
    if count > _LZ4_BLOCKS:
        raise TooLong(f"it has {count} blocks, {_LZ4_BLOCKS} are allowed")
    start = _U32.size + count * _PAIR.size
    if len(packed) < start:
        raise Damaged(f"it is too short for {count} blocks")
    pairs: list[tuple[int, int]] = list(_PAIR.iter_unpack(packed[_U32.size : start]))
    if sum(size for _, size in pairs) != len(packed) - start:
        raise Damaged(f"its {count} blocks are not {len(packed) - start} bytes together")
    return pairs, start


def _lz4_block(block: memoryview, length: int, window: bytearray) -> bytes:
    """Return the `length` bytes that a block holds, which may refer to `window`: what came right before it."""
    behind = len(window)
    if behind:
        block = memoryview(_lz4_behind(window, block))
    out = bytearray(behind + length)
    try:
        count = cramjam.lz4.decompress_block_into(block, out, output_len=len(out))
    except cramjam.DecompressionError:
        count = -1
    if count != len(out):
        raise Damaged(f"a block does not decompress to {length} bytes")
    return bytes(memoryview(out)[behind:])


def _lz4_behind(window: bytearray, block: memoryview) -> bytes:
    """Return a block that holds `window`, and then what `block` holds behind it.

    A block is a row of sequences, each of which begins with literals: a token whose high half is how many, and
    goes on, where that is 15, by bytes that are added up to and with the first which is not 255. So the window goes in
    front of the first literals, and becomes literals itself.
    """
    if not len(block):
        raise Damaged("a block is empty")
    token, count, start = block[0], block[0] >> 4, 1
    if count == _LZ4_LITERALS:
        while start < len(block) and block[start] == 0xFF:
            start += 1
        count += 0xFF * (start - 1) + (block[start] if start < len(block) else 0)
        start += 1
    more, last = divmod(count + len(window) - _LZ4_LITERALS, 0xFF)
    if more < 0:
        head = bytes([(count + len(window)) << 4 | token & 0x0F])
    else:
        head = bytes([_LZ4_LITERALS << 4 | token & 0x0F]) + b"\xff" * more + bytes([last])
    return b"".join([head, window, block[start:]])


class Brotli:
    """Plain brotli streams, which do not tell how much they hold."""

    def compress(self, plain: Octets) -> bytes:
        """Return a stream."""
        return bytes(cramjam.brotli.compress(plain, _BROTLI_LEVEL))

    def decompress(self, packed: Octets, limit: int) -> bytes:
        """Return what a stream holds; raises TooLong and Damaged."""
        size = min(limit, max(_BROTLI_FIRST, _BROTLI_GROWTH * len(packed)))
        while True:
            out = bytearray(size)
            try:
                count = cramjam.brotli.decompress_into(packed, out)
            except cramjam.DecompressionError as error:
                # Whether there was no room, or no stream, only the text can tell; trying again is right for both.
                if size == limit:
                    if "whole buffer" in str(error):
                        raise TooLong(f"it has more than the {limit} bytes allowed") from None
                    raise Damaged("it is no stream") from None
                size = min(limit, size * _BROTLI_GROWTH)
            else:
                return bytes(memoryview(out)[:count])


CODECS: Final[Mapping[Algorithm, Codec]] = MappingProxyType(
    {
        Algorithm.SNAPPY: Snappy(),
        Algorithm.ZLIB: Zlib(),
        Algorithm.ZSTD: Zstd(),
        Algorithm.LZ4: Lz4(),
        Algorithm.BROTLI: Brotli(),
    }
)
"""The codec of each algorithm."""
