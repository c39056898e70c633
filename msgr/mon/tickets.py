"""Keeping tickets fresh, over the session with the monitor (RENEWAL-1)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import anyio

from ..auth import AuthMethod, CephxClient, ClientMethod
from ..errors import AuthError, ConnectionLost, MsgrError
from ..net import Runtime
from ..net.bell import Bell
from ..wire import EntityType, type_name
from .link import Link
from .messages import Auth, AuthReply

_LONGEST: Final = 10.0
_SHORTEST: Final = 0.5
"""Seconds between two looks at the tickets, at most and at least."""


def ticket_holder(methods: Iterable[ClientMethod]) -> CephxClient | None:
    """Return the method that holds tickets, if one is there and was granted any."""
    holders = (method for method in methods if isinstance(method, CephxClient))
    return next((holder for holder in holders if holder.tickets), None)


class TicketKeeper:
    """Renews the tickets of `holder` before they expire, and gets those that were dropped."""

    def __init__(self, holder: CephxClient, link: Link, runtime: Runtime) -> None:
        self.holder = holder
        self._link = link
        self._runtime = runtime
        self._over = False
        self._missing = Bell()
        self._renewed = Bell()

    async def ticket(self, service: EntityType) -> None:
        """Wait until there is a good ticket for `service`; raises ConnectionLost where the monitor is lost first."""
        while True:
            ticket = self.holder.tickets.get(service)
            if ticket is not None and ticket.is_good(self._runtime.wall()):
                return
            if self._over:
                raise ConnectionLost(f"the monitor was lost before it gave a ticket for {type_name(service)}")
            self._missing.ring()
            await self._renewed.wait()

    async def run(self) -> None:
        """Renew until the link is over. A refusal ends the session: a new one begins with the handshake."""
        try:
            while not self._link.over:
                renewal = self.holder.renewal(self._runtime.dice, now=self._runtime.wall())
                if renewal is None:
                    await self._pause()
                    continue
                answer = await self._link.request(Auth(protocol=AuthMethod.CEPHX, payload=renewal.payload))
                reply = AuthReply.decode(answer.front)
                if reply.protocol != AuthMethod.CEPHX:
                    raise AuthError(f"tickets of method {reply.protocol}, where cephx asked", rule="RENEWAL-3")
                renewal.accept(reply.payload, result=reply.result)
                self._renewed.ring()
                await anyio.sleep(_SHORTEST)  # a monitor that gives less than we ask for is not asked at full speed
        except MsgrError as error:
            # Not as a refusal, which would end the client: the handshake of the next session may well go better.
            self._link.session.finish(ConnectionLost(f"no new tickets over this session: {error}"))
        finally:
            self._over = True
            self._renewed.ring()

    async def _pause(self) -> None:
        now = self._runtime.wall()
        due = min((ticket.renew_after for ticket in self.holder.tickets.values()), default=now)
        with anyio.move_on_after(min(max(due - now, _SHORTEST), _LONGEST)):
            await self._missing.wait()
