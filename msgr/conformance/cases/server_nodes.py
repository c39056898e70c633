"""Servers that offer the extension behind banner bit 48: introductions, and refusals that say why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from ...frame import Frame, NodeTag
from ...payload import ClientIdent, NodeAccept, NodeHello, NodeReject, PartHeader, RejectKind, to_frame
from ...session import Message
from ..case import registrar
from ..dialling import Dialling, Stage
from ..nodes import NOT_OFFERED, introduced, introduction, offers, takes_rejection
from ..peer import require
from ..verdict import NotJudged, Role, Violation

case = registrar(Role.SERVER, "nodes")

_FOREIGN: Final = "msgr-conform-foreign"
_WHOLE: Final = 10_000
"""Bytes of a message that goes in parts."""


async def meet(peer: Dialling) -> NodeHello:
    """Come as far as the peer's NODE_HELLO."""
    require(offers(peer.candidate.facts.banner), NOT_OFFERED)
    peer.extension = True
    await peer.to(Stage.AGREED)
    return await introduced(peer)


async def come_in(peer: Dialling, **changes: Any) -> NodeAccept:
    """Introduce ourselves, and be let in; raises NotJudged where the peer does not know us, which is its right."""
    await peer.send(introduction(await meet(peer), **changes))
    try:
        return await peer.expect(NodeAccept)
    except Violation:
        if "NODE_REJECT" not in peer.terms.checks.seen:
            raise
        raise NotJudged(f"the node does not let us in: {peer.terms.checks.seen}") from None


@case("NODE-1", says="A client without the bit is never told of nodes.")
async def plain_client(peer: Dialling) -> None:
    require(offers(peer.candidate.facts.banner), NOT_OFFERED)
    await peer.to(Stage.READY)
    await peer.lives()


@case("NODE-1", says="A private frame is refused where the client's banner lacks the bit.", each={
    tag.name.lower().replace("_", "-"): tag for tag in NodeTag
})  # fmt: skip
async def without_the_bit(peer: Dialling, tag: NodeTag) -> None:
    require(offers(peer.candidate.facts.banner), NOT_OFFERED)
    await peer.to(Stage.AGREED)
    await peer.send_frame(Frame(tag, (bytes(6),)))
    await peer.refuses()


@case("NODE-2", says="NODE_HELLO is the first frame after compression, and waits for nothing.")
async def introduces_itself(peer: Dialling) -> None:
    await meet(peer)


@case("NODE-2", says="A node that is let in is told so, and its session begins.")
async def lets_in(peer: Dialling) -> None:
    await come_in(peer)
    await peer.identify()
    await peer.lives()


@case("NODE-2", says="An identity before NODE_HELLO is refused.")
async def identity_too_early(peer: Dialling) -> None:
    await meet(peer)
    await peer.send(peer.ident())
    await takes_rejection(peer, what="as CLIENT_IDENT comes too early", rule="STATE-1")


@case("WIRE-3", says="What a later version appends to NODE_HELLO is passed over.")
async def later_hello(peer: Dialling) -> None:
    body = bytes(to_frame(introduction(await meet(peer))).segments[0])[6:] + b"later"
    head = bytes([2, 1]) + len(body).to_bytes(4, "little")
    await peer.send_frame(Frame(NodeTag.NODE_HELLO, (head + body,)))
    await peer.expect(NodeAccept)


@case("NODE-11", says="NODE_ACCEPT has as much padding as was asked for.", each={"none": 0, "some": 1400})
async def padding(peer: Dialling, wanted: int) -> None:
    found = await come_in(peer, padding_wanted=wanted)
    peer.check(len(found.padding) == wanted, f"{wanted} bytes of padding", f"{len(found.padding)} bytes")


@case("NODE-3", says="A node of a foreign cluster is refused for good, and told why.")
async def foreign_cluster(peer: Dialling) -> None:
    theirs = await meet(peer)
    require(theirs.cluster and theirs.accepted_clusters, "the node lets in every cluster")
    await peer.send(introduction(theirs, cluster=_FOREIGN, accepted_clusters=(_FOREIGN,)))
    await takes_rejection(peer, what="as the cluster is another", kind=RejectKind.PERMANENT, rule="NODE-3")


