"""Subscriptions: what a monitor is asked to tell, and those who listen."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Self, TypeVar

from ..errors import ConfigError, ConnectionLost, MsgrError, StateError
from ..net.bell import Bell
from ..session import Message
from .maps import MgrMap, MonMap
from .messages import Config, Level, Log, MessageType, MonMapMessage, OsdMaps, Wish

T = TypeVar("T")

_KEPT: Final = 1024
LOG_WORDS: Final = {
    "debug": Level.DEBUG,
    "info": Level.INFO,
    "sec": Level.SECURITY,
    "warn": Level.WARNING,
    "error": Level.ERROR,
}
"""The levels of the cluster log, as subscriptions name them."""
_LOG: Final = "log-"


class Updates(Generic[T]):
    """One subscription, from now on: an asynchronous iterator, which raises what ended it or the client.

    Updates that nobody fetches are kept up to a bound; of more, the oldest are dropped and counted in `dropped`.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._kept: deque[T] = deque(maxlen=_KEPT)
        self._bell = Bell()
        self._error: MsgrError | None = None

    def put(self, update: T) -> None:
        """Append an update."""
        self.dropped += len(self._kept) == _KEPT
        self._kept.append(update)
        self._bell.ring()

    def end(self, error: MsgrError) -> None:
        """Say that no more will come, and why; does nothing the second time."""
        self._error = self._error or error
        self._bell.ring()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        """Return the next update. Cancelling it loses none."""
        while not self._kept:
            if self._error is not None:
                raise self._error
            await self._bell.wait()
        return self._kept.popleft()


@dataclass(slots=True)
class _Topic:
    """What is subscribed to: from which version on it is wanted next, who listens, and whether the monitor knows."""

    start: int
    streams: list[Updates[Any]] = field(default_factory=list)
    told: bool = False
    last: Any = None
    """What was told last, for those who join; of the log and the OSD map, where it is not the whole, it is None."""


class Subscriptions:
    """All subscriptions of a client; they go on over any number of connections.

    What was told already is not asked for again: every topic continues after the version that came last (MON-4).
    """

    def __init__(self) -> None:
        self.changed = Bell()
        """Rings when there is something to tell the monitor."""
        self._topics: dict[str, _Topic] = {}
        self._error: MsgrError | None = None

    @contextmanager
    def listen(self, what: str, *, start: int = 0) -> Iterator[Updates[Any]]:
        """Subscribe to `what` while the body runs; raises StateError and what ended the client.

        Of a map or the settings, the first update is the present one. Who joins others that listen to the log or the
        OSD map hears what comes from now on. A monitor knows no end of a subscription but that of the connection;
        until then, what comes is dropped.
        """
        if self._error is not None:
            raise self._error
        topic = self._topic(what, start)
        stream: Updates[Any] = Updates()
        if topic.last is not None:
            stream.put(topic.last)
        topic.streams.append(stream)
        self.changed.ring()
        try:
            yield stream
        finally:
            topic.streams.remove(stream)
            stream.end(StateError(f"the subscription to {what} was closed"))
            if not topic.streams:
                self._topics.pop(what, None)

    def _topic(self, what: str, start: int) -> _Topic:
        known = self._topics.get(what)
        if known is not None and start and start != known.start:
            raise StateError(f"{what} is subscribed to already, from version {known.start} on [MON-4]")
        other = next((name for name in self._topics if name.startswith(_LOG) and name != what), None)
        if what.startswith(_LOG) and other is not None:
            raise StateError(f"this client listens to {other}; what {what} would add could not be told apart [MON-4]")
        if known is None:
            known = self._topics[what] = _Topic(start)
        return known

    def wishes(self, *, anew: bool) -> dict[str, Wish]:
        """Return what the monitor is to be told: all that is wanted, or what was not said on this connection yet."""
        wishes = {}
        for name, topic in self._topics.items():
            if anew or not topic.told:
                topic.told = True
                wishes[name] = Wish(start=topic.start)
        return wishes

    def take(self, message: Message) -> None:
        """Pass on what a monitor told; raises DecodeError."""
        reader = _READERS.get(message.type)
        if reader is not None:
            reader(self, message)

    def end(self, error: MsgrError | None) -> None:
        """Tell all listeners that no more will come."""
        self._error = error or ConnectionLost("the client of the monitors was closed")
        for topic in self._topics.values():
            for stream in topic.streams:
                stream.end(self._error)

    def _publish(self, what: str, updates: Sequence[object], version: int | None, *, whole: bool = True) -> None:
        """Pass on what brought `what` to a version, unless it was told before; of the settings there are no versions.

        If `whole`, the last update is all that there is to know.
        """
        topic = self._topics.get(what)
        if topic is None or (version is not None and version < topic.start):
            return
        if version is not None:
            topic.start = version + 1
        for update in updates:
            topic.last = update if whole else None
            for stream in topic.streams:
                stream.put(update)

    def _monmap(self, message: Message) -> None:
        monmap = MonMap.decode(MonMapMessage.decode(message.front).monmap)
        self._publish("monmap", [monmap], monmap.epoch)

    def _mgrmap(self, message: Message) -> None:
        mgrmap = MgrMap.decode(message.front)
        self._publish("mgrmap", [mgrmap], mgrmap.epoch)

    def _osdmaps(self, message: Message) -> None:
        maps = OsdMaps.decode(message.front)
        if epochs := [*maps.full, *maps.incremental]:
            self._publish("osdmap", [maps], max(epochs), whole=False)

    def _config(self, message: Message) -> None:
        self._publish("config", [dict(Config.decode(message.front).settings)], None)

    def _log(self, message: Message) -> None:
        log = Log.decode(message.front)
        what = next((name for name in self._topics if name.startswith(_LOG)), "")
        self._publish(what, log.entries, log.version, whole=False)


_READERS: Final[dict[int, Callable[[Subscriptions, Message], None]]] = {
    MessageType.MON_MAP: Subscriptions._monmap,
    MessageType.MGR_MAP: Subscriptions._mgrmap,
    MessageType.OSD_MAP: Subscriptions._osdmaps,
    MessageType.CONFIG: Subscriptions._config,
    MessageType.LOG: Subscriptions._log,
}


def log_topic(level: str) -> str:
    """Return the name of the subscription to the cluster log from `level` on; raises ConfigError."""
    if level not in LOG_WORDS:
        raise ConfigError(f"{level!r} is no level of the cluster log: {', '.join(LOG_WORDS)}")
    return _LOG + level
