"""Frames from bytes, with nothing but `struct`, AES-GCM and zlib: the other half of `encoder`."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from struct import unpack_from

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .encoder import crc, next_nonce, segment_crc
from .opening import Wrong

BANNER = 26
LONGEST = 1 << 24


@dataclass(frozen=True)
class Seen:
    """A frame, and the bytes that it was on the wire."""

    tag: int
    segments: tuple[bytes, ...]
    raw: bytes
    compressed: bool = False
    aborted: bool = False


@dataclass
class Reader:
    """One direction: bytes in, frames out. `mode`, `revision` and `algorithm` are set as they are agreed."""

    revision: str = "2.1"
    algorithm: str | None = None
    buffer: bytes = b""
    key: AESGCM | None = field(default=None, repr=False)
    nonce: bytes = b""

    def secure(self, secret: bytes, *, dialled: bool) -> None:
        """Go over to secure mode, in the direction of the end that dialled or the other one."""
        self.key = AESGCM(secret[:16])
        self.nonce = secret[28:40] if dialled else secret[16:28]

    def banner(self) -> bytes | None:
        return self._took(BANNER) if len(self.buffer) >= BANNER else None

    def frame(self) -> Seen | None:
        """The next frame, or None while it is not complete."""
        nonce, whole = self.nonce, self.buffer
        try:
            return self._frame(whole)
        except IndexError:
            self.nonce, self.buffer = nonce, whole
            return None

    def _took(self, size: int) -> bytes:
        if len(self.buffer) < size:
            raise IndexError
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def _opened(self, size: int) -> bytes:
        sealed = self._took(size + 16)
        try:
            plain = self.key.decrypt(self.nonce, sealed, None) if self.key else b""
        except InvalidTag:
            raise Wrong("the tag of a ciphertext") from None
        self.nonce = next_nonce(self.revision, self.nonce)
        return plain

    def _frame(self, whole: bytes) -> Seen:
        if self.key is None:
            head = self._took(32)
            parts, status = self._crc_body(*checked(head))
        elif self.revision == "2.0":
            head, parts, status = self._secure_body_0()
        else:
            head, parts, status = self._secure_body_1()
        compressed = bool(head[26] & 1)
        if compressed:
            parts = [unpacked(self.algorithm, part) if part else b"" for part in parts]
        raw = whole[: len(whole) - len(self.buffer)]
        return Seen(head[0], tuple(parts), raw, compressed, late(self.revision, status))

    def _crc_body(self, sizes: list[int]) -> tuple[list[bytes], int]:
        if self.revision == "2.0":
            parts = [self._took(size) for size in sizes]
            status, *sums = unpack_from("<B4I", self._took(17))
        else:
            parts = [self._took(sizes[0])]
            sums = [unpack_from("<I", self._took(4))[0]] if sizes[0] else [segment_crc(b"")]
            status = 0x0E
            if len(sizes) > 1:
                parts += [self._took(size) for size in sizes[1:]]
                status, *more = unpack_from("<B3I", self._took(13))
                sums += more
        if [segment_crc(part) for part in parts] != sums[: len(parts)]:
            raise Wrong("the checksum of a segment")
        return parts, status

    def _secure_body_0(self) -> tuple[bytes, list[bytes], int]:
        """Everything is one ciphertext, whose length only its beginning tells."""
        if self.key is None or len(self.buffer) < 32:
            raise IndexError
        # GCM is CTR behind a tag: the key stream of 32 bytes is what 32 zero bytes encrypt to.
        stream = self.key.encrypt(self.nonce, bytes(32), None)
        head = bytes(one ^ other for one, other in zip(self.buffer[:32], stream, strict=False))
        (sizes,) = checked(head)
        plain = self._opened(32 + sum(map(padded, sizes)) + 16)
        return head, cut(plain[32:], sizes), plain[-16]

    def _secure_body_1(self) -> tuple[bytes, list[bytes], int]:
        inline = self._opened(80)
        head, first = inline[:32], inline[32:]
        (sizes,) = checked(head)
        if sizes[0] > 48:
            first += self._opened(padded(sizes[0] - 48))
        parts, status = [first[: sizes[0]]], 0x0E
        if len(sizes) > 1:
            rest = self._opened(sum(map(padded, sizes[1:])) + 16)
            parts += cut(rest, sizes[1:])
            status = rest[-16]
        return head, parts, status


def padded(size: int) -> int:
    return size + -size % 16


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    parts = []
    for size in sizes:
        parts.append(data[:size])
        data = data[padded(size) :]
    return parts


def checked(head: bytes) -> tuple[list[int]]:
    """The lengths of the segments."""
    if crc(head[:28], 0) != unpack_from("<I", head, 28)[0]:
        raise Wrong("the checksum of a preamble")
    if not 1 <= head[1] <= 4:
        raise Wrong("the number of segments")
    sizes = [unpack_from("<I", head, 2 + 6 * slot)[0] for slot in range(head[1])]
    if sum(sizes) > LONGEST:
        raise Wrong("the length of a segment")
    return (sizes,)


def late(revision: str, status: int) -> bool:
    """Whether the frame was withdrawn at its end."""
    if revision == "2.0":
        return bool(status & 1)
    if status & 0x0F not in (0x01, 0x0E):
        raise Wrong("the last byte")
    return status & 0x0F == 0x01


# Compression


def unpacked(algorithm: str | None, data: bytes) -> bytes:
    openers: dict[str | None, Callable[[bytes], bytes]] = {"snappy": snappy_opened, "zlib": inflated}
    if algorithm not in openers:
        raise Wrong("compressed, and nobody agreed to that")
    return openers[algorithm](data)


def inflated(data: bytes) -> bytes:
    return zlib.decompress(data[1:], -15)


def snappy_opened(data: bytes) -> bytes:
    """A raw block: its length, literals and copies."""
    size, shift, at = 0, 0, 0
    while True:
        size |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not data[at - 1] & 0x80:
            break
    out = bytearray()
    while at < len(data):
        kind, more = data[at] & 3, data[at] >> 2
        at += 1
        if kind == 0:
            wide = max(0, more - 59)
            length = int.from_bytes(data[at : at + wide], "little") + 1 if wide else more + 1
            out += data[at + wide : at + wide + length]
            at += wide + length
            continue
        wide = {1: 1, 2: 2, 3: 4}[kind]
        offset = int.from_bytes(data[at : at + wide], "little")
        if kind == 1:
            more, offset = (more & 7) + 3, offset | (more >> 3) << 8
        at += wide
        for _ in range(more + 1):
            out.append(out[-offset])
    if len(out) != size:
        raise Wrong("the length of a snappy block")
    return bytes(out)
