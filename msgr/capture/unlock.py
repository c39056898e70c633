"""Secure mode from outside: the key log's secrets are tried on the first encrypted frame."""

from __future__ import annotations

from ..errors import FrameError, MsgrError
from ..frame import FrameMode, Revision, secure_mode


class Locked(MsgrError):
    """What follows is encrypted, and no secret opens it."""


class Lock:
    """The secrets that may be those of a connection; what one direction finds out holds for the other."""

    def __init__(self, revision: Revision, secrets: tuple[bytes, ...]) -> None:
        self._revision = revision
        self._secrets = secrets

    def head_size(self) -> int:
        """Return how many bytes `open` needs; raises Locked where there is nothing to try."""
        if not self._secrets:
            raise Locked("encrypted, and no key log has its secret")
        return self._mode(self._secrets[0], from_client=True).head_size

    def open(self, head: bytes, *, from_client: bool) -> FrameMode:
        """Return the mode that reads a direction, whose first frame begins with `head`; raises Locked."""
        for secret in self._secrets:
            try:
                self._mode(secret, from_client=from_client).open_head(head)
            except FrameError:
                continue
            self._secrets = (secret,)
            return self._mode(secret, from_client=from_client)
        count = len(self._secrets)
        raise Locked(f"encrypted, and the key log has no secret that fits ({count} tried)")

    def _mode(self, secret: bytes, *, from_client: bool) -> FrameMode:
        return secure_mode(self._revision, secret, client=not from_client)  # as the end that receives it
