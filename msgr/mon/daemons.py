"""Sessions with the daemons that are talked to directly: opened when they are first needed, and kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from copy import copy
from dataclasses import dataclass
from typing import Final

import anyio
import anyio.abc

from ..auth import CephxClient, ClientMethod, NoneClient
from ..errors import AuthRefused, ConfigError, ConnectionLost, MsgrError, PeerError
from ..net import Session
from ..net.bell import Bell
from ..session import Message
from ..wire import EntityAddr, EntityName, EntityType, Octets
from .link import Link
from .messages import MonCommand, MonCommandAck, Request
from .monitors import Monitors
from .requests import Result, ask, spelled

ENOENT: Final = -2


class NoSuchDaemon(MsgrError):
    """The cluster knows no such daemon. It never leaves `msgr.mon`."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.result = Result(ENOENT, status, b"")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a daemon is, and what it is to be."""

    address: str
    type: EntityType


class Daemons:
    """Links to daemons by name: `mon.NAME`, `osd.N`, and `mgr` for the active manager."""

    def __init__(self, monitors: Monitors, tasks: anyio.abc.TaskGroup) -> None:
        self._monitors = monitors
        self._tasks = tasks
        self._links: dict[str, Link] = {}
        self._locks: dict[str, anyio.Lock] = {}

    async def ask(self, daemon: str, make: Callable[[], Request], data: Octets, *, repeat: bool) -> Message:
        """Send a request to a daemon and return the answer.

        Raises NoSuchDaemon, ConnectFailed and every other error of a session that cannot be, and OutcomeUnknown.
        """
        kind, _, ident = daemon.partition(".")
        if kind not in ("mon", "osd", "mgr") or (kind == "osd" and not (ident.isascii() and ident.isdigit())):
            raise ConfigError(f"{daemon!r} is nobody to tell: mon.NAME, osd.N or mgr")
        return await ask(lambda: self._linked(daemon), make, data, repeat=repeat)

    async def _linked(self, daemon: str) -> Link:
        """Return the link to `daemon`, and open one where there is none."""
        async with self._locks.setdefault(daemon, anyio.Lock()):
            link = self._links.get(daemon)
            if link is None or link.over:
                try:
                    link = await self._open(daemon)
                except AuthRefused:
                    # The daemon may not know the secret of our ticket any more: a fresh ticket may do (RENEWAL-8).
                    if not self._drop_ticket(daemon):
                        raise
                    link = await self._open(daemon)
                self._links[daemon] = link
            return link

    def _drop_ticket(self, daemon: str) -> bool:
        tickets, service = self._monitors.tickets, EntityName.parse(f"{daemon}.").type
        if tickets is None or service == EntityType.MON:
            return False
        tickets.holder.drop(EntityType(service))
        return True

    async def _open(self, daemon: str) -> Link:
        place = await self._place(daemon)
        methods = await self._methods(place.type)
        opening = _Opening()
        self._tasks.start_soon(opening.hold, self._monitors.settings.connect(place.address, methods, place.type))
        try:
            while opening.link is None:
                if opening.error is not None:
                    raise opening.error
                await opening.changed.wait()
        except BaseException:  # whoever gives up waiting leaves no session behind that nobody knows of
            opening.scope.cancel()
            raise
        return opening.link

    async def _methods(self, service: EntityType) -> Sequence[ClientMethod]:
        """Return how we prove to a daemon who we are: to another monitor as to the first, to others by ticket."""
        while True:
            link = await self._monitors.linked()
            tickets = self._monitors.tickets
            if service is EntityType.MON:
                return [_stranger(method) for method in self._monitors.methods]
            if tickets is None:
                return [NoneClient(EntityName.parse(self._monitors.settings.name), service=True)]
            try:
                await tickets.ticket(service)
            except ConnectionLost:
                await link.ended()  # the next monitor will give one
            else:
                return [tickets.holder.service(service)]

    async def _place(self, daemon: str) -> _Place:
        kind, _, ident = daemon.partition(".")
        await self._monitors.linked()
        if kind == "mgr":
            address = await self._mgr(ident)
            return _Place(address, EntityType.MGR)
        if kind == "mon":
            monmap = self._monitors.monmap
            known = {} if monmap is None else monmap.addresses
            if ident not in known:
                raise NoSuchDaemon(f"there is no {daemon} with an address of msgr2; there are {', '.join(known)}")
            return _Place(str(known[ident]), EntityType.MON)
        return _Place(await self._osd(int(ident)), EntityType.OSD)

    async def _mgr(self, ident: str) -> str:
        with self._monitors.subscriptions.listen("mgrmap") as maps:
            mgrmap = await anext(aiter(maps))
        if mgrmap.address is None:
            raise NoSuchDaemon("there is no active manager")
        if ident not in ("", mgrmap.name):
            raise NoSuchDaemon(f"mgr.{ident} is not the active manager, mgr.{mgrmap.name} is")
        return str(mgrmap.address)

    async def _osd(self, number: int) -> str:
        """Ask the monitors where an OSD is: they know, and we need not take their OSD map apart."""
        words = spelled({"prefix": "osd find", "id": number, "format": "json"})
        monitors = self._monitors
        monmap = monitors.monmap
        assert monmap is not None  # there was a link
        answer = await ask(monitors.linked, lambda: MonCommand(fsid=monmap.fsid_bytes, command=words), b"", repeat=True)
        ack = MonCommandAck.decode(answer.front)
        if ack.code < 0:
            raise NoSuchDaemon(ack.status or f"there is no osd.{number}")
        found = Result(ack.code, ack.status, bytes(answer.data)).json()
        try:
            written = {each["type"]: f"{each['addr']}/{each['nonce']}" for each in found["addrs"]["addrvec"]}
            address = EntityAddr.parse(f"v2:{written['v2']}") if "v2" in written else None
        except (KeyError, TypeError, ConfigError):
            raise PeerError("the answer to osd find has no list of addresses", rule="MON-5") from None
        if address is None:
            raise NoSuchDaemon(f"osd.{number} has no address of msgr2")
        return str(address)


class _Opening:
    """A session with a daemon on its way."""

    def __init__(self) -> None:
        self.link: Link | None = None
        self.error: MsgrError | None = None
        self.changed = Bell()
        self.scope = anyio.CancelScope()

    async def hold(self, connecting: AbstractAsyncContextManager[Session]) -> None:
        """Hold the session until it is over. It raises nothing but cancellation."""
        with self.scope:
            try:
                async with connecting as session:
                    self.link = Link(session, _nothing)
                    self.changed.ring()
                    await self.link.run()
            except MsgrError as error:
                self.error = error
                self.changed.ring()


def _nothing(_link: Link, _message: Message) -> None:
    """Pass over what a daemon says unasked: a manager may send its settings."""


def _stranger(method: ClientMethod) -> ClientMethod:
    """Return a method that has not been granted anything: each session with a monitor has a global id of its own."""
    fresh = copy(method)
    if isinstance(fresh, CephxClient):
        fresh.forget()
        fresh.needed = EntityType.AUTH
    elif isinstance(fresh, NoneClient):
        fresh.global_id = 0
    return fresh
