"""Authorizers: how the bearer of a ticket shows it, and how who can open it checks that."""

from __future__ import annotations

from typing import Final, Protocol

from ...errors import AuthError
from ...wire import EntityType, type_name
from ..key import CryptoKey
from ..method import Dice
from .authorizer_structs import Authorize, Authorizer, OldAuthorize
from .crypto import Usage
from .envelope import open_envelope, seal
from .rotating import RotatingSecret
from .structs import TicketInfo
from .tickets import Ticket, open_ticket

WRAP: Final = 1 << 64
"""Nonces and challenges are answered by themselves plus one, modulo this."""


class SecretSource(Protocol):
    """Where the secrets that open tickets come from."""

    def find(self, service: EntityType, secret_id: int, now: float) -> RotatingSecret | None:
        """Return the secret of `service` with this id, if tickets sealed with it are taken at `now`."""


def authorizer(ticket: Ticket, global_id: int, *, nonce: int, challenge: int | None, dice: Dice) -> Authorizer:
    """Return an authorizer that shows `ticket`; `challenge` is the service's, once there is one (AUTHORIZER-2)."""
    authorize = Authorize(nonce=nonce)
    if challenge is not None:
        authorize = Authorize(nonce=nonce, have_challenge=1, challenge_plus_one=(challenge + 1) % WRAP)
    return Authorizer(
        global_id=global_id,
        service=ticket.service,
        ticket=ticket.blob,
        authorize=seal(ticket.session_key, Usage.AUTHORIZE, authorize.encode(), dice),
    )


def open_shown(
    shown: Authorizer, service: EntityType, secrets: SecretSource, *, now: float, slop: float = 0.0
) -> TicketInfo:
    """Return the inside of the ticket that an authorizer shows to `service`.

    A ticket is good for `slop` seconds more than it says. Raises AuthError or DecodeError.
    """
    if shown.service != service:
        raise AuthError(f"an authorizer for {type_name(shown.service)} at {type_name(service)}", rule="AUTHORIZER-7")
    secret = secrets.find(service, shown.ticket.secret_id, now)
    if secret is None:
        raise AuthError(f"a ticket sealed with secret {shown.ticket.secret_id}, unknown here", rule="AUTHORIZER-7")
    info = open_ticket(secret, shown.ticket, now - slop)
    if info.ticket.global_id != shown.global_id:
        raise AuthError(f"a ticket of another global id than {shown.global_id}", rule="AUTHORIZER-8")
    return info


def open_authorize(session_key: CryptoKey, shown: Authorizer) -> Authorize:
    """Return what the bearer of a ticket sealed with its session key; raises AuthError or DecodeError.

    Version 1 says less, so it can answer no challenge; what newer ones append is left unread.
    """
    body = open_envelope(session_key, Usage.AUTHORIZE, shown.authorize)
    old = OldAuthorize.decode(body)
    return Authorize.decode(body) if old.struct_v > 1 else Authorize(struct_v=old.struct_v, nonce=old.nonce)
