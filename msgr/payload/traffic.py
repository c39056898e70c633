"""What is said in a session: messages, acknowledgements, keepalives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from ..frame import NodeTag, Tag
from ..wire import Nested, Record, Row, Timestamp, u8, u16, u32, u64

HEADER_SIZE: Final = 41
FLAGS: Final = 3
"""What Ceph writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageHeader(Record):
    """Segment 0 of a MESSAGE (MESSAGE-1).

    ======  =====  =======================================================================
    offset  size   field
    ======  =====  =======================================================================
    0       u64    seq, from 1, by session and direction
    8       u64    tid, for the user to match replies with requests
    16      u16    type
    18      u16    priority
    20      u16    version of the body's encoding
    22      u32    data padding, always 0
    26      u16    data offset, low bits; not looked at
    28      u64    ack_seq: the last seq that the sender received
    36      u8     flags; 3 from Ceph, not looked at
    37      u16    oldest decoder version that can read the body; 0 is unknown
    39      u16    reserved; between two ends that have MSGR_EXT the channel (CHANNEL-1)
    ======  =====  =======================================================================
    """

    tag: ClassVar[Tag] = Tag.MESSAGE
    seq: Annotated[int, u64]
    tid: Annotated[int, u64] = 0
    type: Annotated[int, u16]
    priority: Annotated[int, u16] = 127
    version: Annotated[int, u16] = 0
    data_padding: Annotated[int, u32] = 0
    data_offset: Annotated[int, u16] = 0
    ack_seq: Annotated[int, u64] = 0
    flags: Annotated[int, u8] = FLAGS
    compat_version: Annotated[int, u16] = 0
    reserved: Annotated[int, u16] = 0


_HEADER: Final = Row(MessageHeader)
assert _HEADER.size == HEADER_SIZE  # MESSAGE-1


# Messages are many, so their headers are not made objects of.
pack_header: Final = _HEADER.pack
"""Return the bytes of a MessageHeader from its fields in their order; raises Misfit."""
unpack_header: Final = _HEADER.take
"""Return the fields of a MessageHeader in their order, from `HEADER_SIZE` bytes, which the caller makes sure of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartHeader(Record):
    """Segment 0 of a MESSAGE_PART (CHANNEL-4); the others are the next pieces of front, middle and data."""

    tag: ClassVar[NodeTag] = NodeTag.MESSAGE_PART
    channel: Annotated[int, u16]
    offset: Annotated[int, u64]
    """How many bytes of the message came in parts before this one: 0 begins it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keepalive(Record):
    """Both ways: are you there? The stamp is of the sender's clock."""

    tag: ClassVar[Tag] = Tag.KEEPALIVE2
    stamp: Annotated[Timestamp, Nested(Timestamp)]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepaliveAck(Record):
    """Both ways: I am; with the stamp of the question, unchanged (KEEPALIVE-2)."""

    tag: ClassVar[Tag] = Tag.KEEPALIVE2_ACK
    stamp: Annotated[Timestamp, Nested(Timestamp)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack(Record):
    """Both ways: I have received all messages up to this seq."""

    tag: ClassVar[Tag] = Tag.ACK
    seq: Annotated[int, u64]
