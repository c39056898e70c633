"""The end that accepts, once the peer is authenticated: whose session is it, and may it go on?"""

from __future__ import annotations

from ..errors import FailureKind, IdentError
from ..payload import (
    LOSSY,
    ClientIdent,
    IdentMissingFeatures,
    ServerIdent,
    SessionReconnect,
    SessionReconnectOk,
    SessionReset,
    SessionRetry,
    SessionRetryGlobal,
)
from ..payload import Wait as WaitPayload
from ..session import (
    Accept,
    Drop,
    Latecomer,
    LosslessSession,
    PeerSession,
    Phase,
    Policy,
    Replace,
    Reset,
    Resume,
    Retry,
    RetryGlobal,
    Wait,
    decide_ident,
    decide_reconnect,
    race_key,
    random_cookie,
)
from ..wire import MSG_ADDR2, AddressType, EntityAddr
from .common import check_counter, open_session, some
from .config import ServerConfig
from .context import Context
from .events import Login, RemoteReset
from .states import AwaitClientIdent, State


def on_client_ident(ctx: Context[ServerConfig], state: AwaitClientIdent, ident: ClientIdent) -> State:
    """Begin a session with whom meant to reach us and has what we need; raises IdentError.

    A client that lacks features may come again on the same connection with more (IDENT-3), and so may one that is
    told to wait.
    """
    config = ctx.config
    if not ident.addresses or ident.addresses[0].type == AddressType.NONE:
        raise IdentError("CLIENT_IDENT without an address of the client", rule="IDENT-1")
    if ident.target not in config.addresses:
        raise IdentError(f"the client means to reach {ident.target}; this is {some(config.addresses)}", rule="IDENT-2")
    if missing := (config.required | MSG_ADDR2) & ~ident.supported:
        ctx.say(IdentMissingFeatures(features=missing))
        return state
    policy = config.policies.of(state.login.met.entity_type)
    existing = _find(ctx, state.login, ident.addresses)
    decision = decide_ident(
        existing.existing if existing else None,
        policy=policy,
        cookie=ident.cookie,
        global_seq=ident.global_seq,
        peer_key=race_key(ident.addresses),
        own_key=race_key(config.addresses),
    )
    if isinstance(decision, Drop):
        assert existing is not None, decision.rule  # nobody is too late for what is not there
        existing.latecomer = Latecomer(ident.cookie, ident.global_seq)
        late = IdentError(f"a connection older than one we know (global_seq {ident.global_seq})", rule=decision.rule)
        late.kind = FailureKind.TRANSIENT  # the next one has a higher number
        raise late
    if isinstance(decision, Wait):
        ctx.say(WaitPayload())
        if existing is not None and existing.link is not None and decision.nudge:
            existing.link.nudge()
        return state
    return _welcome(ctx, state, ident, _session_for(ctx, policy, decision, existing, ident))


def _find(ctx: Context[ServerConfig], login: Login, addresses: tuple[EntityAddr, ...]) -> PeerSession | None:
    """Return the session with the peer at `addresses`; raises IdentError where it belongs to somebody else."""
    session = ctx.sessions.find(addresses)
    claimed = login.identity.name if login.identity else None
    if session is not None and session.owner is not None and session.owner != claimed:
        raise IdentError(f"{claimed} asks for a session of {session.owner}", rule="SESSION-OWNER-1")
    return session


def _session_for(
    ctx: Context[ServerConfig],
    policy: Policy,
    decision: Accept | Replace,
    existing: PeerSession | None,
    ident: ClientIdent,
) -> PeerSession:
    """Return the session that goes on over this connection, and end or move what has to go."""
    if existing is not None and isinstance(decision, Replace):
        existing.attach(ctx.link, Phase.ACCEPTING)
        if decision.peer_is_new:
            existing.forget(queue=decision.reset)
            ctx.emit(RemoteReset(full=decision.reset))
        return existing
    if existing is not None and policy.register:
        displaced = existing.link
        existing.link = None
        existing.end()
        if displaced is not None:
            displaced.displace()
    session = PeerSession(policy, ident.addresses, channels=ctx.config.channels)
    session.attach(ctx.link, Phase.ACCEPTING)
    return session


def _welcome(ctx: Context[ServerConfig], state: AwaitClientIdent, ident: ClientIdent, session: PeerSession) -> State:
    config = ctx.config
    session.client_cookie = ident.cookie
    session.server_cookie = 0 if session.policy.lossy else random_cookie(ctx.dice)
    session.met = False
    session.connect_seq = 0
    session.global_seq = ctx.sessions.global_seqs.next()
    session.peer_global_seq = ident.global_seq
    session.latecomer = None
    session.owner = state.login.identity.name if state.login.identity else None
    session.gid = ident.gid
    session.features = config.supported & ident.supported
    if isinstance(session.traffic, LosslessSession):
        session.traffic.begin()
    if session.policy.register:
        ctx.sessions.register(session)
    ctx.say(
        ServerIdent(
            addresses=config.addresses,
            gid=config.gid,
            global_seq=session.global_seq,
            supported=config.supported,
            required=config.required,
            flags=LOSSY if session.policy.lossy else 0,
            cookie=session.server_cookie,
        )
    )
    return open_session(ctx, state.login, state.proof, session, resumed=False)


def on_reconnect(ctx: Context[ServerConfig], state: AwaitClientIdent, payload: SessionReconnect) -> State:
    """Go on with a session, or say what is in the way; the client may then come again on the same connection.

    Raises IdentError where the session belongs to somebody else, PeerError for counters that cannot be.
    """
    check_counter("connect_seq", payload.connect_seq)
    session = _find(ctx, state.login, payload.addresses)
    decision = decide_reconnect(
        session.existing if session else None,
        policy=ctx.config.policies.of(state.login.met.entity_type),
        client_cookie=payload.client_cookie,
        global_seq=payload.global_seq,
        connect_seq=payload.connect_seq,
        peer_key=race_key(payload.addresses),
        own_key=race_key(ctx.config.addresses),
    )
    if isinstance(decision, Reset):
        ctx.say(SessionReset(full=decision.full))
    elif isinstance(decision, Retry):
        ctx.say(SessionRetry(connect_seq=decision.connect_seq))
    elif isinstance(decision, RetryGlobal):
        ctx.say(SessionRetryGlobal(global_seq=decision.global_seq))
    elif isinstance(decision, Wait):
        ctx.say(WaitPayload())
    else:
        assert session is not None, decision.rule  # or the answer would have been a reset
        return _resume(ctx, state, payload, session, decision)
    return state


def _resume(
    ctx: Context[ServerConfig],
    state: AwaitClientIdent,
    payload: SessionReconnect,
    session: PeerSession,
    decision: Resume,
) -> State:
    session.attach(ctx.link, Phase.ACCEPTING)
    session.connect_seq = payload.connect_seq
    session.peer_global_seq = payload.global_seq
    session.met = True
    traffic = session.traffic
    assert isinstance(traffic, LosslessSession), decision.rule  # a lossy session has no cookie to ask with
    traffic.resume(payload.msg_seq)
    ctx.say(SessionReconnectOk(msg_seq=traffic.in_seq))
    return open_session(ctx, state.login, state.proof, session, resumed=True)
