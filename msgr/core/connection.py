"""The sans-IO connection: bytes and times in, bytes and events out.

::

    connection = Connection(config, dice=secrets.token_bytes)
    connection.start(now=monotonic(), wall=time())
    while True:
        write(connection.data_to_send())
        while (event := connection.next_event()) is not None:
            ...
        connection.receive_data(read(), now=monotonic())

It never blocks, logs, or looks at a clock. Whatever a peer sends, `receive_data` raises nothing: what is wrong ends
the connection, and the last event, `Closed`, says why. What a faulty plug-in raises ends it too, and comes through.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from ..auth import Dice
from ..errors import (
    BannerError,
    ConnectionLost,
    Displaced,
    FrameError,
    LocalError,
    MessageTooLarge,
    MsgrError,
    PeerError,
    StateError,
    TimedOut,
    UnexpectedFrame,
)
from ..frame import Frame, Preamble, Tag, crc_mode, tag_name
from ..payload import HEADER_SIZE, Banner, Hello, Keepalive, of_frame
from ..session import Message, PeerSession, Phase, Policy, Receipt, SessionTable
from ..wire import AddressType, EntityAddr, Octets, Timestamp
from .client import CLIENT
from .common import Table
from .config import ClientConfig, Config, Limits, ServerConfig
from .context import ClientContext, Context
from .events import Closed, Event
from .gate import Direction, Gate, Stopped
from .liveness import Verdict
from .server import SERVER
from .states import AwaitBanner, AwaitEnd, AwaitHello, Ended, Ready, State
from .transport import Transport

_WRITE_BATCH: Final = 1 << 20
"""How many bytes of messages `data_to_send` seals at once: what is sealed can no longer be overtaken."""


Trace: TypeAlias = Callable[["Connection", Direction, Tag], None]
"""Is called with every frame before it is sent, and before one that came in is handled.

