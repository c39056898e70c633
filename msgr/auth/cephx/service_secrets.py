"""The rotating secrets of one kind of service, as a daemon of that kind holds them (ROTATING-1, ROTATING-2)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import Final, Self

from ...errors import AuthError, ConfigError
from ...wire import EntityType, Timestamp, type_name
from ..key import CryptoKey
from ..method import Dice
from .crypto import Usage
from .envelope import open_envelope, seal
from .renewal_structs import SecretEntry, SecretList
from .rotating import KEPT, RotatingSecret
from .service_client import GENERAL
from .structs import whole

GRACE: Final = 30.0
"""Seconds after the end of a secret in which a monitor may still be about to make the next one."""


@dataclass(frozen=True, slots=True)
class ServiceSecrets:
    """What a monitor told a daemon; it opens tickets sealed with any of `secrets`, whose ids rise."""

    service: EntityType
    secrets: tuple[RotatingSecret, ...]

    @classmethod
    def open(cls, service: EntityType, key: CryptoKey, sealed: bytes) -> Self:
        """Return the secrets that a monitor sealed with a daemon's own key; raises AuthError or DecodeError."""
        listed = whole(SecretList, open_envelope(key, Usage.ROTATING_SECRET, sealed)).secrets
        if not listed or any(after.id <= before.id for before, after in pairwise(listed)):
            raise AuthError(
                f"secrets of {type_name(service)} with ids {[entry.id for entry in listed]}", rule="ROTATING-2"
            )
        if any(entry.key.is_empty for entry in listed):
            raise AuthError(f"an empty secret of {type_name(service)}", rule="ROTATING-2")
        return cls(service, tuple(RotatingSecret(entry.id, entry.key, float(entry.expires)) for entry in listed))

    def seal(self, key: CryptoKey, dice: Dice) -> bytes:
        """Return the secrets for the daemon with this key."""
        entries = (
            SecretEntry(id=secret.id, key=secret.key, expires=Timestamp.of(secret.expires)) for secret in self.secrets
        )
        listed = SecretList(secrets=tuple(entries), max_id=self.secrets[-1].id)
        return seal(key, Usage.ROTATING_SECRET, listed.encode(), dice)

    def find(self, service: EntityType, secret_id: int, now: float) -> RotatingSecret | None:
        """Return the secret of `service` with this id, if it is here."""
        if service != self.service:
            return None
        return next((secret for secret in self.secrets if secret.id == secret_id), None)

    def is_due(self, now: float, *, grace: float = GRACE) -> bool:
        """Whether to ask for the secrets again: too few are left, or the current one is over (ROTATING-3)."""
        return len(self.secrets) < KEPT or self.secrets[1].expires <= now - grace


@dataclass(frozen=True, slots=True)
class MonitorKey:
    """The key of `mon.`, as the secret of the tickets that monitors make for each other (AUTHORIZER-10)."""

    key: CryptoKey

    def __post_init__(self) -> None:
        if self.key.is_empty:
            raise ConfigError("mon. has an empty key, which opens nothing [KEY-2]")

    def find(self, service: EntityType, secret_id: int, now: float) -> RotatingSecret | None:
        """Return the key of `mon.`, for a ticket that says it is sealed with that."""
        mine = service == EntityType.MON and secret_id == GENERAL
        return RotatingSecret(GENERAL, self.key, inf) if mine else None
