"""The end that accepts: its handlers, and the table of which frame is legal when."""

from __future__ import annotations

from typing import Final

from ..auth import Denied, More, PeerVerified, ServerMethod, Verdict
from ..errors import AuthError, AuthRefused
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
from .config import ServerConfig
from .context import Context
from .events import Denial, Login
from .server_session import on_client_ident, on_reconnect
from .states import (
    AwaitAuthMore,
    AwaitAuthRequest,
    AwaitBanner,
    AwaitClientIdent,
    AwaitCompressionRequest,
    AwaitEnd,
    AwaitHello,
    AwaitSignature,
    Ended,
    Ready,
    State,
)

_EOPNOTSUPP: Final = -95


def on_hello(ctx: Context[ServerConfig], state: AwaitHello, hello: Hello) -> State:
    """Note who asks. Any entity type may: what it is allowed is decided by its credential."""
    return AwaitAuthRequest(meet(ctx, state, hello), 0)


def on_auth_request(ctx: Context[ServerConfig], state: AwaitAuthRequest, request: AuthRequest) -> State:
    """Choose a mode and begin a conversation, or refuse and let the client try again; raises AuthRefused."""
    config = ctx.config
    method = next((method for method in config.methods if method.number == request.method), None)
    if method is None:
        return _deny(ctx, state, request, Denied(_EOPNOTSUPP, f"method {method_name(request.method)} is not allowed"))
    # AUTH-3: the first of the client's modes that we allow; numbers without a meaning are passed over.
    allowed = config.modes_for(method)
    mode = next((Mode(mode) for mode in request.modes if mode in allowed), None)
    if mode is None:
        return _deny(ctx, state, request, Denied(_EOPNOTSUPP, f"none of these modes is allowed: {some(request.modes)}"))
    conversation = method.converse(ctx.dice, now=ctx.wall)
    verdict = conversation.begin(request.payload, mode=mode)
    if isinstance(verdict, Denied):
        return _deny(ctx, state, request, verdict)
    return _accept(ctx, AwaitAuthMore(state.met, method, mode, conversation, 0), verdict)


def on_auth_more(ctx: Context[ServerConfig], state: AwaitAuthMore, payload: AuthRequestMore) -> State:
    """Go on with the conversation; a refusal now is final (AUTH-6). Raises AuthError."""
    limit = ctx.config.limits.auth_rounds
    if state.rounds > limit:
        raise AuthError(f"step {state.rounds} of authentication, {limit} are allowed", rule="AUTH-9")
    verdict = state.conversation.more(payload.payload)
    if not isinstance(verdict, Denied):
        return _accept(ctx, state, verdict)
    error = _refuse(ctx, state.method.number, verdict)
    return AwaitEnd(error)


def _accept(ctx: Context[ServerConfig], state: AwaitAuthMore, verdict: Verdict) -> State:
    assert not isinstance(verdict, Denied)
    if isinstance(verdict, More):
        ctx.say(AuthReplyMore(payload=verdict.payload))
        return AwaitAuthMore(state.met, state.method, state.mode, state.conversation, state.rounds + 1)
    global_id = verdict.identity.global_id
    ctx.say(AuthDone(global_id=global_id, mode=state.mode, payload=verdict.payload))
    return exchange_signatures(
        ctx,
        state.met,
        method=state.method.number,
        mode=state.mode,
        global_id=global_id,
        identity=verdict.identity,
        keys=verdict.keys,
    )


def _deny(ctx: Context[ServerConfig], state: AwaitAuthRequest, request: AuthRequest, denied: Denied) -> State:
    error = _refuse(ctx, request.method, denied)
    if state.attempts + 1 >= ctx.config.limits.auth_attempts:
        return AwaitEnd(error)
    return AwaitAuthRequest(state.met, state.attempts + 1)


def _refuse(ctx: Context[ServerConfig], method: int, denied: Denied) -> AuthRefused:
    """Say no: the client learns what is allowed, not why (AUTH-4)."""
    methods = tuple(allowed.number for allowed in ctx.config.methods)
    modes = _allowed_modes(ctx.config.methods, ctx.config)
    ctx.say(AuthBadMethod(method=method, result=denied.result, allowed_methods=methods, allowed_modes=modes))
    ctx.emit(Denial(method=method, result=denied.result, reason=denied.reason))
    text = f"refused {method_name(method)} with {denied.result}: {denied.reason}"
    return AuthRefused(text, result=denied.result, methods=methods, modes=modes)


def _allowed_modes(methods: tuple[ServerMethod, ...], config: ServerConfig) -> tuple[Mode, ...]:
    """Return every mode that some method allows, each once, the strongest first where no order is configured."""
    if config.modes:
        return config.modes
    return tuple(sorted({mode for method in methods for mode in config.modes_for(method)}, reverse=True))


def on_signature(ctx: Context[ServerConfig], state: AwaitSignature, payload: AuthSignature) -> State:
    """Verify, and wait for the compression request or the client's identity."""
    proof = check_signature(ctx, state, payload)
    if compression_is_discussed(ctx, state.login.met):
        return AwaitCompressionRequest(state.login, proof)
    return _await_identity(ctx, state.login, proof)


def _await_identity(ctx: Context[ServerConfig], login: Login, proof: PeerVerified) -> State:
    return introduce_node(ctx, login, proof) if ctx.extended else AwaitClientIdent(login, proof)


def on_compression_request(
    ctx: Context[ServerConfig], state: AwaitCompressionRequest, payload: CompressionRequest
) -> State:
    """Take the first of the client's algorithms that is allowed towards it, or leave it off (COMPRESSION-3)."""
    allowed = compression_allowed(ctx, state.login) if payload.wanted else None
    algorithm = allowed.choose(payload.algorithms) if allowed else None
    ctx.say(CompressionDone(on=algorithm is not None, algorithm=algorithm or 0))
    if allowed is not None and algorithm is not None:  # from the next frame on
        ctx.transport.compress(algorithm, minimum=allowed.minimum)
    return _await_identity(ctx, state.login, state.proof)


SERVER: Final[Table] = {
    AwaitBanner: {},
    AwaitHello: {Tag.HELLO: on_hello},
    AwaitAuthRequest: {Tag.AUTH_REQUEST: on_auth_request},
    AwaitAuthMore: {Tag.AUTH_REQUEST_MORE: on_auth_more},
    AwaitEnd: {},
    AwaitSignature: {Tag.AUTH_SIGNATURE: on_signature},
    AwaitCompressionRequest: {Tag.COMPRESSION_REQUEST: on_compression_request},
    AwaitClientIdent: {Tag.CLIENT_IDENT: on_client_ident, Tag.SESSION_RECONNECT: on_reconnect},
    Ready: IN_SESSION,
    Ended: {},
}
