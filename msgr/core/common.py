"""Handlers that both ends share, and the steps that handlers of both ends take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any, Final, TypeAlias

from ..auth import AuthMethod, Identity, Keys, PeerVerified, sign, verify
from ..errors import PeerError
from ..frame import Frame, Mode, NodeTag, Tag, secure_mode
from ..payload import Ack, AuthSignature, Hello, Keepalive, KeepaliveAck
from ..session import LossySession, PartLimits, PeerSession, Phase
from ..wire import BannerFeature
from .compression import Compression
from .config import ClientConfig, Config
from .context import Context
from .events import Connected, KeepaliveAcked, Login, MessageReceived, Met, Peer
from .liveness import Liveness
from .states import AwaitHello, AwaitNodeHello, AwaitSignature, Ready, State

Handler: TypeAlias = Callable[[Any, Any, Any], State]
"""Takes the context, the state, and the payload (of MESSAGE: the frame); returns the next state, or raises."""

Table: TypeAlias = Mapping[type[State], Mapping[int, Handler]]
"""Which frames are legal in which state, and what handles them (STATE-1)."""

_COMPRESSION: Final = int(BannerFeature.COMPRESSION)  # a plain number: operations of flags are slow
_SHOWN: Final = 8
_END_OF_COUNTERS: Final = 1 << 63
"""Counters are u64 on the wire. A peer may push ours up to half of that, which leaves more than we will ever count."""


def meet(ctx: Context[Config], state: AwaitHello, hello: Hello) -> Met:
    """Note who the peer says it is."""
    met = Met(banner=state.banner, revision=state.revision, entity_type=hello.entity_type, seen_as=hello.peer_address)
    ctx.emit(met)
    return met


def method_name(number: int) -> str:
    """Return the lower-case name of an authentication method, or its number."""
    return AuthMethod(number).name.lower() if number in AuthMethod._value2member_map_ else str(number)


def some(items: Iterable[object], *, joint: str = ", ") -> str:
    """Return the first few items as text: a peer's list may be long, and a reason that tells of it must not be."""
    rest = iter(items)
    shown = list(map(str, islice(rest, _SHOWN)))
    if left := sum(1 for _ in rest):
        shown.append(f"{left} more")
    return joint.join(shown)


def check_counter(name: str, value: int) -> None:
    """Raise PeerError for a counter so high that ours, which has to go beyond it, would run over (SESSION-SEQ-1)."""
    if value >= _END_OF_COUNTERS:
        raise PeerError(f"{name} is {value}; it has to stay below 2^63", rule="SESSION-SEQ-1")


def exchange_signatures(
    ctx: Context[Config], met: Met, *, method: int, mode: Mode, global_id: int, identity: Identity | None, keys: Keys
) -> State:
    """Switch to the mode agreed, and send our signature as its first frame (AUTH-8)."""
    received, sent = ctx.transport.end_transcripts()
    if mode is Mode.SECURE:
        client = isinstance(ctx.config, ClientConfig)
        ctx.transport.mode = secure_mode(met.revision, keys.connection_secret, client=client)
        if ctx.reveal is not None:
            ctx.reveal(keys.connection_secret)
    ctx.say(AuthSignature(signature=sign(keys.session_key, received)))
    login = Login(met=met, method=method, mode=mode, global_id=global_id, identity=identity)
    return AwaitSignature(login, keys, sent)


def check_signature(ctx: Context[Config], state: AwaitSignature, payload: AuthSignature) -> PeerVerified:
    """Verify the peer's signature; raises SignatureError."""
    proof = verify(state.keys.session_key, state.sent, payload.signature)
    ctx.emit(state.login)
    return proof


def introduce_node(ctx: Context[Config], login: Login, proof: PeerVerified) -> State:
    """Say which node this is, where both banners have MSGR_EXT (NODE-2)."""
    assert ctx.config.node is not None  # or our banner would not have the bit
    ctx.said = ctx.config.node.hello()
    ctx.say(ctx.said)
    return AwaitNodeHello(login, proof)


