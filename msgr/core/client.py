"""The end that dials: its handlers, and the table of which frame is legal when."""

from __future__ import annotations

from typing import Final, NoReturn

from ..auth import ClientMethod, PeerVerified
from ..errors import AuthError, AuthRefused, FeaturesMissing, IdentError, PeerError, Refused
from ..frame import Mode, Tag
from ..payload import (
    LOSSY,
    AuthBadMethod,
    AuthDone,
    AuthReplyMore,
    AuthRequest,
    AuthRequestMore,
    AuthSignature,
    ClientIdent,
    CompressionDone,
    CompressionRequest,
    Hello,
    IdentMissingFeatures,
    ServerIdent,
    Wait,
)
from ..session import LossySession
from ..wire import AddressType, EntityAddr, type_name
from .common import (
    IN_SESSION,
    Table,
    check_signature,
    compression_is_discussed,
    exchange_signatures,
    meet,
    method_name,
    open_session,
    some,
)
from .config import ClientConfig
from .context import Context
from .events import Login, Met, Peer
from .states import (
    Attempt,
    AwaitAuthReply,
    AwaitAuthStep,
    AwaitBanner,
    AwaitCompressionDone,
    AwaitHello,
    AwaitServerIdent,
    AwaitSignature,
    Ended,
    Ready,
    State,
)

_FIRST_TOO_LARGE: Final = 1 << 63
"""AUTH_DONE has global ids as u64, CLIENT_IDENT as i64."""


def on_hello(ctx: Context[ClientConfig], state: AwaitHello, hello: Hello) -> State:
    """Check the server's type, and begin to authenticate; raises IdentError."""
    expect = ctx.config.expect
    if expect is not None and hello.entity_type != expect:
        raise IdentError(f"a {type_name(hello.entity_type)} answers, a {type_name(expect)} was meant", rule="HELLO-1")
    first, *rest = ctx.config.methods
    return _request(ctx, meet(ctx, state, hello), first, tuple(rest))


def _request(ctx: Context[ClientConfig], met: Met, method: ClientMethod, rest: tuple[ClientMethod, ...]) -> State:
    offered = ctx.config.modes_for(method)
    conversation = method.converse(ctx.dice, now=ctx.wall)
    ctx.say(AuthRequest(method=method.number, modes=offered, payload=conversation.begin()))
    return AwaitAuthReply(met, Attempt(method, conversation, offered, rest))


def on_bad_method(ctx: Context[ClientConfig], state: AwaitAuthReply, payload: AuthBadMethod) -> State:
    """Try the next of our methods that the server allows, never one twice (AUTH-5); raises AuthRefused."""
    _check_refusal(state.attempt, payload)
    rest = state.attempt.rest
    for index, method in enumerate(rest):
        if method.number in payload.allowed_methods:
            return _request(ctx, state.met, method, rest[index + 1 :])
    _refused(state.attempt, payload)


def on_final_bad_method(ctx: Context[ClientConfig], state: AwaitAuthStep, payload: AuthBadMethod) -> State:
    """Give up: after the first step, a refusal is the end of the connection (AUTH-6). Raises AuthRefused."""
    _check_refusal(state.attempt, payload)
    _refused(state.attempt, payload)


def _check_refusal(attempt: Attempt, payload: AuthBadMethod) -> None:
    if payload.method != attempt.method.number:
        raise AuthError(
            f"AUTH_BAD_METHOD of {method_name(payload.method)}, {method_name(attempt.method.number)} was asked for",
            rule="AUTH-4",
        )
    if payload.result >= 0:
        raise AuthError(f"AUTH_BAD_METHOD with result {payload.result}, which is no error", rule="AUTH-4")


def _refused(attempt: Attempt, payload: AuthBadMethod) -> NoReturn:
    asked = f"{method_name(attempt.method.number)} in {_modes(attempt.offered)} mode"
    methods = some(map(method_name, payload.allowed_methods)) or "nothing"
    allowed = f"{methods} in {_modes(payload.allowed_modes)} mode"
    raise AuthRefused(
        f"the server refuses {asked} with {payload.result}; it allows {allowed}",
        result=payload.result,
        methods=payload.allowed_methods,
        modes=payload.allowed_modes,
    )


def _modes(modes: tuple[int, ...]) -> str:
    return some((Mode(mode).name.lower() if mode in tuple(Mode) else mode for mode in modes), joint=" or ") or "no"


def on_first_more(ctx: Context[ClientConfig], state: AwaitAuthReply, payload: AuthReplyMore) -> State:
    """Take the first step that the server asks for; raises AuthError."""
    return _step(ctx, state.met, state.attempt, payload, rounds=1)


def on_more(ctx: Context[ClientConfig], state: AwaitAuthStep, payload: AuthReplyMore) -> State:
    """Take another step; raises AuthError."""
    return _step(ctx, state.met, state.attempt, payload, rounds=state.rounds + 1)


def _step(ctx: Context[ClientConfig], met: Met, attempt: Attempt, payload: AuthReplyMore, *, rounds: int) -> State:
    limit = ctx.config.limits.auth_rounds
    if rounds > limit:
        raise AuthError(f"the server asks for step {rounds} of authentication, {limit} are allowed", rule="AUTH-9")
    ctx.say(AuthRequestMore(payload=attempt.conversation.more(payload.payload)))
    return AwaitAuthStep(met, attempt, rounds)


