"""What the handlers of frames may touch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from ..auth import Dice
from ..payload import Control, NodeControl, NodeHello, to_frame
from ..session import Link, PeerSession, SessionTable
from ..wire import EntityAddr
from .admission import Applicant
from .config import ClientConfig, Config, ServerConfig
from .events import Event
from .liveness import Liveness
from .transport import Transport


@dataclass(frozen=True, slots=True)
class Ends:
    """The two addresses of a connection, as the end that dialled knows them."""

    own: EntityAddr | None
    """What our socket says."""
    peer: EntityAddr
    """What we tell the peer in our HELLO."""


NO_EVENTS: Final[deque[Event]] = deque()
"""Stands where none wait, and nothing is put into it: an empty deque takes 760 bytes, and most connections are idle."""

C = TypeVar("C", bound=Config, covariant=True)


class Context(Generic[C]):
    """The settings, the transport, the dice, the time, and the events to come of one connection."""

    __slots__ = (
        "_config",
        "_link",
        "ask",
        "dice",
        "events",
        "extended",
        "liveness",
        "node",
        "now",
        "reveal",
        "said",
        "sessions",
        "started",
        "transport",
        "wall_started",
    )

    def __init__(self, config: C, transport: Transport, dice: Dice, sessions: SessionTable, link: Link) -> None:
        self._config = config
        self.sessions = sessions
        self._link: Link | None = link
        self.transport = transport
        self.dice = dice
        self.events = NO_EVENTS
        self.extended = False
        """Whether both banners have MSGR_EXT."""
        self.node: NodeHello | None = None
        """What the peer said about itself, if it was asked."""
        self.said: NodeHello | None = None
        """What we said about ourselves."""
        self.ask: Callable[[Applicant], None] | None = None
        """Who is to find out whether the peer's node may come in, once the state says that this is waited for."""
        self.reveal: Callable[[bytes], None] | None = None
        """Is told the connection secret, where somebody is to know it."""
        self.liveness = Liveness(config.timeouts, 0.0)
        self.now = 0.0
        """The time of the last call, in seconds of the owner's monotonic clock."""
        self.started = 0.0
        self.wall_started = 0.0

    @property
    def config(self) -> C:
        """The settings of this end."""
        return self._config

    @property
    def link(self) -> Link:
        """The connection itself, as its session knows it."""
        assert self._link is not None  # nothing is handled once it has ended
        return self._link

    def end(self) -> None:
        """Let go of the connection, which holds this: as a ring, both would stay until the collector comes by."""
        self._link = None
        self.transport.end()

    @property
    def wall(self) -> float:
        """The wall-clock time that goes with `now`."""
        return self.wall_started + self.now - self.started

    def say(self, payload: Control | NodeControl) -> None:
        """Queue a control frame."""
        self.transport.send(to_frame(payload))

    def emit(self, event: Event) -> None:
        """Queue an event."""
        events = self.events
        if events is NO_EVENTS:
            events = self.events = deque()
        events.append(event)


class ClientContext(Context[ClientConfig]):
    """The context of the end that dials: it knows its session from the beginning."""

    __slots__ = ("ends", "session")

    def __init__(
        self,
        config: ClientConfig,
        transport: Transport,
        dice: Dice,
        sessions: SessionTable,
        link: Link,
        session: PeerSession,
        ends: Ends,
    ) -> None:
        super().__init__(config, transport, dice, sessions, link)
        self.session = session
        self.ends = ends

    def as_server(self, config: ServerConfig) -> Context[ServerConfig]:
        """Return the context in which the same connection goes on as the end that accepts."""
        context = Context(config, self.transport, self.dice, self.sessions, self.link)
        context.events, context.reveal, context.liveness = self.events, self.reveal, self.liveness
        context.now, context.started, context.wall_started = self.now, self.started, self.wall_started
        context.extended = self.extended
        return context
