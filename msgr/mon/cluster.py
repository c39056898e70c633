"""The client of a cluster, as users have it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from uuid import UUID

from ..errors import ConfigError, ConnectionLost
from ..session import Message
from ..wire import Octets
from .daemons import Daemons, NoSuchDaemon
from .grammar import Grammar
from .maps import MgrMap, MonMap
from .messages import (
    Command,
    CommandReply,
    LogEntry,
    MgrCommand,
    MonCommand,
    MonCommandAck,
    MonGetVersion,
    MonGetVersionReply,
    OsdMaps,
    Request,
)
from .monitors import Monitors
from .requests import Arguments, Result, ask, spelled
from .updates import Updates, log_topic


class Cluster:
    """A client of a Ceph cluster, as `msgr.mon.connect` yields it.

    ::

        async with msgr.mon.connect("v2:127.0.0.1:3300", name="client.admin", auth=keyring) as cluster:
            result = await cluster.command({"prefix": "status", "format": "json"})
            version = await cluster.tell("osd.0", "version")
            with cluster.log("info") as lines:
                async for line in lines:
                    ...

    Any number of tasks may use it at once. When the monitor is lost, another one (or the same) is found and everything
    goes on; a command whose answer was lost with it raises OutcomeUnknown, unless it was certainly not sent, or may be
    repeated.
    """

    def __init__(self, monitors: Monitors, daemons: Daemons) -> None:
        self._monitors = monitors
        self._daemons = daemons

    @property
    def monmap(self) -> MonMap:
        """Which monitors there are, as the last one told; raises ConnectionLost where none did yet."""
        if self._monitors.monmap is None:
            raise self._monitors.error or ConnectionLost("no monitor has told its map yet")
        return self._monitors.monmap

    @property
    def fsid(self) -> UUID:
        """The number of the cluster."""
        return self.monmap.fsid

    @property
    def connected(self) -> bool:
        """Whether there is a session with a monitor at this moment."""
        return self._monitors.link is not None

    @property
    def global_id(self) -> int:
        """The number that the monitors know this client by; it stays the same when another monitor is found."""
        link = self._monitors.link
        if link is None:
            raise ConnectionLost("there is no monitor at this moment")
        return link.session.peer.login.global_id

    async def command(
        self, arguments: Arguments, data: Octets = b"", *, manager: bool = False, repeat: bool = False
    ) -> Result:
        """Have a monitor carry out a command, and return how it ended; a negative code is no exception.

        With `manager`, the active manager is asked without a detour over a monitor. Raises OutcomeUnknown where the
        answer was lost, unless it may `repeat` (done twice, the command does the same, such as one that only reads),
        and what ended the client. Cancelling it leaves open whether the command is carried out (MON-3).
        """
        words = spelled(arguments)
        if manager:
            return await self._ask_daemon("mgr", lambda: MgrCommand(fsid=self.fsid.bytes, command=words), data, repeat)
        answer = await self._ask(lambda: MonCommand(fsid=self.fsid.bytes, command=words), data, repeat)
        ack = MonCommandAck.decode(answer.front)
        return Result(ack.code, ack.status, bytes(answer.data))

    async def tell(self, daemon: str, arguments: Arguments, data: Octets = b"", *, repeat: bool = False) -> Result:
        """Have one daemon carry out a command: `mon.NAME`, `osd.N`, or `mgr`, the active one; see `command`.

        Raises ConfigError for a name that is none of these. Of a daemon that is not there, the result is -2 (ENOENT).
        """
        words = spelled(arguments)
        return await self._ask_daemon(daemon, lambda: Command(fsid=self.fsid.bytes, command=words), data, repeat)

    async def grammar(self, daemon: str | None = None) -> Grammar:
        """Return the commands that the monitors, or one daemon, understand.

        Raises CommandFailed where they don't say, PeerError where what they say makes no sense, and as `command` does.
        """
        question = "get_command_descriptions"
        asked = self.command(question, repeat=True) if daemon is None else self.tell(daemon, question, repeat=True)
        return Grammar.of((await asked).checked().output)

    async def versions(self, what: str) -> tuple[int, int]:
        """Return the oldest and the newest version of a map that the monitors have: monmap, osdmap, mdsmap or fsmap.

        Raises ConfigError for others, which monitors leave unanswered.
        """
        if what not in ("monmap", "osdmap", "mdsmap", "fsmap"):
            raise ConfigError(f"{what!r} is no map with versions: monmap, osdmap, mdsmap or fsmap")
        answer = await self._ask(lambda: MonGetVersion(handle=1, what=what), b"", True)
        reply = MonGetVersionReply.decode(answer.front)
        return reply.oldest, reply.newest

    def monmaps(self) -> AbstractContextManager[Updates[MonMap]]:
        """Subscribe to the map of the monitors."""
        return self._monitors.subscriptions.listen("monmap")

    def mgrmaps(self) -> AbstractContextManager[Updates[MgrMap]]:
        """Subscribe to the map of the managers."""
        return self._monitors.subscriptions.listen("mgrmap")

    def osdmaps(self, *, start: int = 0) -> AbstractContextManager[Updates[OsdMaps]]:
        """Subscribe to the OSD map, from version `start` on (0: the present one, whole); it is passed on as bytes."""
        return self._monitors.subscriptions.listen("osdmap", start=start)

    def configs(self) -> AbstractContextManager[Updates[Mapping[str, str]]]:
        """Subscribe to the settings that the cluster has for this client."""
        return self._monitors.subscriptions.listen("config")

    def log(self, level: str = "info") -> AbstractContextManager[Updates[LogEntry]]:
        """Subscribe to the cluster log from a level on: debug, info, sec, warn or error; raises ConfigError."""
        return self._monitors.subscriptions.listen(log_topic(level))

    async def _ask(self, make: Callable[[], Request], data: Octets, repeat: bool) -> Message:
        await self._monitors.linked()
        return await ask(self._monitors.linked, make, data, repeat=repeat)

    async def _ask_daemon(self, daemon: str, make: Callable[[], Request], data: Octets, repeat: bool) -> Result:
        await self._monitors.linked()
        try:
            answer = await self._daemons.ask(daemon, make, data, repeat=repeat)
        except NoSuchDaemon as error:
            return error.result
        reply = CommandReply.decode(answer.front)
        return Result(reply.code, reply.status, bytes(answer.data))
