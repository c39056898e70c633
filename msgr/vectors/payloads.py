"""Checks of floor 3 and of monitors: banners, payloads, message headers, front segments."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from ..errors import BannerError
from ..frame import Frame, NodeTag, Revision
from ..mon import maps, messages
from ..payload import CONTROL, HEADER_SIZE, NODE_CONTROL, Banner, MessageHeader, PartHeader, of_frame
from ..payload.banner import PREFIX, check_prefix
from ..wire import Record
from .files import Vector
from .outcome import Mismatch, expect, expect_refusal
from .values import record_of


def check_banner(vector: Vector) -> None:
    """Check one banner."""
    if not vector.is_valid:
        expect_refusal(vector, lambda: Banner.of_wire(vector.wire))
        return
    banner = Banner(supported=int(vector["supported"]), required=int(vector["required"]))
    expect("the banner", Banner.of_wire(vector.wire), banner)
    expect("whether it is what we write", banner.to_wire() == vector.wire, vector.is_sent)
    for size in range(len(PREFIX) + 1):
        check_prefix(vector.wire[:size])


def check_negotiation(vector: Vector) -> None:
    """Check what two banners agree on, whichever side looks."""
    ours, peer = (Banner(supported=int(pair[0]), required=int(pair[1])) for pair in (vector["ours"], vector["peer"]))
    expect("the peer's banner", Banner.of_wire(vector.wire), peer)
    if vector.is_valid:
        ours.check(peer)
        revision = Revision(vector["revision"])
        expect("the revision", (ours.revision_with(peer), peer.revision_with(ours)), (revision, revision))
        return
    expect_refusal(vector, lambda: ours.check(peer))
    try:
        peer.check(ours)
    except BannerError:
        return
    raise Mismatch("the other side does not refuse")


def check_payload(vector: Vector) -> None:
    """Check what a control frame says, or the first segment of a MESSAGE_PART."""
    tag: int = vector["tag"]

    def read(wire: bytes) -> Record:
        return PartHeader.decode(wire) if tag == NodeTag.MESSAGE_PART else of_frame(Frame(tag, (wire,)))

    if not vector.is_valid:
        expect_refusal(vector, lambda: read(vector.wire))
        return
    classes: Mapping[int, type[Record]] = {**CONTROL, **NODE_CONTROL, NodeTag.MESSAGE_PART: PartHeader}
    payload = record_of(classes[tag], vector["fields"])
    found = read(vector.wire)
    expect("the payload", (type(found), found), (type(payload), payload))
    if vector.is_sent:
        expect("what is written", found.encode(), vector.wire)
    else:
        expect("the payload, written and read", read(found.encode()), found)


def check_header(vector: Vector) -> None:
    """Check the header of a message."""
    if not vector.is_valid:
        expect_refusal(vector, lambda: MessageHeader.decode(vector.wire))
        return
    header = record_of(MessageHeader, vector["fields"])
    expect("the header", MessageHeader.decode(vector.wire), header)
    expect("what is written", header.encode(), vector.wire)
    expect("its length", len(vector.wire), HEADER_SIZE)


@cache
def cluster_records() -> Mapping[str, type[Record]]:
    """Return what messages of monitors, managers and OSDs are made of, by name."""
    found = {name: cls for module in (messages, maps) for name, cls in vars(module).items()}
    return MappingProxyType(
        {name: cls for name, cls in found.items() if isinstance(cls, type) and issubclass(cls, Record)}
    )


def check_cluster(vector: Vector) -> None:
    """Check a front segment, a map or a struct in one."""
    cls = cluster_records()[vector["what"]]
    if not vector.is_valid:
        expect_refusal(vector, lambda: cls.decode(vector.wire))
        return
    record = record_of(cls, vector["fields"])
    expect("the record", cls.decode(vector.wire), record)
    if vector.is_sent:
        expect("what is written", record.encode(), vector.wire)
    else:
        expect("the record, written and read", cls.decode(record.encode()), record)


CHECKS: Final[Mapping[str, Any]] = {
    "banner": check_banner,
    "banner-negotiation": check_negotiation,
    "payload": check_payload,
    "message-header": check_header,
    "mon": check_cluster,
}
