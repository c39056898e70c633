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
    ConnectionLost,
    Displaced,
    LocalError,
    MessageTooLarge,
    MsgrError,
    StateError,
    TimedOut,
)
from ..frame import NodeTag, Tag
from ..payload import Banner, Keepalive, NodeHello
from ..session import Message, PeerSession, Phase, Policy, Receipt, SessionTable
from ..wire import AddressType, EntityAddr, Octets, Timestamp
from .admission import Later, Verdict
from .client import CLIENT
from .config import ClientConfig, Limits, ServerConfig
from .context import NO_EVENTS, ClientContext, Context, Ends
from .events import Event
from .gate import Direction, Gate
from .liveness import Verdict as Judgement
from .machine import Machine
from .node import settle
from .server import SERVER
from .states import (
    AwaitBanner,
    AwaitEnd,
    AwaitOwner,
    Ended,
    Parting,
    Ready,
)
from .transport import Transport

_WRITE_BATCH: Final = 1 << 20
"""How many bytes of messages `data_to_send` seals at once: what is sealed can no longer be overtaken."""
_SHARED_BATCH: Final = 256 << 10
"""The same where channels share the way out: the less is sealed, the sooner another channel has its turn."""
_NOWHERE: Final = memoryview(b"")


Trace: TypeAlias = Callable[["Connection", Direction, Tag | NodeTag], None]
"""Is called with every frame before it is sent, and before one that came in is handled.

It may call `pause`, or raise ConnectionLost: the connection then ends as if the stream had broken. `Stopped` closes it.
"""


def check_message(message: Message, limits: Limits) -> None:
    """Raise MessageTooLarge or ConfigError for a message that cannot be sent (LIMIT-2)."""
    size = message.size
    if size > limits.front or size > limits.middle or size > limits.data:  # else no segment is too long
        for name in ("front", "middle", "data"):
            length, limit = len(getattr(message, name)), getattr(limits, name)
            if length > limit:
                raise MessageTooLarge(f"{name} has {length} bytes, {limit} are allowed [LIMIT-2]")
    message.check()


