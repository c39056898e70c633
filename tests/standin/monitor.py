"""A stand-in monitor: maps, subscriptions, commands and tickets, as the stock tools need them."""

from __future__ import annotations

import errno
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any, Final
from uuid import UUID

from msgr import Message, Messenger, Session
from msgr.auth import AuthMethod
from msgr.errors import ConnectionLost, PeerError
from msgr.mon.maps import MgrMap, MonMap
from msgr.mon.messages import (
    ONE_TIME,
    Auth,
    AuthReply,
    Config,
    EntityInstance,
    Front,
    Level,
    Log,
    LogEntry,
    MessageType,
    MonCommand,
    MonCommandAck,
    MonGetVersion,
    MonGetVersionReply,
    MonMapMessage,
    MonSubscribe,
    OsdMaps,
    Wish,
)
from msgr.wire import EntityName, EntityType, Nested, Timestamp, text

from .commands import FOR_MANAGER, Answer, Arguments, Commands, ConfigKeys, Known
from .daemon import Daemon
from .recorder import Recorder

EPOCH: Final = 1
"""That of all maps: nothing ever changes here."""
RELEASE: Final = "16.2.15"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the stand-in cluster says of itself."""

    fsid: UUID
    monmap: MonMap
    mgrmap: MgrMap
    osdmap: bytes = field(repr=False)
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MgrMapMessage(Front):
    """Monitor: the manager map, which fills the front segment."""

    TYPE = MessageType.MGR_MAP

    mgrmap: Annotated[MgrMap, Nested(MgrMap)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong(Front):
    """Monitor: how it is, as JSON."""

    TYPE = MessageType.PING
    COMPAT = 0

    told: Annotated[str, text]


class Monitor(Daemon):
    """Rank 0 of one, always in quorum."""

    def __init__(self, messenger: Messenger, recorder: Recorder, facts: Facts) -> None:
        self.facts = facts
        self.keys = ConfigKeys()
        self._watchers: dict[Session, dict[str, Wish]] = {}
        self._logged = 0
        super().__init__(
            messenger,
            recorder,
            Commands(*self._commands()),
            {
                MessageType.PING: self._ping,
                MessageType.MON_GET_MAP: self._get_map,
                MessageType.MON_SUBSCRIBE: self._subscribe,
                MessageType.MON_GET_VERSION: self._get_version,
                MessageType.MON_COMMAND: self._mon_command,
                MessageType.COMMAND: self.command,
                MessageType.AUTH: self._auth,
            },
        )

    @property
    def status(self) -> dict[str, Any]:
        """What `ceph status` tells."""
        return {"fsid": str(self.facts.fsid), "health": {"status": "HEALTH_OK", "checks": {}}, "quorum_names": ["a"]}

    @property
    def watched(self) -> bool:
        """Whether somebody watches the cluster log."""
        return bool(self._log_watchers)

    @property
    def _log_watchers(self) -> list[Session]:
        return [
            session
            for session, wishes in self._watchers.items()
            if any(name.startswith("log-") for name in wishes) and not session.over
        ]

    async def log(self, line: str) -> int:
        """Send a line of the cluster log to all who watch it, and return to how many."""
        self._logged += 1
        entry = LogEntry(
            name=EntityName(type=EntityType.MON, id="a"),
            instance=EntityInstance(type=EntityType.MON, number=0),
            addresses=self.messenger.addresses,
            stamp=Timestamp.of(time.time()),
            seq=self._logged,
            level=Level.INFO,
            text=line,
            channel="cluster",
        )
        told = Log(version=self._logged, fsid=self.facts.fsid.bytes, entries=(entry,))
        told_to = 0
        for session in self._log_watchers:
            with suppress(ConnectionLost):
                await session.send(told.message())
                told_to += 1
        return told_to

    def left(self, session: Session) -> None:
        """Forget what a client wanted to know."""
        self._watchers.pop(session, None)

    def _commands(self) -> tuple[Known, ...]:
        pools = [{"poolnum": 1, "poolname": "rbd"}]
        version = {"version": f"ceph version {RELEASE} (stand-in)"}

        def status(arguments: Arguments, data: bytes) -> Answer:
            return Answer.of(self.status, arguments, f"cluster {self.facts.fsid}\nHEALTH_OK\n")

        return (
            Known("status", status),
            Known("version", lambda arguments, data: Answer.of(version, arguments)),
            Known("fsid", lambda arguments, data: Answer.of({"fsid": str(self.facts.fsid)}, arguments)),
            Known("osd lspools", lambda arguments, data: Answer.of(pools, arguments, "1 rbd\n"), module="osd"),
            # The manager answers it; that there is such a command, the monitors tell.
            Known("pg stat", _not_here, module="pg", flags=FOR_MANAGER),
            *self.keys.commands(),
        )

    async def _ping(self, session: Session, message: Message) -> None:
        said = json.dumps({"mon_status": {"name": "a", "rank": 0, "state": "leader"}, "health": self.status["health"]})
        await session.send(Pong(told=said).message())

    async def _get_map(self, session: Session, message: Message) -> None:
        await session.send(MonMapMessage(monmap=self.facts.monmap.encode()).message())

    async def _subscribe(self, session: Session, message: Message) -> None:
        for what, wish in MonSubscribe.decode(message.front).what.items():
            if (front := self._present(what, wish)) is not None:
                await session.send(front.message())
            if not wish.flags & ONE_TIME:
                self._watchers.setdefault(session, {})[what] = wish

    def _present(self, what: str, wish: Wish) -> Front | None:
        """Return what there is to tell at once."""
        facts = self.facts
        if what == "config":
            return Config(settings=facts.config)
        if wish.start > EPOCH:
            return None
        if what == "monmap":
            return MonMapMessage(monmap=facts.monmap.encode())
        if what == "mgrmap":
            return MgrMapMessage(mgrmap=facts.mgrmap)
        if what == "osdmap":
            full = {EPOCH: facts.osdmap}
            return OsdMaps(fsid=facts.fsid.bytes, incremental={}, full=full, oldest=EPOCH, newest=EPOCH)
        return None

    async def _get_version(self, session: Session, message: Message) -> None:
        asked = MonGetVersion.decode(message.front)
        if asked.what != "mgrmap":  # to which a real monitor says nothing
            told = MonGetVersionReply(handle=asked.handle, newest=EPOCH, oldest=EPOCH)
            await session.send(told.message(tid=message.tid))

    async def _mon_command(self, session: Session, message: Message) -> None:
        asked = MonCommand.decode(message.front)
        answer = Answer(-errno.EPERM, "wrong fsid")
        if asked.fsid == self.facts.fsid.bytes:
            answer = self.commands.execute(asked.command, bytes(message.data))
        told = MonCommandAck(code=answer.code, status=answer.status, command=asked.command)
        await session.send(told.message(tid=message.tid, data=answer.output))

    async def _auth(self, session: Session, message: Message) -> None:
        """Give new tickets over the open session."""
        identity = session.peer.login.identity
        if identity is None or identity.desk is None:
            raise PeerError("MAuth from a client whose method has no tickets", rule="RENEWAL-7")
        result, content = identity.desk.answer(Auth.decode(message.front).payload, now=time.time())
        told = AuthReply(
            protocol=AuthMethod.CEPHX, result=result, global_id=identity.global_id, payload=content, text=""
        )
        await session.send(told.message())


def _not_here(arguments: Arguments, data: bytes) -> Answer:
    return Answer(-errno.EINVAL, f"{arguments['prefix']} is for the manager")