def compression_is_discussed(ctx: Context[Config], met: Met) -> bool:
    """Tell whether the compression handshake takes place: both banners must have the bit (COMPRESSION-1)."""
    return bool(met.banner.supported & ctx.config.banner_features & _COMPRESSION)


def compression_allowed(ctx: Context[Config], login: Login) -> Compression | None:
    """Return how frames to this peer may be compressed, if they may."""
    return ctx.config.compression.towards(login.met.entity_type, login.mode)


def open_session(
    ctx: Context[Config], login: Login, proof: PeerVerified, session: PeerSession, *, resumed: bool
) -> Ready:
    """Let messages flow."""
    ctx.transport.open_session(ctx.config.limits)
    ctx.liveness = Liveness(ctx.config.timeouts, ctx.now)
    session.phase = Phase.READY
    session.traffic.open(_part_limits(ctx) if ctx.extended else None)
    session.traffic.counters.connections += 1
    peer = Peer(
        login=login,
        addresses=session.addresses,
        gid=session.gid,
        features=session.features,
        lossy=isinstance(session.traffic, LossySession) and not session.traffic.acknowledges,
        compression=ctx.transport.compression,
        node=ctx.node,
    )
    ctx.emit(Connected(peer=peer, resumed=resumed, session=session))
    return Ready(peer, session, proof)


def _part_limits(ctx: Context[Config]) -> PartLimits:
    """Return what both ends hold of messages in parts (CHANNEL-6)."""
    limits = ctx.config.limits
    peer = 0 if ctx.node is None else ctx.node.part_limit
    return PartLimits(peer=peer, own=limits.parts, segments=(limits.front, limits.middle, limits.data))


def on_message(ctx: Context[Config], state: Ready, frame: Frame) -> State:
    """Hand a message to the owner, once."""
    session = state.session
    session.met = True
    message = session.traffic.receive(frame)
    if message is not None:
        # What the constructor of a NamedTuple comes to, without its call: there is one for every message.
        ctx.emit(tuple.__new__(MessageReceived, (message,)))
    return state


def on_message_part(ctx: Context[Config], state: Ready, frame: Frame) -> State:
    """Keep a part of a message until the rest of it comes; raises PeerError (CHANNEL-4, CHANNEL-6)."""
    state.session.met = True
    state.session.traffic.receive_part(frame)
    return state


def on_keepalive(ctx: Context[Config], state: Ready, payload: Keepalive) -> State:
    """Answer at once, with the stamp as it came (KEEPALIVE-1, KEEPALIVE-2)."""
    state.session.met = True
    ctx.say(KeepaliveAck(stamp=payload.stamp))
    return state


def on_keepalive_ack(ctx: Context[Config], state: Ready, payload: KeepaliveAck) -> State:
    """Tell the owner how long the answer took; one that was not asked for does no harm."""
    state.session.met = True
    ctx.emit(KeepaliveAcked(stamp=payload.stamp, round_trip=ctx.wall - float(payload.stamp)))
    return state


def on_ack(ctx: Context[Config], state: Ready, payload: Ack) -> State:
    """Settle what is acknowledged; raises PeerError for what was never sent (ACK-2)."""
    state.session.met = True
    state.session.traffic.acknowledge(payload.seq)
    return state


IN_SESSION: Final[Mapping[int, Handler]] = {
    Tag.MESSAGE: on_message,
    Tag.KEEPALIVE2: on_keepalive,
    Tag.KEEPALIVE2_ACK: on_keepalive_ack,
    Tag.ACK: on_ack,
}
"""What a session takes, at either end."""

IN_EXTENDED_SESSION: Final[Mapping[int, Handler]] = {**IN_SESSION, NodeTag.MESSAGE_PART: on_message_part}
"""What a session takes where both banners have MSGR_EXT."""

BODIED: Final = frozenset({Tag.MESSAGE, NodeTag.MESSAGE_PART})
"""The frames whose handlers take the frame as it is: they have segments besides the first."""
