"""Behind the banner bit MSGR_EXT: two nodes introduce themselves, and each lets the other in or says why not.

::

    after AUTH_SIGNATURE and compression, before either identity (NODE-2)

    client                server
    NODE_HELLO  ───────►◄───────  NODE_HELLO      at once, from both
                ◄───────────────  NODE_ACCEPT     or NODE_REJECT
    CLIENT_IDENT ──────────────►                  or NODE_REJECT
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..auth import PeerVerified
from ..errors import FailureKind, NodeRefused, PeerError
from ..frame import Frame, NodeTag
from ..payload import Control, NodeAccept, NodeControl, NodeHello, NodeReject, RejectKind, of_frame
from .admission import Later, Reject, Verdict
from .client import CLIENT
from .client_session import identify
from .common import IN_EXTENDED_SESSION, Handler, Table
from .config import Config
from .context import ClientContext, Context
from .events import Login, NodeAccepted, NodeMet
from .server import SERVER
from .states import (
    AwaitBanner,
    AwaitClientIdent,
    AwaitNodeHello,
    AwaitNodeVerdict,
    AwaitOwner,
    Ended,
    Parting,
    Ready,
    State,
)

_LONGEST_REASON: Final = 512
"""Characters of what a peer says that are kept."""

_LONGEST_RULE: Final = 32

_KINDS: Final[dict[int, FailureKind]] = {
    RejectKind.PERMANENT: FailureKind.PERMANENT,
    RejectKind.TRANSIENT: FailureKind.TRANSIENT,
    RejectKind.SESSION_MISMATCH: FailureKind.SESSION_MISMATCH,
}
_NUMBERS: Final = {kind: number for number, kind in _KINDS.items()}


def on_node_hello(ctx: Context[Config], state: AwaitNodeHello, hello: NodeHello) -> State:
    """Judge the other node; raises NodeRefused."""
    admission = ctx.config.node
    assert admission is not None  # or the connection would not be extended
    ctx.node = hello
    ctx.emit(NodeMet(hello=hello, login=state.login))
    verdict = admission.judge(hello, state.login, dialled=isinstance(ctx, ClientContext))
    if isinstance(verdict, Later):
        ctx.ask = verdict.ask
        return AwaitOwner(state.login, state.proof, None)
    return settle(ctx, state.login, state.proof, verdict)


def settle(
    ctx: Context[Config], login: Login, proof: PeerVerified, verdict: Verdict, accepted: NodeAccept | None = None
) -> State:
    """Do what the verdict says; raises NodeRefused. `accepted` is the peer's own verdict, where it was faster."""
    assert not isinstance(verdict, Later)
    if isinstance(verdict, Reject):
        raise NodeRefused(verdict.reason, kind=_KINDS[verdict.kind], by_peer=False, rule=verdict.rule)
    if isinstance(ctx, ClientContext):
        waiting = AwaitNodeVerdict(login, proof, verdict.stay)
        return waiting if accepted is None else on_node_accept(ctx, waiting, accepted)
    wanted = min(ctx.node.padding_wanted if ctx.node else 0, _room_for_padding(ctx))
    ctx.say(NodeAccept(reverse_checked=verdict.reverse_checked, padding=bytes(wanted)))
    return AwaitClientIdent(login, proof) if verdict.stay else Parting(None, ctx.now + ctx.config.timeouts.parting)


def _room_for_padding(ctx: Context[Config]) -> int:
    """Return how much padding is sent at most: what is let in of control frames, less the rest of the frame."""
    return max(0, ctx.config.limits.control - 1024)


def on_node_accept(ctx: ClientContext, state: AwaitNodeVerdict, payload: NodeAccept) -> State:
    """Go on to the identities, or stop where only an answer was wanted (NODE-10)."""
    ctx.emit(NodeAccepted(accept=payload))
    if not state.stay:
        return Parting(None, ctx.now + ctx.config.timeouts.parting)
    return identify(ctx, state.login, state.proof)


def on_early_accept(ctx: ClientContext, state: AwaitOwner, payload: NodeAccept) -> State:
    """Note that the server lets us in, while our own verdict is not known; raises PeerError the second time."""
    if state.accepted is not None:
        raise PeerError("NODE_ACCEPT came twice", rule="STATE-1")
    return AwaitOwner(state.login, state.proof, payload)


def payload_of(frame: Frame) -> Control | NodeControl:
    """Return what a control frame says; raises PeerError. A NODE_REJECT that cannot be read is still a no (NODE-9)."""
    try:
        return of_frame(frame)
    except PeerError as error:
        if frame.tag == NodeTag.NODE_REJECT:
            reason = f"no, in words that cannot be read: {error.text}"
            raise NodeRefused(reason, kind=FailureKind.PERMANENT, by_peer=True, rule=error.rule) from error
        raise


def on_node_reject(ctx: Context[Config], state: State, payload: NodeReject) -> State:
    """End: the other end says no, and why. What it says is shown, so it is cut and cleaned first (NODE-9)."""
    reason = _safe(payload.reason) or "no reason given"
    kind = _KINDS.get(payload.kind, FailureKind.PERMANENT)
    raise NodeRefused(reason, kind=kind, by_peer=True, rule=_safe(payload.rule)[:_LONGEST_RULE] or "NODE-8")


def _safe(words: str) -> str:
    """Return a peer's words as one short line of printable characters."""
    line = "".join(char if char.isprintable() else " " for char in words[: 2 * _LONGEST_REASON])
    return " ".join(line.split())[:_LONGEST_REASON]


def rejection(error: PeerError) -> NodeReject:
    """Return what a peer is told about the error that ends its connection (NODE-8)."""
    return NodeReject(kind=_NUMBERS[error.kind], rule=error.rule, reason=_safe(error.text))


def _with_nodes(table: Table, more: Table) -> Table:
    """Return a table of an extended connection: NODE_REJECT may come at any time before there is a session.

    A server has its session as soon as SERVER_IDENT is sent, while the client may still not like that (NODE-15).
    """
    rows: dict[type[State], Mapping[int, Handler]] = {}
    for state, row in {**table, **more}.items():
        if state is Ready and table is CLIENT:
            rows[state] = IN_EXTENDED_SESSION
        elif state is Ready:
            rows[state] = {**IN_EXTENDED_SESSION, NodeTag.NODE_REJECT: on_node_reject}
        elif state in (AwaitBanner, Ended):
            rows[state] = row
        else:
            rows[state] = {**row, NodeTag.NODE_REJECT: on_node_reject}
    return rows


EXTENDED_CLIENT: Final[Table] = _with_nodes(
    CLIENT,
    {
        AwaitNodeHello: {NodeTag.NODE_HELLO: on_node_hello},
        AwaitNodeVerdict: {NodeTag.NODE_ACCEPT: on_node_accept},
        AwaitOwner: {NodeTag.NODE_ACCEPT: on_early_accept},
        Parting: {},
    },
)
EXTENDED_SERVER: Final[Table] = _with_nodes(
    SERVER,
    {AwaitNodeHello: {NodeTag.NODE_HELLO: on_node_hello}, AwaitOwner: {}, Parting: {}},
)
