"""Bytes of msgr2 from nothing but `struct` and AES-GCM.

Everything that a well-behaved sender computes can be overridden, so that the same functions make the invalid vectors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from struct import pack

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SECRET = bytes(range(64))
ALIGNMENTS = (8, 8, 8, 4096)


def _crc_table() -> Iterator[int]:
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        yield value


_TABLE = tuple(_crc_table())


def crc(data: bytes, seed: int) -> int:
    """The bare CRC32-C register: no inversion on the way in or out."""
    value = seed
    for byte in data:
        value = value >> 8 ^ _TABLE[(value ^ byte) & 0xFF]
    return value


def segment_crc(data: bytes) -> int:
    return crc(data, 0xFFFFFFFF)


def pad16(data: bytes) -> bytes:
    return data + bytes(-len(data) % 16)


def blob(data: bytes) -> bytes:
    return pack("<I", len(data)) + data


def vec32(*numbers: int) -> bytes:
    return pack(f"<I{len(numbers)}I", len(numbers), *numbers)


# Addresses


def sockaddr(host: str, port: int, *, flowinfo: int = 0, scope_id: int = 0, order: str = "<") -> bytes:
    ip = ip_address(host)
    if ip.version == 4:
        return pack(f"{order}H", 2) + pack(">H", port) + ip.packed + bytes(8)
    return pack(f"{order}H", 10) + pack(">HI", port, flowinfo) + ip.packed + pack("<I", scope_id)


def modern(
    kind: int,
    nonce: int,
    sock: bytes,
    *,
    version: int = 1,
    compat: int = 1,
    length: int | None = None,
    more: bytes = b"",
) -> bytes:
    """A modern address; `length` lies about the socket address, `more` is what a newer version would append."""
    inner = pack("<III", kind, nonce, len(sock) if length is None else length) + sock + more
    return pack("<BBBI", 1, version, compat, len(inner)) + inner


def legacy(nonce: int, sock: bytes) -> bytes:
    return pack("<II", 0, nonce) + sock.ljust(128, b"\0")


def address_vector(*addresses: bytes) -> bytes:
    return pack("<BI", 2, len(addresses)) + b"".join(addresses)


# Frames


def preamble(
    tag: int,
    lengths: Sequence[int],
    *,
    count: int | None = None,
    alignments: Sequence[int] = ALIGNMENTS,
    flags: int = 0,
    reserved: int = 0,
    spoil: int = 0,
) -> bytes:
    slots = b"".join(pack("<IH", length, align) for length, align in zip(lengths, alignments, strict=False))
    head = pack("<BB24sBB", tag, len(lengths) if count is None else count, slots, flags, reserved)
    return head + pack("<I", crc(head, 0) ^ spoil)


def crc_frame(
    revision: str,
    tag: int,
    segments: Sequence[bytes],
    *,
    late: int | None = None,
    head: bytes | None = None,
    sums: Sequence[int] | None = None,
) -> bytes:
    """A frame in CRC mode; `sums` replaces the checksums of the segments."""
    start = preamble(tag, [len(segment) for segment in segments]) if head is None else head
    if sums is None:
        sums = [segment_crc(segment) for segment in segments]
    slots = [*sums, 0, 0, 0][:4]
    if revision == "2.0":
        return start + b"".join(segments) + pack("<B4I", late or 0, *slots)
    first, *others = segments
    wire = start + first + (pack("<I", slots[0]) if first else b"")
    if others:
        wire += b"".join(others) + pack("<B3I", 0x0E if late is None else late, *slots[1:])
    return wire


class Sealer:
    """One direction of a connection in secure mode: the end that dialled (or did not) sends."""

    def __init__(self, revision: str, secret: bytes = SECRET, *, dialled: bool = True) -> None:
        self.revision = revision
        self.aead = AESGCM(secret[:16])
        self.nonce = secret[28:40] if dialled else secret[16:28]

    def seal(self, plain: bytes) -> bytes:
        sealed = self.aead.encrypt(self.nonce, plain, None)
        self.skip()
        return sealed

    def skip(self) -> None:
        self.nonce = next_nonce(self.revision, self.nonce)

    def frame(
        self,
        tag: int,
        segments: Sequence[bytes],
        *,
        late: int | None = None,
        head: bytes | None = None,
        filler: int = 0,
    ) -> bytes:
        """A frame; `filler` is the byte of all padding, which nobody has to look at."""
        start = preamble(tag, [len(segment) for segment in segments]) if head is None else head
        padded = [segment + bytes([filler]) * (-len(segment) % 16) for segment in segments]
        if self.revision == "2.0":
            return self.seal(start + b"".join(padded) + bytes([late or 0]) + bytes([filler]) * 15)
        first, *others = segments
        wire = self.seal(start + first[:48].ljust(48, bytes([filler])))
        if len(first) > 48:
            wire += self.seal(padded[0][48:])
        if others:
            status = 0x0E if late is None else late
            wire += self.seal(b"".join(padded[1:]) + bytes([status]) + bytes([filler]) * 15)
        return wire


def next_nonce(revision: str, nonce: bytes) -> bytes:
    if revision == "2.0":
        return pack("<I", (int.from_bytes(nonce[:4], "little") + 1) % 2**32) + nonce[4:]
    return nonce[:4] + pack("<Q", (int.from_bytes(nonce[4:], "little") + 1) % 2**64)


def flipped(data: bytes, bit: int) -> bytes:
    """`data` with one bit the other way."""
    spoilt = bytearray(data)
    spoilt[bit // 8] ^= 1 << bit % 8
    return bytes(spoilt)
