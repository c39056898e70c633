"""The compression libraries of the system, those that Ceph calls: they witness what our codecs write and read.

They are called the way Ceph does: the same level, window and memory, and the same bytes around what they make.
"""

from __future__ import annotations

from ctypes import CDLL, Structure, byref, c_char_p, c_int, c_size_t, c_uint, c_ulong, c_void_p, cast, sizeof
from ctypes import create_string_buffer as buffer
from struct import pack, unpack_from
from typing import Final

NAMES: Final = {
    "snappy": ("libsnappy.so.1",),
    "zlib": ("libz.so.1",),
    "zstd": ("libzstd.so.1",),
    "lz4": ("liblz4.so.1",),
    "brotli": ("libbrotlienc.so.1", "libbrotlidec.so.1"),
}


class Refused(Exception):
    """A library does not take the bytes."""


class Snappy:
    def __init__(self, library: CDLL) -> None:
        self.library = library

    def compress(self, plain: bytes) -> bytes:
        self.library.snappy_max_compressed_length.restype = c_size_t
        out = buffer(self.library.snappy_max_compressed_length(c_size_t(len(plain))))
        size = c_size_t(len(out))
        assert self.library.snappy_compress(plain, c_size_t(len(plain)), out, byref(size)) == 0
        return out.raw[: size.value]

    def decompress(self, packed: bytes) -> bytes:
        size = c_size_t()
        if self.library.snappy_uncompressed_length(packed, c_size_t(len(packed)), byref(size)):
            raise Refused
        out = buffer(size.value)
        if self.library.snappy_uncompress(packed, c_size_t(len(packed)), out, byref(size)):
            raise Refused
        return out.raw[: size.value]


class _Stream(Structure):
    _fields_ = (
        ("next_in", c_void_p),
        ("avail_in", c_uint),
        ("total_in", c_ulong),
        ("next_out", c_void_p),
        ("avail_out", c_uint),
        ("total_out", c_ulong),
        ("msg", c_char_p),
        ("state", c_void_p),
        ("zalloc", c_void_p),
        ("zfree", c_void_p),
        ("opaque", c_void_p),
        ("data_type", c_int),
        ("adler", c_ulong),
        ("reserved", c_ulong),
    )


class Zlib:
    FINISH = 4
    STREAM_END = 1

    def __init__(self, library: CDLL) -> None:
        self.library = library

    def compress(self, plain: bytes) -> bytes:
        stream = _Stream()
        version = (b"1", sizeof(_Stream))
        assert self.library.deflateInit2_(byref(stream), 5, 8, -15, 8, 0, *version) == 0
        return b"\0" + self._run(stream, plain, len(plain) * 2 + 100, "deflate")

    def decompress(self, packed: bytes) -> bytes:
        stream = _Stream()
        assert self.library.inflateInit2_(byref(stream), -15, b"1", sizeof(_Stream)) == 0
        return self._run(stream, packed[1:], 1 << 21, "inflate")

    def _run(self, stream: _Stream, data: bytes, room: int, what: str) -> bytes:
        source, out = buffer(data, len(data)), buffer(room)
        stream.next_in, stream.avail_in = cast(source, c_void_p), len(data)
        stream.next_out, stream.avail_out = cast(out, c_void_p), room
        result = getattr(self.library, what)(byref(stream), self.FINISH)
        getattr(self.library, f"{what}End")(byref(stream))
        if result != self.STREAM_END:
            raise Refused
        return out.raw[: stream.total_out]


class Zstd:
    def __init__(self, library: CDLL) -> None:
        self.library = library
        for name in ("ZSTD_compress", "ZSTD_decompress"):
            getattr(library, name).restype = c_size_t

    def compress(self, plain: bytes) -> bytes:
        out = buffer(len(plain) * 2 + 100)
        size = self.library.ZSTD_compress(out, c_size_t(len(out)), plain, c_size_t(len(plain)), 1)
        return pack("<I", len(plain)) + out.raw[: self._checked(size)]

    def decompress(self, packed: bytes) -> bytes:
        (length,) = unpack_from("<I", packed)
        out = buffer(max(length, 1))
        size = self.library.ZSTD_decompress(out, c_size_t(length), packed[4:], c_size_t(len(packed) - 4))
        return out.raw[: self._checked(size)]

    def _checked(self, size: int) -> int:
        if self.library.ZSTD_isError(c_size_t(size)):
            raise Refused
        return size


class Lz4:
    def __init__(self, library: CDLL) -> None:
        self.library = library

    def compress(self, plain: bytes) -> bytes:
        return self.compress_blocks(plain)

    def compress_blocks(self, *pieces: bytes) -> bytes:
        """Compress pieces one after the other, with one state: each may refer to those before it."""
        plain = b"".join(pieces)
        source, state = buffer(plain, len(plain) + 1), buffer(1 << 15)  # more than a state needs
        self.library.LZ4_resetStream(state)
        head, blocks, start = pack("<I", len(pieces)), b"", 0
        for piece in pieces:
            out = buffer(len(piece) * 2 + 100)
            place = c_char_p(cast(source, c_void_p).value)
            place = cast(c_void_p((cast(place, c_void_p).value or 0) + start), c_char_p)
            size = self.library.LZ4_compress_fast_continue(state, place, out, len(piece), len(out), 1)
            assert size > 0
            head += pack("<II", len(piece), size)
            blocks += out.raw[:size]
            start += len(piece)
        return head + blocks

    def decompress(self, packed: bytes) -> bytes:
        (count,) = unpack_from("<I", packed)
        plain, start = b"", 4 + 8 * count
        for index in range(count):
            length, size = unpack_from("<II", packed, 4 + 8 * index)
            out = buffer(max(length, 1))
            window = plain[-(1 << 16) :]
            done = self.library.LZ4_decompress_safe_usingDict(
                packed[start : start + size], out, size, length, window, len(window)
            )
            if done != length:
                raise Refused
            plain += out.raw[:length]
            start += size
        return plain


class Brotli:
    def __init__(self, encoder: CDLL, decoder: CDLL) -> None:
        self.encoder, self.decoder = encoder, decoder

    def compress(self, plain: bytes) -> bytes:
        out = buffer(len(plain) * 2 + 100)
        size = c_size_t(len(out))
        assert self.encoder.BrotliEncoderCompress(9, 22, 0, c_size_t(len(plain)), plain, byref(size), out)
        return out.raw[: size.value]

    def decompress(self, packed: bytes) -> bytes:
        out = buffer(1 << 24)
        size = c_size_t(len(out))
        if self.decoder.BrotliDecoderDecompress(c_size_t(len(packed)), packed, byref(size), out) != 1:
            raise Refused
        return out.raw[: size.value]


Library = Snappy | Zlib | Zstd | Lz4 | Brotli
_KINDS: Final = {"snappy": Snappy, "zlib": Zlib, "zstd": Zstd, "lz4": Lz4, "brotli": Brotli}


def load(algorithm: str) -> Library:
    """Return the library of an algorithm; raises OSError where the system does not have it."""
    library: Library = _KINDS[algorithm](*map(CDLL, NAMES[algorithm]))
    return library
