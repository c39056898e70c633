"""The secrets with which a monitor seals tickets; each kind of service has its own, and they change (CEPHX-21).

A kind has three at any time: the previous, the current and the next, with rising ids. The current one is the second
lowest. When it expires, a new one is appended and the lowest is dropped. Verifiers take any of the three.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ...errors import ConfigError
from ...wire import EntityType
from ..key import CryptoKey, KeyType
from ..method import Dice

KEPT: Final = 3
AUTH_TTL: Final = 72 * 3600.0
SERVICE_TTL: Final = 3600.0
SERVICES: Final = (EntityType.MON, EntityType.MDS, EntityType.OSD, EntityType.MGR)
"""The kinds of services that tickets are minted for, beside the monitor as the ticket office (AUTH)."""


@dataclass(frozen=True, slots=True)
class RotatingSecret:
    """A secret with its id, and the time until which tickets are minted with it."""

    id: int
    key: CryptoKey
    expires: float


class RotatingSecrets:
    """The rotating secrets of a cluster, made from `dice` as time goes by.

    A ticket lives for `auth_ttl` or `service_ttl` seconds, and a secret three times as long. Time is an argument of
    every question; it may stand still or jump, and what it says first is when the cluster was born.
    """

    __slots__ = ("_dice", "_held", "_key_type", "_ttl")

    def __init__(
        self,
        dice: Dice,
        *,
        key_type: KeyType = KeyType.AES256K,
        auth_ttl: float = AUTH_TTL,
        service_ttl: float = SERVICE_TTL,
    ) -> None:
        if not (auth_ttl > 0 and service_ttl > 0):
            raise ConfigError(f"tickets live for some time: auth_ttl={auth_ttl}, service_ttl={service_ttl}")
        if key_type not in (KeyType.AES, KeyType.AES256K):
            raise ConfigError(f"{key_type!r} seals nothing: AES or AES256K [KEY-2]")
        ttls = dict.fromkeys(SERVICES, service_ttl) | {EntityType.AUTH: auth_ttl}
        self._dice = dice
        self._key_type = key_type
        self._ttl = MappingProxyType(ttls)
        self._held: dict[EntityType, tuple[RotatingSecret, ...]] = {}

    def held(self, service: EntityType, now: float) -> tuple[RotatingSecret, ...]:
        """Return the three secrets of `service` at `now`, rotated as far as that time demands."""
        held = self._held.get(service, ())
        while len(held) < KEPT or held[1].expires <= now:
            held = (*held, self._next(service, held, now))[-KEPT:]
        self._held[service] = held
        return held

    def current(self, service: EntityType, now: float) -> RotatingSecret:
        """Return the secret that seals new tickets for `service`."""
        return self.held(service, now)[1]

    def find(self, service: EntityType, secret_id: int, now: float) -> RotatingSecret | None:
        """Return the secret of `service` with this id, if it is among the three."""
        return next((secret for secret in self.held(service, now) if secret.id == secret_id), None)

    def lifetime(self, service: EntityType, now: float) -> float:
        """Return for how many seconds a ticket that is minted at `now` is good."""
        # Not beyond the newest secret: a verifier may hold the ticket against the span of the secrets it knows.
        return min(self._ttl[service], self.held(service, now)[-1].expires - now)

    def _next(self, service: EntityType, held: tuple[RotatingSecret, ...], now: float) -> RotatingSecret:
        ttl = self._ttl[service]
        number, expires = (held[-1].id + 1, max(now + ttl, held[-1].expires) + ttl) if held else (1, now + ttl)
        return RotatingSecret(number, CryptoKey.generate(self._dice, now, self._key_type), expires)
