"""AUTH_SIGNATURE: each end proves that it saw the handshake as the other one sent it (AUTH-23 … AUTH-25).

An end signs every byte it *received* from the banner through the last frame of authentication (a client: through
AUTH_DONE; a server: through the last AUTH_REQUEST or AUTH_REQUEST_MORE), and checks the peer's signature against every
byte it *sent*. No signature frame is covered by either.
"""

from __future__ import annotations

from hmac import compare_digest, digest
from typing import Final, final

from ..errors import SignatureError, StateError
from ..wire import Octets

SIZE: Final = 32
_ONLY_HERE: Final = object()


@final
class PeerVerified:
    """The proof that a peer's signature was checked; `verify` alone can make one."""

    __slots__ = ()

    def __init__(self, seal: object) -> None:
        if seal is not _ONLY_HERE:
            raise StateError("only verify() makes a PeerVerified [AUTH-25]")


def sign(key: bytes, transcript: Octets) -> bytes:
    """Return our signature over `transcript`, the bytes that we received.

    The key is the raw secret of the session key; method none has none, and signs with zeros (AUTH-24).
    """
    return digest(key, transcript, "sha256") if key else bytes(SIZE)


def verify(key: bytes, transcript: Octets, signature: Octets) -> PeerVerified:
    """Check the peer's signature against `transcript`, the bytes that we sent.

    Raises SignatureError.
    """
    if not compare_digest(sign(key, transcript), signature):
        raise SignatureError(
            "a signature that is not of the bytes we sent: they were changed on the way, or the peer has another key",
            rule="AUTH-25",
        )
    return PeerVerified(_ONLY_HERE)