class Connection(Machine):
    """One msgr2 connection, at either end: a ClientConfig makes it dial, a ServerConfig accept.

    `dice` returns random bytes. The verbs: `start`, then `receive_data`, `receive_eof`, `send_message`,
    `send_keepalive`, `close`, and after each of them `data_to_send`, `next_event` and `next_deadline`; when that time
    comes, `handle_deadline`. `peer_address` is the address of the socket's other end, which a server tells its client,
    `own_address` that of its own; both are optional.

    `sessions` is the table in which sessions are found that outlive connections; all connections of one end share it.
    `session` is the one that a client begins or takes up again; without it, a lossy one. `trace` is a window for tests.
    """

    __slots__ = ("_gate", "woken")

    def __init__(
        self,
        config: ClientConfig | ServerConfig,
        *,
        dice: Dice,
        peer_address: EntityAddr | None = None,
        own_address: EntityAddr | None = None,
        sessions: SessionTable | None = None,
        session: PeerSession | None = None,
        trace: Trace | None = None,
    ) -> None:
        self.woken: Callable[[], None] | None = None
        """Called when others than its owner, such as another connection of its session, gave it something to do."""
        self._gate = None if trace is None else Gate(lambda direction, tag: trace(self, direction, tag))
        transport = Transport(config.limits, self._admit, self._gate)
        sessions = SessionTable() if sessions is None else sessions
        if isinstance(config, ClientConfig):
            session = session or PeerSession(Policy.lossy_client(), (config.target,), channels=config.channels)
            self._table = CLIENT
            self._peer_address = peer_address or config.target
            ends = Ends(own_address, self._peer_address)
            self._context = ClientContext(config, transport, dice, sessions, self, session, ends)
            session.attach(self, Phase.CONNECTING)
        else:
            self._context = Context(config, transport, dice, sessions, self)
            self._table = SERVER
            self._peer_address = peer_address or EntityAddr(AddressType.NONE)
        self._session = session
        self._state = AwaitBanner()

    @property
    def peer_address(self) -> EntityAddr:
        """The address of the socket's other end, as far as it was told."""
        return self._peer_address

    @property
    def said(self) -> NodeHello | None:
        """What this end said about itself as a node, if it has."""
        return self._context.said

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
        if isinstance(self._state, Ended | Parting):
            return
        self._context.now = now
        self._context.liveness.heard = now
        self._context.transport.feed(data)
        self._handle_input()

    def space(self) -> memoryview:
        """Return where the bytes that come next may be put instead, without a copy: the rest of a message's body.

        It is empty where nothing of the kind is under way. What was put there is told to `filled`, before anything else
        is asked of the connection.
        """
        return _NOWHERE if isinstance(self._state, Ended | Parting) else self._context.transport.space()

    def filled(self, size: int, *, now: float) -> None:
        """Take note of so many bytes that came in, and were put into `space`."""
        if isinstance(self._state, Ended | Parting):
            return
        context = self._context
        context.now = context.liveness.heard = now
        context.transport.filled(size)
        self._handle_input()

    def _handle_input(self) -> None:
        advance = self._advance
        try:
            while advance():
                pass
            self._ask_owner()
        except MsgrError as error:
            self._give_up(error)
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
        if isinstance(state, AwaitEnd | Parting):
            self._end(state.error)
        elif isinstance(state, Ready) and state.session.policy.lossy and not self._context.transport.in_frame:
            self._end(None)
        else:
            self._end(ConnectionLost(f"the peer closed the connection {self._where()}"))

    def lose(self, error: ConnectionLost) -> None:
        """Take the news that the stream broke: where all was said before, that is how a peer may leave."""
        if not isinstance(self._state, Ended):
            self._end(self._state.error if isinstance(self._state, Parting) else error)

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

    def _ask_owner(self) -> None:
        ask, self._context.ask = self._context.ask, None
        if ask is not None and isinstance(self._state, AwaitOwner):
            ask(self)

    def admit(self, verdict: Verdict, *, now: float) -> None:
        """Say whether the peer's node may come in, where our `Admission` said *later*; raises StateError."""
        state = self._state
        if not isinstance(state, AwaitOwner) or isinstance(verdict, Later):
            raise StateError(f"nobody waits to be let in {self._where()}")
        self._context.now = now
        try:
            self._state = settle(self._context, state.login, state.proof, verdict, state.accepted)
        except MsgrError as error:
            self._give_up(error)
        self._wake()

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
                budget = _WRITE_BATCH if context.config.channels is None else _SHARED_BATCH
                context.transport.send_batch(self._state.session.traffic.next_frame, budget)
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
        if not events:
            return None
        event = events.popleft()
        if not events:
            self._context.events = NO_EVENTS
        return event

    @property
    def next_deadline(self) -> float | None:
        """The monotonic time at which `handle_deadline` is to be called, or None."""
        if isinstance(self._state, Ended):
            return None
        if isinstance(self._state, Ready):
            return self._context.liveness.deadline
        deadline = self._context.started + self._context.config.timeouts.handshake
        return min(deadline, self._state.until) if isinstance(self._state, Parting) else deadline

    def handle_deadline(self, *, now: float) -> None:
        """Take note that it is `now`: a handshake that is late ends (LIMIT-3), and a session whose peer is dead."""
        self._context.now = now
        if isinstance(self._state, Ready):
            self._judge(self._state)
            return
        deadline = self.next_deadline
        if deadline is not None and now >= deadline:
            seconds = self._context.config.timeouts.handshake
            if isinstance(self._state, Parting):
                self._end(self._state.error)
                return
            error = self._state.error if isinstance(self._state, AwaitEnd) else None
            self._end(error or TimedOut(f"no session after {seconds:g} s: {self._where()} [LIMIT-3]"))

    def _judge(self, state: Ready) -> None:
        context = self._context
        counters = state.session.traffic.counters
        moved = counters.sent + counters.resent + counters.received + counters.parts + counters.parts_received
        verdict = context.liveness.judge(context.now, moved)
        if verdict is Judgement.ASK:
            self.send_keepalive(now=context.now)
        elif verdict is Judgement.DEAD:
            silence = context.now - context.liveness.heard
            self._end(TimedOut(f"not a byte from the peer for {silence:g} s [LIVE-2]"))
        elif verdict is Judgement.IDLE:
            self._end(TimedOut(f"not a message for {context.config.timeouts.idle:g} s [LIVE-3]"))

    def _ready(self, what: str) -> Ready:
        if not isinstance(self._state, Ready):
            raise StateError(f"cannot {what} {self._where()}")
        return self._state
