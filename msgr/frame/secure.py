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

from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import AEADDecryptionContext, Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

from ..errors import AuthError, ConfigError, IntegrityError
from ..wire import Octets
from . import preamble
from .late import is_aborted_by_flags, is_aborted_by_status, late_flags, late_status
from .mode import Frame, Head, Revision
from .nonce import NONCE_SIZE, NonceSequence
from .preamble import Preamble
from .tag import tag_name

_KEY_SIZE: Final = 16
_TAG_SIZE: Final = 16
_BLOCK: Final = 16
_INLINE_SIZE: Final = 48
SECRET_SIZE: Final = _KEY_SIZE + 2 * NONCE_SIZE
"""How many bytes of the connection secret are used, and so the least it must have (FRAME-13)."""


def _padded(length: int) -> int:
    return -(-length // _BLOCK) * _BLOCK


def _pad(segments: tuple[Octets, ...]) -> list[Octets]:
    pieces: list[Octets] = []
    for segment in segments:
        pieces.append(segment)
        if missing := -len(segment) % _BLOCK:
            pieces.append(bytes(missing))
    return pieces


def _cut(plain: Octets, lengths: tuple[int, ...]) -> tuple[bytes, ...]:
    view = memoryview(plain)
    segments = []
    start = 0
    for length in lengths:
        segments.append(bytes(view[start : start + length]))
        start += _padded(length)
    return tuple(segments)


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
        return self._aead.encrypt(self._send.next(), plain, None)

    def _decrypt(self, sealed: Octets, what: str) -> bytes:
        try:
            return self._aead.decrypt(self._receive.next(), sealed, None)
        except InvalidTag:
            raise _tampered(what) from None


def _tampered(what: str) -> IntegrityError:
    return IntegrityError(f"{what} does not verify under its AES-GCM tag", rule="FRAME-10")


@dataclass(frozen=True, slots=True)
class _OpenHead(Head):
    """A head of msgr2.0, with the decryption that its body goes on with."""

    context: AEADDecryptionContext = field(kw_only=True, repr=False)


class SecureRev0(SecureMode):
    """Secure mode of msgr2.0."""

    revision = Revision.REV0
    head_size: Final = preamble.SIZE

    def seal(self, frame: Frame) -> list[Octets]:
        """Encrypt the whole frame in one operation."""
        head = Preamble(frame.tag, tuple(map(len, frame.segments)), frame.compressed).encode()
        tail = bytes([late_flags(frame.aborted)]).ljust(_BLOCK, b"\0")
        return [self._encrypt(b"".join([head, *_pad(frame.segments), tail]))]

    def open_head(self, data: Octets) -> Head:
        """Decrypt the preamble, which stays unverified until the body is there."""
        context = Cipher(self._key, GCM(self._receive.next())).decryptor()
        frame = Preamble.decode(context.update(data))
        size = sum(map(_padded, frame.lengths)) + _BLOCK + _TAG_SIZE
        return _OpenHead(frame, size, verified=False, context=context)

    def open_body(self, head: Head, body: memoryview) -> Frame:
        """Decrypt the rest and verify it all."""
        assert isinstance(head, _OpenHead)
        plain = head.context.update(body[:-_TAG_SIZE])
        try:
            head.context.finalize_with_tag(bytes(body[-_TAG_SIZE:]))
        except InvalidTag:
            raise _tampered("a frame") from None
        if is_aborted_by_flags(plain[-_BLOCK]):
            return Frame(head.preamble.tag, (), aborted=True)
        return Frame(head.preamble.tag, _cut(plain, head.preamble.lengths), compressed=head.preamble.compressed)


class SecureRev1(SecureMode):
    """Secure mode of msgr2.1."""

    revision = Revision.REV1
    head_size: Final = preamble.SIZE + _INLINE_SIZE + _TAG_SIZE

    def seal(self, frame: Frame) -> list[Octets]:
        """Encrypt the frame in one to three operations; raises ConfigError."""
        first, *others = frame.segments
        if frame.aborted and not others:  # FRAME-12: no epilogue, so nothing could say it
            raise ConfigError(f"{tag_name(frame.tag)} has one segment and cannot be aborted in msgr2.1")
        head = Preamble(frame.tag, tuple(map(len, frame.segments)), frame.compressed).encode()
        inline = bytes(first[:_INLINE_SIZE]).ljust(_INLINE_SIZE, b"\0")
        sealed: list[Octets] = [self._encrypt(head + inline)]
        if len(first) > _INLINE_SIZE:
            sealed.append(self._encrypt(b"".join(_pad((first[_INLINE_SIZE:],)))))
        if others:
            tail = bytes([late_status(frame.aborted)]).ljust(_BLOCK, b"\0")
            sealed.append(self._encrypt(b"".join([*_pad(tuple(others)), tail])))
        return sealed

    def open_head(self, data: Octets) -> Head:
        """Verify and decrypt preamble and inline part."""
        plain = self._decrypt(data, "the head of a frame")
        frame = Preamble.decode(plain[: preamble.SIZE])
        first, *others = frame.lengths
        size = _padded(first) - _INLINE_SIZE + _TAG_SIZE if first > _INLINE_SIZE else 0
        if others:
            size += sum(map(_padded, others)) + _BLOCK + _TAG_SIZE
        return Head(frame, size, inline=plain[preamble.SIZE : preamble.SIZE + min(first, _INLINE_SIZE)])

    def open_body(self, head: Head, body: memoryview) -> Frame:
        """Verify and decrypt what follows the head."""
        first, *others = head.preamble.lengths
        segment = head.inline
        start = 0
        if first > _INLINE_SIZE:
            start = _padded(first) - _INLINE_SIZE + _TAG_SIZE
            segment += self._decrypt(body[:start], "segment 0")[: first - _INLINE_SIZE]
        if not others:
            return Frame(head.preamble.tag, (segment,), compressed=head.preamble.compressed)
        plain = self._decrypt(body[start:], "the segments after the first")
        if is_aborted_by_status(plain[-_BLOCK]):
            return Frame(head.preamble.tag, (), aborted=True)
        return Frame(head.preamble.tag, (segment, *_cut(plain, tuple(others))), compressed=head.preamble.compressed)