def on_auth_done(ctx: Context[ClientConfig], state: AwaitAuthReply | AwaitAuthStep, payload: AuthDone) -> State:
    """Check the server's choice and its proof, and sign; raises AuthError."""
    offered = state.attempt.offered
    if payload.mode not in offered:
        raise AuthError(f"AUTH_DONE chose mode {payload.mode}; {_modes(offered)} was offered", rule="AUTH-7")
    if payload.global_id >= _FIRST_TOO_LARGE:
        raise AuthError(f"global id {payload.global_id}, which no ident can carry", rule="GLOBALID-1")
    mode = Mode(payload.mode)
    keys = state.attempt.conversation.done(payload.payload, global_id=payload.global_id, mode=mode)
    return exchange_signatures(
        ctx,
        state.met,
        method=state.attempt.method.number,
        mode=mode,
        global_id=payload.global_id,
        identity=None,
        keys=keys,
    )


def on_signature(ctx: Context[ClientConfig], state: AwaitSignature, payload: AuthSignature) -> State:
    """Verify, and go on to compression or to the identities."""
    proof = check_signature(ctx, state, payload)
    if compression_is_discussed(ctx, state.login.met):
        ctx.say(CompressionRequest(wanted=False, algorithms=()))
        return AwaitCompressionDone(state.login, proof)
    return _identify(ctx, state.login, proof)


def on_compression_done(ctx: Context[ClientConfig], state: AwaitCompressionDone, payload: CompressionDone) -> State:
    """Go on to the identities; compression that was not asked for is refused (COMPRESSION-2). Raises PeerError."""
    if payload.on:
        raise PeerError(f"compression with algorithm {payload.algorithm}, none was asked for", rule="COMPRESSION-2")
    return _identify(ctx, state.login, state.proof)


def _identify(ctx: Context[ClientConfig], login: Login, proof: PeerVerified) -> State:
    config = ctx.config
    ident = ClientIdent(
        addresses=config.addresses or (_own_address(ctx, login),),
        target=config.target,
        gid=login.global_id,
        global_seq=1,
        supported=config.supported,
        required=config.required,
        flags=LOSSY,
        cookie=0,
    )
    ctx.say(ident)
    return AwaitServerIdent(login, proof)


def _own_address(ctx: Context[ClientConfig], login: Login) -> EntityAddr:
    """Return the address of a client that listens nowhere: type any, port 0, a nonce of its own (IDENT-5)."""
    seen = login.met.seen_as
    nonce = int.from_bytes(ctx.dice(4), "little") or 1
    return EntityAddr(AddressType.ANY, nonce, seen.host, 0, scope_id=seen.scope_id)


def on_server_ident(ctx: Context[ClientConfig], state: AwaitServerIdent, ident: ServerIdent) -> State:
    """Check that this is the server meant, and begin; raises IdentError and FeaturesMissing."""
    if ctx.config.target not in ident.addresses:
        listed = some(ident.addresses) or "nowhere"
        raise IdentError(f"the server is at {listed}; {ctx.config.target} was dialled", rule="IDENT-4")
    if missing := ctx.config.required & ~ident.supported:
        raise FeaturesMissing(missing)
    lossy = bool(ident.flags & LOSSY)
    peer = Peer(
        login=state.login,
        addresses=ident.addresses,
        gid=ident.gid,
        features=ctx.config.supported & ident.supported,
        lossy=lossy,
    )
    return open_session(ctx, peer, state.proof, LossySession(acknowledges=not lossy))


def on_missing_features(ctx: Context[ClientConfig], state: AwaitServerIdent, payload: IdentMissingFeatures) -> State:
    """Give up; raises FeaturesMissing."""
    raise FeaturesMissing(payload.features)


def on_wait(ctx: Context[ClientConfig], state: AwaitServerIdent, payload: Wait) -> State:
    """Give up: a client that listens nowhere cannot be dialled instead. Raises Refused."""
    raise Refused("the server tells us to wait for its own connection", rule="SESSION-WAIT-1")


CLIENT: Final[Table] = {
    AwaitBanner: {},
    AwaitHello: {Tag.HELLO: on_hello},
    AwaitAuthReply: {
        Tag.AUTH_BAD_METHOD: on_bad_method,
        Tag.AUTH_REPLY_MORE: on_first_more,
        Tag.AUTH_DONE: on_auth_done,
    },
    AwaitAuthStep: {
        Tag.AUTH_BAD_METHOD: on_final_bad_method,
        Tag.AUTH_REPLY_MORE: on_more,
        Tag.AUTH_DONE: on_auth_done,
    },
    AwaitSignature: {Tag.AUTH_SIGNATURE: on_signature},
    AwaitCompressionDone: {Tag.COMPRESSION_DONE: on_compression_done},
    AwaitServerIdent: {
        Tag.SERVER_IDENT: on_server_ident,
        Tag.IDENT_MISSING_FEATURES: on_missing_features,
        Tag.WAIT: on_wait,
    },
    Ready: IN_SESSION,
    Ended: {},
}
