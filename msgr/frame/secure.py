"""Secure mode: AES-128-GCM without associated data, 16-byte tags (FRAME-10).

In msgr2.0 a frame is one operation over preamble, segments and late flags, all but the preamble padded with zeros to
16 bytes. The receiver has to decrypt the preamble to learn the size, before it can verify anything.

In msgr2.1 it is one to three operations, each with a nonce of its own:

=====  =================  ======================================================  ====================================
block  when               plaintext                                               bytes on the wire
=====  =================  ======================================================  ====================================
A      always             preamble, first 48 bytes of segment 0 (zero-filled)     96
B      segment 0 > 48     the rest of segment 0, padded                           pad16(length) - 48 + 16
C      N > 1              segments 1 to N-1, each padded; late status, 15 zeros   sum of pad16(length) + 16 + 16
=====  =================  ======================================================  ====================================

Padding is sent as zeros and not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import AEADDecryptionContext, Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

from ..errors import AuthError, ConfigError, IntegrityError
from ..wire import Octets
from . import preamble
from .buffers import BUFFERS
from .late import is_aborted_by_flags, is_aborted_by_status, late_flags, late_status
from .mode import LARGE, Frame, Head, Revision, own
from .nonce import NONCE_SIZE, NonceSequence
from .preamble import MAX_SEGMENTS, Preamble
from .tag import tag_name

_KEY_SIZE: Final = 16
_TAG_SIZE: Final = 16
_BLOCK: Final = 16
_PAST: Final = _BLOCK - 1
_INLINE_SIZE: Final = 48
_FLAGS: Final = tuple(bytes([late_flags(aborted)]).ljust(_BLOCK, b"\0") for aborted in (False, True))
_COMPLETE: Final = late_status(False)
_STATUS: Final = tuple(bytes([late_status(aborted)]).ljust(_BLOCK, b"\0") for aborted in (False, True))
"""What ends a frame, by whether it was aborted."""
SECRET_SIZE: Final = _KEY_SIZE + 2 * NONCE_SIZE
"""How many bytes of the connection secret are used, and so the least it must have (FRAME-13)."""


_HEAD_PLAIN: Final = preamble.SIZE + _INLINE_SIZE
_ZEROS: Final = tuple(map(bytes, range(_BLOCK)))
_NOTHING: Final = (b"",) * MAX_SEGMENTS


def _padded(length: int) -> int:
    return (length + _PAST) & -_BLOCK


def _pad(segments: Iterable[Octets], tail: bytes = b"") -> list[Octets]:
    pieces: list[Octets] = []
    for segment in segments:
        if size := len(segment):
            pieces += (segment, _ZEROS[-size % _BLOCK])
    pieces.append(tail)
    return pieces


def _four(lengths: tuple[int, ...]) -> tuple[int, ...]:
    """Return the lengths of four segments: those that are not there take no room, just as empty ones."""
    return lengths if len(lengths) == MAX_SEGMENTS else (*lengths, 0, 0, 0)[:MAX_SEGMENTS]


def _cut(
    first: Octets, plain: bytes | memoryview, start: int, b: int, c: int, d: int
) -> tuple[Octets, Octets, Octets, Octets]:
    """Return segment 0, and segments 1 to 3 out of what was decrypted, where the first of them begins at `start`."""
    third = start + ((b + _PAST) & -_BLOCK)
    fourth = third + ((c + _PAST) & -_BLOCK)
    if isinstance(plain, memoryview):
        return first, own(plain[start : start + b]), own(plain[third : third + c]), own(plain[fourth : fourth + d])
    return (
        first,
        plain[start : start + b] if b else b"",  # to ask is cheaper than to cut nothing
        plain[third : third + c] if c else b"",
        plain[fourth : fourth + d] if d else b"",
    )


@dataclass(frozen=True, slots=True)
class SecureKeys:
    """The key of both directions and the initial nonce of each, cut from a connection secret (FRAME-13).

    Bytes 0 to 15 are the key, 16 to 27 the nonce of the server's frames, 28 to 39 that of the client's; *client* is
    whoever dialled this connection. The rest of the 64 bytes is not used.
    """

    key: bytes = field(repr=False)
    server_nonce: bytes = field(repr=False)
    client_nonce: bytes = field(repr=False)

    @classmethod
    def of_secret(cls, secret: bytes) -> SecureKeys:
        """Cut up a connection secret; raises AuthError where it is too short."""
        if len(secret) < SECRET_SIZE:
            raise AuthError(f"a connection secret of {len(secret)} bytes, {SECRET_SIZE} are needed", rule="FRAME-13")
        first = _KEY_SIZE + NONCE_SIZE
        return cls(secret[:_KEY_SIZE], secret[_KEY_SIZE:first], secret[first:SECRET_SIZE])


class SecureMode:
    """What both revisions share: the key, and a sequence of nonces for each direction."""

    revision: Revision

    def __init__(self, keys: SecureKeys, *, client: bool) -> None:
        send, receive = keys.client_nonce, keys.server_nonce
        if not client:
            send, receive = receive, send
        self._key = AES(keys.key)
        self._aead = AESGCM(keys.key)
        self._send = NonceSequence(send, self.revision)
        self._receive = NonceSequence(receive, self.revision)

    def _encrypt(self, plain: bytes) -> bytes:
        """Encrypt one text with the next nonce; whoever is to seal wrongly on purpose does so here."""
        return self._aead.encrypt(self._send.next(), plain, None)

    def _encrypt_all(self, pieces: Sequence[Octets]) -> list[Octets]:
        """Encrypt pieces as one text: joined, or each by itself where a copy would cost more than that."""
        size = sum(map(len, pieces))
        if size < LARGE:
            return [self._encrypt(b"".join(pieces))]
        context = Cipher(self._key, GCM(self._send.next())).encryptor()
        sealed = BUFFERS.take(size + _TAG_SIZE)
        at = 0
        for piece in pieces:  # the library wants room for a block more than it will write: that of the tag
            at += context.update_into(piece, sealed[at:])
        context.finalize()
        sealed[at:] = context.tag
        return [sealed]

    def _decrypt(self, sealed: Octets, what: str) -> bytes:
        try:
            return self._aead.decrypt(self._receive.next(), sealed, None)
        except InvalidTag:
            raise _tampered(what) from None

    def _decrypt_all(self, sealed: memoryview, what: str) -> bytes | memoryview:
        """Decrypt a text, in place where it is large and our own."""
        if sealed.readonly or len(sealed) < LARGE:
            return self._decrypt(sealed, what)
        context = Cipher(self._key, GCM(self._receive.next())).decryptor()
        return _finish(context, sealed, what)


def _finish(context: AEADDecryptionContext, sealed: memoryview, what: str) -> memoryview:
    """Decrypt in place what a context goes on with, tag last, and return the plain text; raises IntegrityError."""
    # The library wants room for a block more than it will write; the tag is read before anything is written there.
    tag = bytes(sealed[-_TAG_SIZE:])
    context.update_into(sealed[:-_TAG_SIZE], sealed)
    try:
        context.finalize_with_tag(tag)
    except InvalidTag:
        raise _tampered(what) from None
    return sealed[:-_TAG_SIZE]


def _tampered(what: str) -> IntegrityError:
    return IntegrityError(f"{what} does not verify under its AES-GCM tag", rule="FRAME-10")


class _OpenHead(Head):
    """A head of msgr2.0, with the decryption that its body goes on with."""

    context: AEADDecryptionContext


class SecureRev0(SecureMode):
    """Secure mode of msgr2.0."""

    revision = Revision.REV0
    head_size: Final = preamble.SIZE

    def seal(self, frame: Frame) -> list[Octets]:
        """Encrypt the whole frame in one operation."""
        head = preamble.pack(frame.tag, tuple(map(len, frame.segments)), frame.compressed)
        return self._encrypt_all([head, *_pad(frame.segments, _FLAGS[frame.aborted])])

    def open_head(self, data: bytes) -> Head:
        """Decrypt the preamble, which stays unverified until the body is there."""
        context = Cipher(self._key, GCM(self._receive.next())).decryptor()
        frame = Preamble.decode(context.update(data))
        size = sum(map(_padded, frame.lengths)) + _BLOCK + _TAG_SIZE
        head = _OpenHead(frame, size, verified=False)
        head.context = context
        return head

    def open_body(self, head: Head, body: memoryview) -> Frame:
        """Decrypt the rest and verify it all."""
        assert isinstance(head, _OpenHead)
        if body.readonly:
            plain: bytes | memoryview = head.context.update(body[:-_TAG_SIZE])
            try:
                head.context.finalize_with_tag(bytes(body[-_TAG_SIZE:]))
            except InvalidTag:
                raise _tampered("a frame") from None
        else:
            plain = _finish(head.context, body, "a frame")
        tag, lengths, compressed = head.preamble
        if is_aborted_by_flags(plain[-_BLOCK]):
            return Frame(tag, (), aborted=True)
        size, *others = _four(lengths)
        first = plain[:size]
        segments = _cut(own(first) if isinstance(first, memoryview) else first, plain, _padded(size), *others)
        return Frame(tag, segments[: len(lengths)], compressed=compressed)


@lru_cache(preamble.REMEMBERED)
def _outline(
    tag: int, lengths: tuple[int, ...], compressed: bool, aborted: bool
) -> tuple[bytes, tuple[bytes, bytes, bytes]]:
    """Return the preamble of a frame of msgr2.1, and what follows each of the segments of block C."""
    _, b, c, d = _four(lengths)
    ends = _ZEROS[-b % _BLOCK], _ZEROS[-c % _BLOCK], _ZEROS[-d % _BLOCK] + _STATUS[aborted]
    return preamble.pack(tag, lengths, compressed), ends


@lru_cache(preamble.REMEMBERED)
def _extent(data: bytes) -> tuple[Preamble, int, int]:
    """Return a preamble, how many bytes follow the head in msgr2.1, and where the inline part ends within that."""
    frame = Preamble.decode(data)
    first, *others = map(_padded, frame.lengths)
    size = first - _INLINE_SIZE + _TAG_SIZE if first > _INLINE_SIZE else 0
    if others:
        size += sum(others) + _BLOCK + _TAG_SIZE
    return frame, size, preamble.SIZE + frame.lengths[0]


class SecureRev1(SecureMode):
    """Secure mode of msgr2.1."""

    revision = Revision.REV1
    head_size: Final = preamble.SIZE + _INLINE_SIZE + _TAG_SIZE

    def seal(self, frame: Frame) -> list[Octets]:
        """Encrypt the frame in one to three operations; raises ConfigError."""
        tag, segments, aborted, compressed = frame
        count = len(segments)
        # Segments that are not there and empty ones add the same to block C: nothing. So four serve for any number.
        first, front, middle, data = segments if count == MAX_SEGMENTS else (*segments, *_NOTHING)[:MAX_SEGMENTS]
        lengths = a, b, c, d = len(first), len(front), len(middle), len(data)
        begin, (after_front, after_middle, end) = _outline(tag, lengths[:count], compressed, aborted)
        sealed: list[Octets] = [self._encrypt((begin + first[:_INLINE_SIZE]).ljust(_HEAD_PLAIN, b"\0"))]
        if a > _INLINE_SIZE:
            sealed += self._encrypt_all(_pad((first[_INLINE_SIZE:],)))
        if count > 1:
            pieces = (front, after_front, middle, after_middle, data, end)
            if b + c + d < LARGE:
                sealed.append(self._encrypt(b"".join(pieces)))
            else:
                sealed += self._encrypt_all(pieces)
        elif aborted:  # FRAME-12: no epilogue, so nothing could say it
            raise ConfigError(f"{tag_name(tag)} has one segment and cannot be aborted in msgr2.1")
        return sealed

    def open_head(self, data: bytes) -> Head:
        """Verify and decrypt preamble and inline part."""
        plain = self._decrypt(data, "the head of a frame")
        frame, size, end = _extent(plain[: preamble.SIZE])
        # What the constructor of a NamedTuple comes to, without its call: there is one for every frame.
        return tuple.__new__(Head, (frame, size, True, plain[preamble.SIZE : end]))

    def open_body(self, head: Head, body: memoryview) -> Frame:
        """Verify and decrypt what follows the head."""
        tag, lengths, compressed = head.preamble
        count = len(lengths)
        first, b, c, d = lengths if count == MAX_SEGMENTS else _four(lengths)
        segment: Octets = head.inline
        if first > _INLINE_SIZE:
            end = _padded(first) - _INLINE_SIZE + _TAG_SIZE
            rest = self._decrypt_all(body[:end], "segment 0")
            segment = b"".join((segment, rest[: first - _INLINE_SIZE]))
            body = body[end:]
        if count == 1:
            return Frame(tag, (segment,), False, compressed)
        what = "what follows segment 0"
        plain = self._decrypt(body, what) if len(body) < LARGE else self._decrypt_all(body, what)
        status = plain[-_BLOCK]
        if status != _COMPLETE and is_aborted_by_status(status):
            return Frame(tag, (), aborted=True)
        segments = _cut(segment, plain, 0, b, c, d)
        # What the constructor of a NamedTuple comes to, without its call: there is one for every frame.
        return tuple.__new__(Frame, (tag, segments if count == MAX_SEGMENTS else segments[:count], False, compressed))
