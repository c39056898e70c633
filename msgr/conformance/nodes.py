"""What cases about the extension behind banner bit 48 share, whichever end is judged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from ..payload import Banner, NodeHello, NodeReject, RejectKind
from ..wire import BannerFeature
from .peer import Peer, require

NOT_OFFERED: Final = "the peer's banner has no MSGR_EXT"
_PARTING: Final = 1.5
"""More seconds than a peer waits at most once it has said why not."""


def offers(banner: Banner | None) -> bool:
    """Tell whether a peer offers the extension."""
    return banner is not None and bool(banner.supported & BannerFeature.MSGR_EXT)


def introduction(theirs: NodeHello, **changes: Any) -> NodeHello:
    """Return a NODE_HELLO of a node that the other one has no reason to reject: of its own cluster and version."""
    ours = NodeHello(
        cluster=theirs.cluster, version=theirs.version, scope=theirs.scope, encryption=theirs.encryption, host="judge"
    )
    return replace(ours, **changes)


async def takes_rejection(peer: Peer, *, what: str, kind: RejectKind | None = None, rule: str = "") -> NodeReject:
    """Check that the peer says why not, in words, before it ends the connection (NODE-8)."""
    found = await peer.expect(NodeReject, what=f"NODE_REJECT, {what}")
    if kind is not None:
        peer.check(found.kind == kind, f"a NODE_REJECT of kind {kind} ({kind.name.lower()})", found)
    if rule:
        peer.check(found.rule == rule, f"a NODE_REJECT over {rule}", found)
    peer.check(bool(found.reason), "a NODE_REJECT with a reason", found)
    await peer.refuses(within=peer.terms.timeout + _PARTING)
    return found


async def introduced(peer: Peer) -> NodeHello:
    """Return the peer's NODE_HELLO, which is its first frame after compression."""
    theirs = await peer.expect(NodeHello)
    require(theirs.encryption != 2 or peer.mode.head_size != 32, "the node requires encryption: give --keyring")
    return theirs
