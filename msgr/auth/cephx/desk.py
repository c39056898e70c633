"""The desk of the ticket office for one session: what a monitor answers to MAuth (RENEWAL-4 … RENEWAL-7)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ...errors import DecodeError, PeerError
from ...wire import EntityType
from ..key import CryptoKey
from ..method import Denied, Dice
from ..results import Result
from .authorizer import open_authorize, open_shown
from .authorizer_structs import Authorizer
from .office import Bearer, Office, Refusal, read_authenticate
from .renewal_structs import PrincipalHead, PrincipalReply, PrincipalRequest, RotatingReply
from .rotating import SERVICES
from .service_secrets import ServiceSecrets
from .structs import Operation, ReplyHead, RequestHead, TicketReply


@dataclass(frozen=True, slots=True)
class Decision:
    """What is answered, and why it is a refusal if it is one; `denied` stays at home but for its result."""

    reply: bytes = field(repr=False)
    denied: Denied | None = None


class CephxDesk:
    """Gives new tickets to the client of one session, who answers the challenge of its handshake for ever."""

    __slots__ = ("_bearer", "_challenge", "_dice", "_office")

    def __init__(self, office: Office, bearer: Bearer, challenge: int, dice: Dice) -> None:
        self._office = office
        self._bearer = bearer
        self._challenge = challenge
        self._dice = dice

    def answer(self, payload: bytes, *, now: float) -> tuple[int, bytes]:
        """Return the result and the content of MAuthReply for the content of an MAuth; nothing makes it raise."""
        decision = self.decide(payload, now=now)
        return 0 if decision.denied is None else int(decision.denied.result), decision.reply

    def decide(self, payload: bytes, *, now: float) -> Decision:
        """Return the same, with the reason of a refusal."""
        try:
            operation = RequestHead.decode(payload).operation
            if operation == Operation.AUTH_SESSION_KEY:
                return Decision(self._renew_auth(payload, now))
            if operation == Operation.PRINCIPAL_SESSION_KEY:
                return self._renew_services(payload, now)
            if operation == Operation.ROTATING_KEY:
                return self._tell_secrets(now)
        except Refusal as refusal:
            return Decision(b"", refusal.denied)
        except DecodeError as error:
            return Decision(b"", Denied(Result.EPERM, f"a request that cannot be read: {error} [RENEWAL-7]"))
        return Decision(b"", Denied(Result.EINVAL, f"operation {operation:#x}, which is none [RENEWAL-7]"))

    def _renew_auth(self, payload: bytes, now: float) -> bytes:
        """Answer a proof over the challenge of this session's handshake (RENEWAL-6)."""
        asked, bearer = read_authenticate(payload), self._bearer
        bearer = self._office.prove(
            bearer.name, bearer.global_id, asked, challenge=self._challenge, dice=self._dice, now=now
        )
        old = self._office.reclaim(bearer.name, bearer.global_id, asked.old_ticket, now)
        reply, _ = self._office.auth_reply(
            bearer, asked.other_keys, old=old, connection_secret=None, dice=self._dice, now=now
        )
        return reply.encode()

    def _renew_services(self, payload: bytes, now: float) -> Decision:
        """Answer an authorizer of this client's AUTH ticket (RENEWAL-4, RENEWAL-5)."""
        session_key = self._shown(payload, now)
        keys = PrincipalRequest.decode(payload).request.keys
        entry = self._office.entry(self._bearer.name)
        if entry is None:
            raise Refusal(Result.EACCES, f"{self._bearer.name} is no longer known here [RENEWAL-4]")
        bearer = replace(self._bearer, caps=entry.caps)
        grants = self._office.service_grants(keys, bearer, session_key, dice=self._dice, now=now)
        if not grants and keys & ~EntityType.AUTH:
            denied = Denied(Result.EACCES, f"tickets {keys:#x}: no such services [RENEWAL-5]")
            return Decision(PrincipalReply(status=denied.result, tickets=TicketReply(grants=())).encode(), denied)
        return Decision(PrincipalReply(tickets=TicketReply(grants=grants)).encode())

    def _shown(self, payload: bytes, now: float) -> CryptoKey:
        """Return the session key of the AUTH ticket that a request shows; raises Refusal."""
        try:
            shown: Authorizer = PrincipalHead.decode(payload).authorizer
            info = open_shown(shown, EntityType.AUTH, self._office.secrets, now=now)
            open_authorize(info.session_key, shown)
        except PeerError as error:
            raise Refusal(Result.EACCES, f"{self._bearer.name} asks for tickets: {error} [RENEWAL-4]") from None
        if (info.ticket.name, info.ticket.global_id) != (self._bearer.name, self._bearer.global_id):
            raise Refusal(Result.EACCES, f"{self._bearer.name} shows another's auth ticket [RENEWAL-4]")
        return info.session_key

    def _tell_secrets(self, now: float) -> Decision:
        """Answer a daemon with the secrets of its kind (ROTATING-1)."""
        name, key = self._bearer.name, self._bearer.key
        service = next((service for service in SERVICES if service == name.type), None)
        if service is None or key not in self._office.keys(name):
            denied = Denied(Result.EACCES, f"{name} asks for rotating secrets [ROTATING-1]")
            # The head was written before anyone looked whose secrets they would be.
            return Decision(ReplyHead(operation=Operation.ROTATING_KEY).encode(), denied)
        secrets = ServiceSecrets(service, self._office.secrets.held(service, now))
        return Decision(RotatingReply(sealed=secrets.seal(key, self._dice)).encode())
