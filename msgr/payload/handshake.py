"""What is said before a session: HELLO, authentication, compression.

Each class is the payload of one frame: its `tag`, and its fields in wire order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Final

from ..frame import Tag
from ..wire import EntityAddr, EntityType, Raw, Record, Vec, address, blob, boolean, i32, named, u32, u64

SIGNATURE_SIZE: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello(Record):
    """Both ways: who I am, and the address at which I see you."""

    tag: ClassVar[Tag] = Tag.HELLO
    entity_type: Annotated[int, named("B", EntityType)]
    peer_address: Annotated[EntityAddr, address]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthRequest(Record):
    """Client: let us use this method, in one of these modes, best first."""

    tag: ClassVar[Tag] = Tag.AUTH_REQUEST
    method: Annotated[int, u32]
    modes: Annotated[tuple[int, ...], Vec(u32)]
    payload: Annotated[bytes, blob] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthBadMethod(Record):
    """Server: not like this (`result` is a negative errno), but with these methods and modes."""

    tag: ClassVar[Tag] = Tag.AUTH_BAD_METHOD
    method: Annotated[int, u32]
    result: Annotated[int, i32]
    allowed_methods: Annotated[tuple[int, ...], Vec(u32)]
    allowed_modes: Annotated[tuple[int, ...], Vec(u32)]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthReplyMore(Record):
    """Server: another step is needed."""

    tag: ClassVar[Tag] = Tag.AUTH_REPLY_MORE
    payload: Annotated[bytes, blob] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthRequestMore(Record):
    """Client: here it is."""

    tag: ClassVar[Tag] = Tag.AUTH_REQUEST_MORE
    payload: Annotated[bytes, blob] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthDone(Record):
    """Server: you are in, under this global id; from the next frame on we speak in this mode."""

    tag: ClassVar[Tag] = Tag.AUTH_DONE
    global_id: Annotated[int, u64]
    mode: Annotated[int, u32]
    payload: Annotated[bytes, blob] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthSignature(Record):
    """Both ways: the HMAC-SHA256 over all bytes that I received from you before."""

    tag: ClassVar[Tag] = Tag.AUTH_SIGNATURE
    signature: Annotated[bytes, Raw(SIGNATURE_SIZE)]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressionRequest(Record):
    """Client: whether I want compression, and the algorithms that I know, best first."""

    tag: ClassVar[Tag] = Tag.COMPRESSION_REQUEST
    wanted: Annotated[bool, boolean]
    algorithms: Annotated[tuple[int, ...], Vec(u32)]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressionDone(Record):
    """Server: whether frames may be compressed, and how."""

    tag: ClassVar[Tag] = Tag.COMPRESSION_DONE
    on: Annotated[bool, boolean]
    algorithm: Annotated[int, u32]
