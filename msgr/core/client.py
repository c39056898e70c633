"""The end that dials: its handlers, and the table of which frame is legal when."""

from __future__ import annotations

from typing import Final, NoReturn

from ..auth import Claimant, ClientMethod, PeerVerified
from ..errors import AuthError, AuthRefused, IdentError, PeerError
from ..frame import Mode, Tag
from ..payload import (
    AuthBadMethod,
    AuthDone,
    AuthReplyMore,
    AuthRequest,
    AuthRequestMore,
    AuthSignature,
    CompressionDone,
    CompressionRequest,
    Hello,
)
from ..wire import type_name
from .client_session import (
    identify,
    on_missing_features,
    on_reconnect_ok,
    on_reset,
    on_retry,
    on_retry_global,
    on_server_ident,
    on_wait,
)
from .common import (
    IN_SESSION,
    Table,
    check_signature,
    compression_allowed,
    compression_is_discussed,
    exchange_signatures,
    introduce_node,
    meet,
    method_name,
    some,
)
from .context import ClientContext
from .events import Login, Met
from .simultaneous import on_auth_request
from .states import (
    Attempt,
    AwaitAuthReply,
    AwaitAuthStep,
    AwaitBanner,
    AwaitCompressionDone,
    AwaitHello,
    AwaitReconnectOk,
    AwaitServerIdent,
    AwaitSignature,
    Ended,
    Ready,
    State,
)

_FIRST_TOO_LARGE: Final = 1 << 63
"""AUTH_DONE has global ids as u64, CLIENT_IDENT as i64."""


def on_hello(ctx: ClientContext, state: AwaitHello, hello: Hello) -> State:
    """Check the server's type, and begin to authenticate; raises IdentError."""
    expect = ctx.config.expect
    if expect is not None and hello.entity_type != expect:
        raise IdentError(f"a {type_name(hello.entity_type)} answers, a {type_name(expect)} was meant", rule="HELLO-1")
    first, *rest = ctx.config.methods
    return _request(ctx, meet(ctx, state, hello), first, tuple(rest))


def _request(ctx: ClientContext, met: Met, method: ClientMethod, rest: tuple[ClientMethod, ...]) -> State:
    offered = ctx.config.modes_for(method)
    conversation = method.converse(ctx.dice, now=ctx.wall)
    ctx.say(AuthRequest(method=method.number, modes=offered, payload=conversation.begin()))
    return AwaitAuthReply(met, Attempt(method, conversation, offered, rest))


def on_bad_method(ctx: ClientContext, state: AwaitAuthReply, payload: AuthBadMethod) -> State:
    """Try the next of our methods that the server allows, never one twice (AUTH-5); raises AuthRefused."""
    _check_refusal(state.attempt, payload)
    rest = state.attempt.rest
    for index, method in enumerate(rest):
        if method.number in payload.allowed_methods:
            return _request(ctx, state.met, method, rest[index + 1 :])
    _refused(state.attempt, payload)


def on_final_bad_method(ctx: ClientContext, state: AwaitAuthStep, payload: AuthBadMethod) -> State:
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
        again=isinstance(attempt.conversation, Claimant) and attempt.conversation.refused(),
    )


def _modes(modes: tuple[int, ...]) -> str:
    return some((Mode(mode).name.lower() if mode in tuple(Mode) else mode for mode in modes), joint=" or ") or "no"


def on_first_more(ctx: ClientContext, state: AwaitAuthReply, payload: AuthReplyMore) -> State:
    """Take the first step that the server asks for; raises AuthError."""
    return _step(ctx, state.met, state.attempt, payload, rounds=1)


def on_more(ctx: ClientContext, state: AwaitAuthStep, payload: AuthReplyMore) -> State:
    """Take another step; raises AuthError."""
    return _step(ctx, state.met, state.attempt, payload, rounds=state.rounds + 1)


def _step(ctx: ClientContext, met: Met, attempt: Attempt, payload: AuthReplyMore, *, rounds: int) -> State:
    limit = ctx.config.limits.auth_rounds
    if rounds > limit:
        raise AuthError(f"the server asks for step {rounds} of authentication, {limit} are allowed", rule="AUTH-9")
    ctx.say(AuthRequestMore(payload=attempt.conversation.more(payload.payload)))
    return AwaitAuthStep(met, attempt, rounds)


def on_auth_done(ctx: ClientContext, state: AwaitAuthReply | AwaitAuthStep, payload: AuthDone) -> State:
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


def on_signature(ctx: ClientContext, state: AwaitSignature, payload: AuthSignature) -> State:
    """Verify, and go on to compression or to the identities."""
    proof = check_signature(ctx, state, payload)
    if compression_is_discussed(ctx, state.login.met):
        wanted = compression_allowed(ctx, state.login)
        ctx.say(CompressionRequest(wanted=wanted is not None, algorithms=wanted.algorithms if wanted else ()))
        return AwaitCompressionDone(state.login, proof, wanted)
    return _introduce(ctx, state.login, proof)


def _introduce(ctx: ClientContext, login: Login, proof: PeerVerified) -> State:
    return introduce_node(ctx, login, proof) if ctx.extended else identify(ctx, login, proof)


def on_compression_done(ctx: ClientContext, state: AwaitCompressionDone, payload: CompressionDone) -> State:
    """Go on to the identities; compression that was not asked for is refused (COMPRESSION-2). Raises PeerError."""
    wanted = state.wanted
    if payload.on:
        algorithm = wanted.choose((payload.algorithm,)) if wanted else None
        if wanted is None or algorithm is None:
            offered = some(algorithm.name.lower() for algorithm in wanted.algorithms) if wanted else "none"
            text = f"compression with algorithm {payload.algorithm}, {offered} was asked for"
            raise PeerError(text, rule="COMPRESSION-2")
        ctx.transport.compress(algorithm, minimum=wanted.minimum)
    return _introduce(ctx, state.login, state.proof)


CLIENT: Final[Table] = {
    AwaitBanner: {},
    AwaitHello: {Tag.HELLO: on_hello},
    AwaitAuthReply: {
        Tag.AUTH_BAD_METHOD: on_bad_method,
        Tag.AUTH_REPLY_MORE: on_first_more,
        Tag.AUTH_DONE: on_auth_done,
        Tag.AUTH_REQUEST: on_auth_request,
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
    AwaitReconnectOk: {
        Tag.SESSION_RECONNECT_OK: on_reconnect_ok,
        Tag.SESSION_RESET: on_reset,
        Tag.SESSION_RETRY: on_retry,
        Tag.SESSION_RETRY_GLOBAL: on_retry_global,
        Tag.WAIT: on_wait,
    },
    Ready: IN_SESSION,
    Ended: {},
}
