"""Clients that offer the extension behind banner bit 48: introductions, and refusals that say why."""

from __future__ import annotations

from typing import Final

from ...frame import Frame, NodeTag
from ...payload import Banner, ClientIdent, NodeAccept, NodeHello, NodeReject, RejectKind, to_frame
from ...wire import BannerFeature
from ..accepting import Accepting, Step
from ..case import registrar
from ..nodes import NOT_OFFERED, introduced, introduction, offers, takes_rejection
from ..peer import require
from ..verdict import Role

case = registrar(Role.CLIENT, "nodes")

_MOMENT: Final = 0.3


async def meet(peer: Accepting) -> NodeHello:
    """Come as far as the peer's NODE_HELLO."""
    peer.features |= BannerFeature.MSGR_EXT
    await peer.to(Step.BANNER)
    banner: Banner = peer.heard_of[Banner]
    require(offers(banner), NOT_OFFERED)
    await peer.to(Step.AGREED)
    return await introduced(peer)


@case("NODE-1", says="A server without the bit is never told of nodes.")
async def plain_server(peer: Accepting) -> None:
    await peer.to(Step.BANNER)
    banner: Banner = peer.heard_of[Banner]
    require(offers(banner), NOT_OFFERED)
    await peer.to(Step.IDENTIFIED)


@case("NODE-1", says="A private frame is refused where the server's banner lacks the bit.")
async def without_the_bit(peer: Accepting) -> None:
    await peer.to(Step.BANNER)
    banner: Banner = peer.heard_of[Banner]
    require(offers(banner), NOT_OFFERED)
    await peer.to(Step.IDENTIFIED)
    await peer.send_frame(Frame(NodeTag.NODE_HELLO, (bytes(6),)))
    await peer.refuses()


@case("NODE-2", says="NODE_HELLO is the first frame after compression, and waits for nothing.")
async def introduces_itself(peer: Accepting) -> None:
    await meet(peer)


@case("NODE-2", says="No identity is sent before NODE_ACCEPT.")
async def waits_to_be_let_in(peer: Accepting) -> None:
    await peer.send(introduction(await meet(peer)))
    await peer.stays_silent(_MOMENT, why="nothing, as NODE_ACCEPT is not sent yet")


@case("NODE-2", says="A client that is let in says whose session it wants.")
async def goes_on(peer: Accepting) -> None:
    await peer.send(introduction(await meet(peer)))
    await peer.send(NodeAccept())
    await peer.take_ident()


@case("NODE-2", says="NODE_ACCEPT before NODE_HELLO is refused.")
async def accepted_too_early(peer: Accepting) -> None:
    await meet(peer)
    await peer.send(NodeAccept())
    await takes_rejection(peer, what="as NODE_ACCEPT comes too early", rule="STATE-1")


@case("NODE-8", says="A NODE_HELLO that cannot be read is answered by a reason.")
async def says_why(peer: Accepting) -> None:
    whole = bytes(to_frame(introduction(await meet(peer))).segments[0])
    await peer.send_frame(Frame(NodeTag.NODE_HELLO, (whole[:-1],)))
    await takes_rejection(peer, what="as NODE_HELLO is cut short", kind=RejectKind.PERMANENT)


@case("NODE-3", says="A server of a foreign cluster is refused for good, and told why.")
async def foreign_cluster(peer: Accepting) -> None:
    theirs = await meet(peer)
    require(theirs.cluster and theirs.accepted_clusters, "the node lets in every cluster")
    foreign = "msgr-conform-foreign"
    await peer.send(introduction(theirs, cluster=foreign, accepted_clusters=(foreign,)))
    await takes_rejection(peer, what="as the cluster is another", kind=RejectKind.PERMANENT, rule="NODE-3")


@case("NODE-9", says="A NODE_REJECT ends the connection, and is not answered.", last=True)
async def rejection_is_final(peer: Accepting) -> None:
    await meet(peer)
    await peer.send(NodeReject(kind=RejectKind.TRANSIENT, rule="NODE-9", reason="a judge says no"))
    await peer.refuses()


@case("NODE-8", says="A wrong SERVER_IDENT is answered by a reason.")
async def says_why_of_idents(peer: Accepting) -> None:
    await peer.send(introduction(await meet(peer)))
    await peer.send(NodeAccept())
    await peer.take_ident()
    require(ClientIdent in peer.heard_of, "the client goes on with a session that it has")
    await peer.send(peer.server_ident(addresses=()))
    await takes_rejection(peer, what="as the server is nowhere", rule="IDENT-4")