@case("NODE-5", says="Who means to reach another node is told who is here.", each={
    "node": {"target_node": (1 << 64) - 2}, "host": {"target_host": "another.invalid"},
})  # fmt: skip
async def another_was_meant(peer: Dialling, meant: dict[str, Any]) -> None:
    theirs = await meet(peer)
    require(theirs.node and theirs.host, "the node does not say who it is")
    await peer.send(introduction(theirs, **meant))
    await takes_rejection(peer, what="as another node was meant", rule="NODE-5")


@case("NODE-8", says="A NODE_HELLO that cannot be read is answered by a reason.", each={"cut": -1, "empty": 0})
async def says_why(peer: Dialling, end: int) -> None:
    whole = bytes(to_frame(introduction(await meet(peer))).segments[0])
    await peer.send_frame(Frame(NodeTag.NODE_HELLO, (whole[:end],)))
    await takes_rejection(peer, what="as NODE_HELLO is cut short", kind=RejectKind.PERMANENT)


@case("NODE-8", says="A wrong identity is answered by a reason.")
async def says_why_of_idents(peer: Dialling) -> None:
    await come_in(peer)
    ident: ClientIdent = peer.ident()
    await peer.send(replace(ident, target=replace(ident.target, port=ident.target.port ^ 1)))
    await takes_rejection(peer, what="as another server was meant", rule="IDENT-2")


@case("NODE-9", says="A NODE_REJECT ends the connection, and is not answered.")
async def rejection_is_final(peer: Dialling) -> None:
    await meet(peer)
    await peer.send(NodeReject(kind=RejectKind.PERMANENT, rule="NODE-9", reason="a judge says no"))
    await peer.refuses()


@case("NODE-10", says="A cookie that is not the node's own is not confirmed.")
async def strange_cookie(peer: Dialling) -> None:
    await peer.send(introduction(await meet(peer), purpose=1, cookie=peer.terms.dice(16)))
    await takes_rejection(peer, what="as nobody knows the cookie")


def _part(offset: int, front: bytes, channel: int = 3) -> Frame:
    return Frame(NodeTag.MESSAGE_PART, (PartHeader(channel=channel, offset=offset).encode(), front))


async def _takes_parts(peer: Dialling) -> NodeHello:
    """Begin a session with a peer that takes messages in parts."""
    theirs = await meet(peer)
    require(theirs.part_limit > 2 * _WHOLE, "the node takes no parts")
    await peer.send(introduction(theirs))
    await peer.expect(NodeAccept)
    await peer.identify()
    return theirs


@case("CHANNEL-4", says="A message in parts is taken, and another channel's comes between.")
async def parts(peer: Dialling) -> None:
    await _takes_parts(peer)
    message = Message(type=2, front=bytes(_WHOLE), channel=3)
    await peer.send_frame(_part(0, bytes(4096)))
    await peer.send_frame(Message(type=2, channel=4).to_frame(seq=1, ack_seq=0, extended=True))
    await peer.send_frame(_part(4096, bytes(4096)))
    await peer.send_frame(message.to_frame(seq=2, ack_seq=0, extended=True, start=8192))
    await peer.lives()


@case(
    "CHANNEL-4",
    says="A part that does not follow is refused.",
    each={"gap": 4097, "overlap": 4095, "anew": 0},
)
async def part_out_of_order(peer: Dialling, offset: int) -> None:
    await _takes_parts(peer)
    await peer.send_frame(_part(0, bytes(4096)))
    await peer.send_frame(_part(offset, bytes(4096)))
    await peer.refuses()


@case("CHANNEL-5", says="A part that is too small, or too large, is refused.", each={"small": 4095, "large": 1048577})
async def part_of_another_size(peer: Dialling, size: int) -> None:
    await _takes_parts(peer)
    await peer.send_frame(_part(0, bytes(size)))
    await peer.refuses()
