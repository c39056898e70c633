"""TCP simultaneous open: both ends dialled, in one connection, and one of them has to be the server.

Both sent HELLO and AUTH_REQUEST as clients, and it is the AUTH_REQUEST that tells: only a client sends one. By then
each has told the other how it sees it, so both know the same two addresses; the end with the lower one answers the
request that it got, and the other goes on waiting (SIMOPEN-1).
"""

from __future__ import annotations

from dataclasses import replace

from ..errors import SimultaneousOpen, UnexpectedFrame
from ..frame import Tag
from ..payload import AuthRequest
from ..wire import EntityAddr
from .context import ClientContext, Ends
from .events import Met
from .states import AwaitAuthReply, TurnServer


def _place(address: EntityAddr) -> tuple[bytes, int] | None:
    return None if address.host is None else (address.host.packed, address.port)


def on_auth_request(ctx: ClientContext, state: AwaitAuthReply, request: AuthRequest) -> AwaitAuthReply | TurnServer:
    """Become the server, or leave that to the peer; raises SimultaneousOpen where neither can be."""
    if ctx.config.as_server is None:
        raise SimultaneousOpen("the peer asks to be let in, as if both ends had dialled; this one is no server")
    if state.raced:
        raise UnexpectedFrame(got=Tag.AUTH_REQUEST.name, allowed=("AUTH_DONE",), state=type(state).__name__)
    if _is_lower(ctx.ends, state.met):
        return TurnServer(state.met, request)
    return replace(state, raced=True)


def _is_lower(ends: Ends, met: Met) -> bool:
    """Tell whether our address is the lower one; raises SimultaneousOpen where that cannot be told."""
    seen, peer = _place(met.seen_as), _place(ends.peer)
    if seen is None or peer is None:
        raise SimultaneousOpen("both ends dialled, and their addresses are not known")
    if seen == peer:
        raise SimultaneousOpen(f"the socket is connected to itself: both ends are at {met.seen_as}", rule="SIMOPEN-2")
    if ends.own is not None and _place(ends.own) != seen:
        # Somebody translates addresses: what one end takes for the lower need not be that for the other.
        raise SimultaneousOpen(f"both ends dialled; the peer sees us at {met.seen_as}, our socket is at {ends.own}")
    return seen < peer
