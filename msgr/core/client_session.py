"""The end that dials, once it is authenticated: beginning a session, or taking one up again."""

from __future__ import annotations

from ..auth import PeerVerified
from ..errors import FeaturesMissing, IdentError, PeerError, Refused, ToldToWait
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
    Wait,
)
from ..session import LosslessSession, LossySession, PeerSession, random_cookie
from ..wire import AddressType, EntityAddr
from .common import check_counter, open_session, some
from .context import ClientContext
from .events import Login, RemoteReset
from .states import AwaitReconnectOk, AwaitServerIdent, State


def identify(ctx: ClientContext, login: Login, proof: PeerVerified) -> State:
    """Say whose connection this is: a session that has a server's cookie is taken up again (SESSION-CLIENT-1)."""
    ctx.session.global_seq = ctx.sessions.global_seqs.next()
    if ctx.session.server_cookie:
        return _reconnect(ctx, login, proof, attempts=1)
    return _introduce(ctx, login, proof)


def _own_addresses(ctx: ClientContext, login: Login) -> tuple[EntityAddr, ...]:
    """Return our addresses; a client that listens nowhere has type any, port 0 and a nonce of its own (IDENT-5).

    What a session said first, it says for ever: it is by these addresses that the server finds it again.
    """
    if ctx.config.addresses:
        return ctx.config.addresses
    session = ctx.session
    if not session.own_addresses:
        seen = login.met.seen_as
        nonce = int.from_bytes(ctx.dice(4), "little") or 1
        session.own_addresses = (EntityAddr(AddressType.ANY, nonce, seen.host, 0, scope_id=seen.scope_id),)
    return session.own_addresses


def _introduce(ctx: ClientContext, login: Login, proof: PeerVerified) -> State:
    config, session = ctx.config, ctx.session
    if not session.client_cookie and not session.policy.lossy:
        session.client_cookie = random_cookie(ctx.dice)
    ctx.say(
        ClientIdent(
            addresses=_own_addresses(ctx, login),
            target=config.target,
            gid=login.global_id,
            global_seq=session.global_seq,
            supported=config.supported,
            required=config.required,
            flags=LOSSY if session.policy.lossy else 0,
            cookie=session.client_cookie,
        )
    )
    return AwaitServerIdent(login, proof)


def _reconnect(ctx: ClientContext, login: Login, proof: PeerVerified, *, attempts: int) -> State:
    session = ctx.session
    limit = ctx.config.limits.reconnect_attempts
    if attempts > limit:
        raise PeerError(f"the server asks for reconnect {attempts}, {limit} are allowed", rule="SESSION-RETRY-2")
    ctx.say(
        SessionReconnect(
            addresses=_own_addresses(ctx, login),
            client_cookie=session.client_cookie,
            server_cookie=session.server_cookie,
            global_seq=session.global_seq,
            connect_seq=session.connect_seq,
            msg_seq=session.traffic.in_seq,
        )
    )
    return AwaitReconnectOk(login, proof, attempts)


def on_server_ident(ctx: ClientContext, state: AwaitServerIdent, ident: ServerIdent) -> State:
    """Check that this is the server meant, and begin; raises IdentError, FeaturesMissing and Refused."""
    config, session = ctx.config, ctx.session
    if config.target not in ident.addresses:
        listed = some(ident.addresses) or "nowhere"
        raise IdentError(f"the server is at {listed}; {config.target} was dialled", rule="IDENT-4")
    if missing := config.required & ~ident.supported:
        raise FeaturesMissing(missing)
    lossy = bool(ident.flags & LOSSY)
    if lossy and not session.policy.lossy:
        # SESSION-POLICY-2: the promise of the policy cannot be kept with a server that forgets.
        raise Refused(f"the server keeps no session; {session.policy.name} needs one", rule="SESSION-POLICY-2")
    if not lossy and not ident.cookie:
        # It could not be asked to go on with: its messages would be taken for duplicates of those before.
        raise IdentError("the server calls the session lossless, and gives no cookie for it", rule="SESSION-COOKIE-1")
    if isinstance(session.traffic, LossySession):
        session.traffic.acknowledges = not lossy
    session.server_cookie = 0 if session.policy.lossy else ident.cookie
    session.met = True
    session.peer_global_seq = ident.global_seq
    session.gid = ident.gid
    session.features = config.supported & ident.supported
    _know_addresses(ctx, ident.addresses)
    return open_session(ctx, state.login, state.proof, session, resumed=False)


def _know_addresses(ctx: ClientContext, addresses: tuple[EntityAddr, ...]) -> None:
    """Enter the session under the addresses that the server goes by, under which it would dial us."""
    session = ctx.session
    ctx.sessions.remove(session)
    session.addresses = addresses
    if not session.policy.lossy:
        ctx.sessions.register(session)


def on_reconnect_ok(ctx: ClientContext, state: AwaitReconnectOk, payload: SessionReconnectOk) -> State:
    """Go on where the peer has got to."""
    session = ctx.session
    traffic = _lossless(session)
    session.met = True
    traffic.resume(payload.msg_seq)
    return open_session(ctx, state.login, state.proof, session, resumed=True)


def _lossless(session: PeerSession) -> LosslessSession:
    assert isinstance(session.traffic, LosslessSession)  # only such a session holds a server's cookie
    return session.traffic


def on_reset(ctx: ClientContext, state: AwaitReconnectOk, payload: SessionReset) -> State:
    """Begin anew, on the same connection (SESSION-RESET-1).

    One that says *not full* may have been our client, and never have received our SERVER_IDENT: where it said nothing
    in the session, it is taken for that, and what we wrote is written again.
    """
    session = ctx.session
    if not payload.full and not session.met:
        session.server_cookie = session.connect_seq = 0
    else:
        session.forget(queue=payload.full)
        ctx.emit(RemoteReset(full=payload.full))
    return _introduce(ctx, state.login, state.proof)


def on_retry(ctx: ClientContext, state: AwaitReconnectOk, payload: SessionRetry) -> State:
    """Ask again, with a connect_seq beyond the server's (SESSION-RETRY-1)."""
    check_counter("connect_seq", payload.connect_seq)
    ctx.session.connect_seq = payload.connect_seq + 1
    return _reconnect(ctx, state.login, state.proof, attempts=state.attempts + 1)


def on_retry_global(ctx: ClientContext, state: AwaitReconnectOk, payload: SessionRetryGlobal) -> State:
    """Ask again, with a global_seq beyond what the server has seen of us (SESSION-RETRY-1)."""
    check_counter("global_seq", payload.global_seq)
    ctx.session.global_seq = ctx.sessions.global_seqs.next(above=payload.global_seq)
    return _reconnect(ctx, state.login, state.proof, attempts=state.attempts + 1)


def on_missing_features(ctx: ClientContext, state: AwaitServerIdent, payload: IdentMissingFeatures) -> State:
    """Give up; raises FeaturesMissing."""
    raise FeaturesMissing(payload.features)


def on_wait(ctx: ClientContext, state: AwaitServerIdent | AwaitReconnectOk, payload: Wait) -> State:
    """End this connection: the peer's own is to win. Raises ToldToWait."""
    raise ToldToWait
