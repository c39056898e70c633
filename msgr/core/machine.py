"""What frames do to a connection: the state, the table that says what is legal in it, and how it ends."""

from __future__ import annotations

from typing import Final

from ..errors import BannerError, ConnectionLost, FrameError, MsgrError, NodeRefused, PeerError, Step, ToldToWait
from ..frame import Frame, Preamble, Tag, crc_mode, tag_name
from ..payload import Banner, Hello
from ..session import PeerSession, Phase
from ..wire import BannerFeature, EntityAddr
from .common import BODIED, Table, on_message
from .config import Config
from .context import ClientContext, Context
from .events import Closed
from .gate import Stopped
from .legality import check_preamble
from .node import EXTENDED_CLIENT, EXTENDED_SERVER, payload_of, rejection
from .server import SERVER, on_auth_request
from .states import AwaitAuthRequest, AwaitBanner, AwaitEnd, AwaitHello, Ended, Parting, Ready, State, TurnServer

_MSGR_EXT: Final = int(BannerFeature.MSGR_EXT)  # a plain number: operations of flags are slow
_MESSAGE: Final = Tag.MESSAGE  # the one member there is: what was decoded is compared by identity, which is cheaper


class Machine:
    """The inner half of a `Connection`, which its owner never sees: one step a frame."""

    __slots__ = ("_context", "_peer_address", "_session", "_state", "_table")

    _context: Context[Config]
    _peer_address: EntityAddr
    _session: PeerSession | None
    _state: State
    _table: Table

    @property
    def state(self) -> State:
        """The state, a plain value of one of the classes in `msgr.core.states`."""
        return self._state

    @property
    def dialled(self) -> bool:
        """Whether this end is the one that dials."""
        return isinstance(self._context, ClientContext)

    def _where(self) -> str:
        transport = self._context.transport
        middle = ", in the middle of a frame" if transport.in_frame else ""
        return f"in {type(self._state).__name__}, after {transport.received_bytes} bytes{middle}"

    def _give_up(self, error: MsgrError) -> None:
        """End over what the peer did: where it can be told why, that comes first (NODE-8)."""
        self._note_step(error)
        told = isinstance(error, ToldToWait) or (isinstance(error, NodeRefused) and error.by_peer)
        if told and isinstance(self._state, AwaitEnd):  # what we refused is why the peer does
            error = self._state.error
        if not isinstance(error, PeerError) or told or not self._context.extended or isinstance(self._state, Ready):
            self._end(error)
            return
        context = self._context
        try:
            context.say(rejection(error))
        except ConnectionLost:  # the nonces are used up
            self._end(error)
        else:
            self._state = Parting(error, context.now + context.config.timeouts.parting)

    def _note_step(self, error: MsgrError | None) -> None:
        if error is not None and error.step is None and not isinstance(self._state, Ready | Parting):
            transport = self._context.transport
            state = type(self._state).__name__
            error.step = Step(state, self.dialled, transport.received_bytes, transport.sent_bytes)

    def _end(self, error: MsgrError | None) -> None:
        if isinstance(self._state, Ended):
            return
        context = self._context
        self._note_step(error)
        error = None if isinstance(error, Stopped) else error
        session = self._state.session if isinstance(self._state, Ready) else self._session
        self._state = Ended(error)
        if session is not None:
            session.detach(context.link)
            if session.phase is Phase.CLOSED:
                context.sessions.remove(session)
        context.emit(Closed(error=error))
        context.end()

    def _admit(self, preamble: Preamble) -> None:
        state = self._state
        check_preamble(preamble, state, self._table[type(state)])

    def _advance(self) -> bool:
        """Take one step; tells whether there may be another."""
        state = self._state
        if isinstance(state, AwaitBanner):
            return self._take_banner()
        context = self._context
        frame = context.transport.next_frame()
        if frame is None:
            return False
        tag, _, aborted, _ = frame
        if not aborted:
            if tag is _MESSAGE:  # it is in its place, or its preamble would not have been let in
                assert isinstance(state, Ready)
                on_message(context, state, frame)
            else:
                self._handle(frame)
        elif tag is not _MESSAGE:
            raise FrameError(f"{tag_name(frame.tag)} aborted; only a message can be", rule="FRAME-16")
        return True

    def _handle(self, frame: Frame) -> None:
        handler = self._table[type(self._state)][frame.tag]
        payload = frame if frame.tag in BODIED else payload_of(frame)
        state = handler(self._context, self._state, payload)
        self._state = self._turn_server(state) if isinstance(state, TurnServer) else state

    def _turn_server(self, turn: TurnServer) -> State:
        """Be the server from here on: the session that was to begin waits for what the peer asks (SIMOPEN-1)."""
        client = self._context
        assert isinstance(client, ClientContext)
        assert client.config.as_server is not None  # or the turn would not have come
        self._context = context = client.as_server(client.config.as_server)
        self._table = EXTENDED_SERVER if context.extended else SERVER
        self._session = None
        client.session.detach(client.link)
        # Nor is it a rival of what the peer asks, which would be told to wait (SIMOPEN-4).
        client.session.connect_seq = max(0, client.session.connect_seq - 1)
        return on_auth_request(context, AwaitAuthRequest(turn.met, 0), turn.request)

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
        if own.supported & peer.supported & _MSGR_EXT:
            context.extended = True
            self._table = EXTENDED_CLIENT if self.dialled else EXTENDED_SERVER
        check_data = context.config.check_data
        context.transport.mode = crc_mode(revision, check_data=check_data)
        context.say(Hello(entity_type=context.config.name.type, peer_address=self._peer_address))
        self._state = AwaitHello(peer, revision)
        return True