It may call `pause`, or raise ConnectionLost: the connection then ends as if the stream had broken. `Stopped` closes it.
"""


def check_message(message: Message, limits: Limits) -> None:
    """Raise MessageTooLarge or ConfigError for a message that cannot be sent (LIMIT-2)."""
    for name in ("front", "middle", "data"):
        size, limit = len(getattr(message, name)), getattr(limits, name)
        if size > limit:
            raise MessageTooLarge(f"{name} has {size} bytes, {limit} are allowed [LIMIT-2]")
    message.check()


class Connection:
    """One msgr2 connection, at either end: a ClientConfig makes it dial, a ServerConfig accept.

    `dice` returns random bytes. The verbs: `start`, then `receive_data`, `receive_eof`, `send_message`,
    `send_keepalive`, `close`, and after each of them `data_to_send`, `next_event` and `next_deadline`; when that time
    comes, `handle_deadline`. `peer_address` is the address of the socket's other end, which a server tells its client.

    `sessions` is the table in which sessions are found that outlive connections; all connections of one end share it.
    `session` is the one that a client begins or takes up again; without it, a lossy one. `trace` is a window for tests.
    """

    __slots__ = ("_context", "_gate", "_peer_address", "_session", "_state", "_table", "woken")

    def __init__(
        self,
        config: ClientConfig | ServerConfig,
        *,
        dice: Dice,
        peer_address: EntityAddr | None = None,
        sessions: SessionTable | None = None,
        session: PeerSession | None = None,
        trace: Trace | None = None,
    ) -> None:
        self.woken: Callable[[], None] | None = None
        """Called when others than its owner, such as another connection of its session, gave it something to do."""
        self._gate = None if trace is None else Gate(lambda direction, tag: trace(self, direction, tag))
        transport = Transport(config.limits, self._admit, self._gate)
        sessions = SessionTable() if sessions is None else sessions
        self._context: Context[Config]
        if isinstance(config, ClientConfig):
            session = session or PeerSession(Policy.lossy_client(), (config.target,))
            self._context = ClientContext(config, transport, dice, sessions, self, session)
            self._table: Table = CLIENT
            self._peer_address = peer_address or config.target
            session.attach(self, Phase.CONNECTING)
        else:
            self._context = Context(config, transport, dice, sessions, self)
            self._table = SERVER
            self._peer_address = peer_address or EntityAddr(AddressType.NONE)
        self._session = session
        self._state: State = AwaitBanner()

    @property
    def state(self) -> State:
        """The state, a plain value of one of the classes in `msgr.core.states`."""
        return self._state

    @property
    def dialled(self) -> bool:
        """Whether this end is the one that dials."""
        return self._table is CLIENT

    def reveal(self, to: Callable[[bytes], None]) -> None:
        """Have `to` called with the connection secret as soon as there is one: whoever has that can read all."""
        self._context.reveal = to

    def start(self, *, now: float, wall: float) -> None:
        """Begin: queue our banner (BANNER-6). `now` is monotonic time, `wall` the time of day, both in seconds."""
        context = self._context
        context.started = context.now = now
        context.wall_started = wall
        context.transport.send_banner(Banner(supported=context.config.banner_features))

    def receive_data(self, data: Octets, *, now: float) -> None:
        """Take bytes that came in, in any pieces.

        Where frames are compressed it may leave some of them for the next call, which `has_input` then asks for.
        """
        if isinstance(self._state, Ended):
            return
        self._context.now = now
        self._context.liveness.heard = now
        self._context.transport.feed(data)
        try:
            while self._advance():
                pass
        except MsgrError as error:
            self._end(error)
        except Exception as error:
            # A fault of our own, say in a method of authentication. No later step may run on what it left behind.
            self._end(LocalError(f"{type(error).__name__} while handling what the peer sent, {self._where()}"))
            raise

    def receive_eof(self) -> None:
        """Take the end of the stream: between two frames of a lossy session it is an orderly end; there is no other."""
        self._take_the_rest()
        state = self._state
        if isinstance(state, Ended):
            return
        if isinstance(state, AwaitEnd):
            self._end(state.error)
        elif isinstance(state, Ready) and state.session.policy.lossy and not self._context.transport.in_frame:
            self._end(None)
        else:
            self._end(ConnectionLost(f"the peer closed the connection {self._where()}"))

    def lose(self, error: ConnectionLost) -> None:
        """Take the news that the stream broke."""
        if not isinstance(self._state, Ended):
            self._end(error)

    def displace(self) -> None:
        """End, because the session goes on over another connection."""
        if not isinstance(self._state, Ended):
            self._session = None
            self._end(Displaced("the session goes on over another connection"))
            self._wake()

    def nudge(self) -> None:
        """Ask for a sign of life: another connection waits for this one, which may be dead (SESSION-IDENT-14)."""
        if isinstance(self._state, Ready):
            self.send_keepalive(now=self._context.now)
            self._wake()

    def send_message(self, message: Message) -> Receipt:
        """Queue a message; raises StateError where there is no session, MessageTooLarge and ConfigError.

        The receipt will say what became of it.
        """
        session = self._ready("send a message").session
        check_message(message, self._context.config.limits)
        return session.traffic.push(message)

    def send_keepalive(self, *, now: float) -> Timestamp:
        """Ask whether the peer is there; returns the stamp that its answer will carry. Raises StateError."""
        self._ready("ask for a sign of life")
        self._context.now = now
        stamp = Timestamp.of(self._context.wall)
        try:
            self._context.say(Keepalive(stamp=stamp))
        except ConnectionLost as error:  # the nonces are used up
            self._end(error)
        return stamp

    def close(self) -> None:
        """End the connection; what `data_to_send` did not return yet is forgotten."""
        if not isinstance(self._state, Ended):
            self._end(None)

    def pause(self) -> None:
        """Handle nothing and send nothing until `resume`; raises StateError without a `trace`, whose business it is."""
        self._traced.closed = True

    def resume(self) -> None:
        """Go on where `pause` stopped."""
        self._traced.closed = False
        self.receive_data(b"", now=self._context.now)
        self._take_the_rest()
        self._wake()

    def _take_the_rest(self) -> None:
        while self.has_input:
            self.receive_data(b"", now=self._context.now)

    def _wake(self) -> None:
        if self.woken is not None:
            self.woken()

    @property
    def _traced(self) -> Gate:
        if self._gate is None:
            raise StateError("only a connection that is traced can be held: Connection(..., trace=...)")
        return self._gate

    def data_to_send(self) -> list[Octets]:
        """Return pieces of bytes that are to be written now, in their order; an empty list if there are none.

        Messages are sealed by the batch, so ask again when these are written.
        """
        context = self._context
        if isinstance(self._state, Ready):
            try:
                budget = _WRITE_BATCH
                traffic = self._state.session.traffic
                while budget > 0 and not self._paused and (frame := traffic.next_frame()) is not None:
                    budget -= context.transport.send(frame)
            except ConnectionLost as error:  # the nonces are used up
                self._end(error)
        return context.transport.data_to_send()

    @property
    def has_input(self) -> bool:
        """Whether frames that came in may wait because those before them, decompressed, were many bytes.

        `receive_data(b"")` goes on with them: best when there is room for what they hold.
        """
        return not isinstance(self._state, Ended) and self._context.transport.is_sated

    @property
    def has_output(self) -> bool:
        """Whether `data_to_send` would return anything."""
        waiting = isinstance(self._state, Ready) and self._state.session.traffic.has_output
        return waiting or self._context.transport.output_bytes > 0

    @property
    def output_bytes(self) -> int:
        """The bytes of frames that are sealed and not fetched: answers, for the most part."""
        return self._context.transport.output_bytes

    @property
    def queued_bytes(self) -> int:
        """The bytes of messages that wait to be sealed."""
        return self._state.session.traffic.queue.size if isinstance(self._state, Ready) else 0

    def next_event(self) -> Event | None:
        """Return the next thing that happened, or None."""
        events = self._context.events
        return events.popleft() if events else None

    @property
    def next_deadline(self) -> float | None:
        """The monotonic time at which `handle_deadline` is to be called, or None."""
        if isinstance(self._state, Ended):
            return None
        if isinstance(self._state, Ready):
            return self._context.liveness.deadline
        return self._context.started + self._context.config.timeouts.handshake

    def handle_deadline(self, *, now: float) -> None:
        """Take note that it is `now`: a handshake that is late ends (LIMIT-3), and a session whose peer is dead."""
        self._context.now = now
        if isinstance(self._state, Ready):
            self._judge(self._state)
            return
        deadline = self.next_deadline
        if deadline is not None and now >= deadline:
            seconds = self._context.config.timeouts.handshake
            error = self._state.error if isinstance(self._state, AwaitEnd) else None
            self._end(error or TimedOut(f"no session after {seconds:g} s: {self._where()} [LIMIT-3]"))

    def _judge(self, state: Ready) -> None:
        context = self._context
        counters = state.session.traffic.counters
        verdict = context.liveness.judge(context.now, counters.sent + counters.resent + counters.received)
        if verdict is Verdict.ASK:
            self.send_keepalive(now=context.now)
        elif verdict is Verdict.DEAD:
            silence = context.now - context.liveness.heard
            self._end(TimedOut(f"not a byte from the peer for {silence:g} s [LIVE-2]"))
        elif verdict is Verdict.IDLE:
            self._end(TimedOut(f"not a message for {context.config.timeouts.idle:g} s [LIVE-3]"))

    def _ready(self, what: str) -> Ready:
        if not isinstance(self._state, Ready):
            raise StateError(f"cannot {what} {self._where()}")
        return self._state

    @property
    def _paused(self) -> bool:
        return self._gate is not None and self._gate.closed

    def _where(self) -> str:
        transport = self._context.transport
        middle = ", in the middle of a frame" if transport.in_frame else ""
        return f"in {type(self._state).__name__}, after {transport.received_bytes} bytes{middle}"

    def _end(self, error: MsgrError | None) -> None:
        self._context.transport.discard()
        error = None if isinstance(error, Stopped) else error
        session = self._state.session if isinstance(self._state, Ready) else self._session
        self._state = Ended(error)
        if session is not None:
            session.detach(self)
            if session.phase is Phase.CLOSED:
                self._context.sessions.remove(session)
        self._context.emit(Closed(error=error))

    def _admit(self, preamble: Preamble) -> None:
        """Refuse a frame by its preamble alone, where the state does not take it (STATE-1)."""
        state = type(self._state)
        row = self._table[state]
        if preamble.tag not in row:
            raise UnexpectedFrame(got=tag_name(preamble.tag), allowed=(tag.name for tag in row), state=state.__name__)
        if preamble.tag == Tag.MESSAGE:
            if preamble.lengths[0] != HEADER_SIZE and not preamble.compressed:  # else it comes again, decompressed
                raise PeerError(f"a message header of {preamble.lengths[0]} bytes, not {HEADER_SIZE}", rule="MESSAGE-1")
        elif len(preamble.lengths) != 1:
            segments = len(preamble.lengths)
            raise FrameError(f"{tag_name(preamble.tag)} with {segments} segments, it has one", rule="FRAME-14")

    def _advance(self) -> bool:
        """Take one step; tells whether there may be another."""
        if isinstance(self._state, AwaitBanner):
            return self._take_banner()
        frame = self._context.transport.next_frame()
        if frame is None:
            return False
        if not frame.aborted:
            self._handle(frame)
        elif frame.tag != Tag.MESSAGE:
            raise FrameError(f"{tag_name(frame.tag)} aborted; only a message can be", rule="FRAME-16")
        return True

    def _handle(self, frame: Frame) -> None:
        handler = self._table[type(self._state)][Tag(frame.tag)]
        payload = frame if frame.tag == Tag.MESSAGE else of_frame(frame)
        self._state = handler(self._context, self._state, payload)

    def _take_banner(self) -> bool:
        context = self._context
        peer = context.transport.next_banner(context.config.limits)
        if peer is None:
            return False
        own = Banner(supported=context.config.banner_features)
        own.check(peer)
        revision = own.revision_with(peer)
        if revision not in context.config.revisions:
            raise BannerError(f"the peer speaks msgr {revision}, which is not allowed here", rule="BANNER-5")
        check_data = context.config.check_data
        context.transport.mode = crc_mode(revision, check_data=check_data)
        context.say(Hello(entity_type=context.config.name.type, peer_address=self._peer_address))
        self._state = AwaitHello(peer, revision)
        return True
