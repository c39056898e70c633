"""Keeping a session with one of the monitors."""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence

import anyio

from ..auth import ClientMethod
from ..errors import ConnectionLost, IdentError, MsgrError, PeerError, Refused, TimedOut
from ..net.bell import Bell
from ..net.log import EventLog
from ..net.tasks import quiet_tasks
from ..session import Message
from .hunt import Found, hunt
from .link import Link
from .maps import MonMap
from .messages import MessageType, MonGetMap, MonMapMessage, MonSubscribe
from .settings import Settings
from .tickets import TicketKeeper, ticket_holder
from .updates import Subscriptions


class Monitors:
    """A session with one monitor at a time; when it is lost, another is found, and everything goes on."""

    def __init__(self, addresses: Sequence[str], settings: Settings, methods: Sequence[ClientMethod]) -> None:
        self.settings = settings
        self.methods = tuple(methods)
        """The methods of authentication, with what the last monitor granted."""
        self.subscriptions = Subscriptions()
        self.monmap: MonMap | None = None
        self.link: Link | None = None
        """The link with a monitor that has told us which cluster it belongs to."""
        self.tickets: TicketKeeper | None = None
        self.error: MsgrError | None = None
        """What ended it for good."""
        self.changed = Bell()
        """Rings when there is a link, when it is lost, and at the end."""
        self._seeds = tuple(addresses)
        self._last = ""  # the address of the monitor that let us in last
        self._log = EventLog("msgr.mon.monitors", settings.runtime.clock)

    async def linked(self) -> Link:
        """Return the link with a monitor, waiting for one; raises what ended the client."""
        while self.link is None or self.link.over:
            if self.error is not None:
                raise self.error
            await self.changed.wait()
        return self.link

    async def run(self) -> None:
        """Keep a session; it ends where no monitor lets us in at first, or where one refuses us later."""
        try:
            await self._keep()
        except MsgrError as error:
            self.end(error)

    def end(self, error: MsgrError) -> None:
        """Say what ended it to all that wait."""
        self.error = self.error or error
        self.link = None
        self.subscriptions.end(self.error)
        self.changed.ring()

    async def _keep(self) -> None:
        backoff, timeouts = 0.0, self.settings.timeouts
        while True:
            try:
                async with hunt(self._addresses(), self.settings, self.methods) as found:
                    backoff = 0.0
                    self._last = found.address
                    error = await self._serve(found)
            except MsgrError as failure:
                error = failure
            if self.monmap is None or isinstance(error, Refused | IdentError):
                raise error
            self._log.tell(logging.WARNING, "no-monitor", self.settings.name, str(error))
            backoff = min(max(timeouts.initial_backoff, 2 * backoff), timeouts.max_backoff)
            await anyio.sleep(backoff)

    def _addresses(self) -> list[str]:
        """Return whom to ask: the monitors of the map, then the addresses we began with, and whom we lost at the end.

        Of several who answer the first to be asked is mostly the first to let us in, and that one may be of no use.
        """
        mapped = [str(address) for address in self.monmap.addresses.values()] if self.monmap else []
        order = dict.fromkeys([*mapped, *self._seeds])
        if self._last in order:
            order[self._last] = order.pop(self._last)
        return list(order)

    async def _serve(self, found: Found) -> MsgrError:
        """Use the session with a monitor until it is over, and return what ended it."""
        self.methods = found.methods
        link = Link(found.session, self._heard)
        holder = ticket_holder(found.methods)
        try:
            async with quiet_tasks() as tasks:
                tasks.start_soon(link.run)
                tasks.start_soon(self._tell, link)
                if holder is not None:
                    self.tickets = TicketKeeper(holder, link, self.settings.runtime)
                    tasks.start_soon(self.tickets.run)
                await link.ended()
                tasks.cancel_scope.cancel()
        finally:
            self.link = self.tickets = None
            self.changed.ring()
        return link.error or ConnectionLost(f"the monitor at {found.address} ended the session")

    async def _tell(self, link: Link) -> None:
        """Ask for the map; then tell the monitor of our subscriptions, all at first, and later what is new."""
        try:
            await link.say(MonGetMap())
            await self._meet(link)
            anew = True
            while not link.over:
                wishes = self.subscriptions.wishes(anew=anew)
                anew = False
                if wishes:
                    await link.say(MonSubscribe(what=wishes, hostname=socket.gethostname()))
                else:
                    await self.subscriptions.changed.wait()
        except (ConnectionLost, PeerError) as error:
            link.session.finish(error)

    async def _meet(self, link: Link) -> None:
        """Wait until the monitor has told its map; raises TimedOut."""
        limit = self.settings.timeouts.handshake
        with anyio.move_on_after(limit):
            while self.link is not link:
                await self.changed.wait()
        if self.link is not link:
            raise TimedOut(f"no map of the monitors after {limit:g} s [MON-6]")

    def _heard(self, link: Link, message: Message) -> None:
        if message.type == MessageType.MON_MAP:
            monmap = MonMap.decode(MonMapMessage.decode(message.front).monmap)
            meant = self.settings.fsid or (self.monmap.fsid if self.monmap else monmap.fsid)
            if monmap.fsid != meant:
                raise IdentError(f"the monitor belongs to cluster {monmap.fsid}, {meant} is meant", rule="MON-6")
            self.monmap = monmap
            self.link = link
            self.changed.ring()
        self.subscriptions.take(message)
