"""What frames say, as named plain values.

Numbers that have names are given by those. Bytes are given by their number alone: those in control frames are proofs,
tickets and signatures, which nobody needs to understand a conversation, and those of messages are their users'.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from ..auth import AuthMethod
from ..auth.request import Request
from ..errors import DecodeError, FrameError
from ..frame import Algorithm, Frame, Mode, tag_name
from ..payload import (
    CONTROL,
    NODE_CONTROL,
    AuthRequest,
    Encryption,
    MessageHeader,
    PartHeader,
    Purpose,
    RejectKind,
)
from ..session.message import open_message
from ..wire import EntityAddr, Octets, Reader, Record, Timestamp, Versioned, layout, type_name
from .model import Fields, Value
from .names import MESSAGES


def method_name(number: int) -> str | int:
    """Return the name of a method of authentication, or its number."""
    return _METHODS.get(number, number)


def mode_name(number: int) -> str | int:
    """Return the name of a connection mode, or its number."""
    return _MODES.get(number, number)


def names_of(cls: type[IntEnum]) -> dict[int, str]:
    """Return the name of every number, as it is shown."""
    return {int(member): member.name.lower() for member in cls}


def _word(names: Mapping[int, str]) -> Callable[[int], str | int]:
    return lambda number: names.get(number, number)


_METHODS: Final = names_of(AuthMethod)
_MODES: Final = names_of(Mode)
_algorithm_name: Final = _word({0: "none"} | names_of(Algorithm))

_NAMED: Final[Mapping[str, Callable[[int], str | int]]] = MappingProxyType(
    {
        "entity_type": type_name,
        "method": method_name,
        "allowed_methods": method_name,
        "mode": mode_name,
        "modes": mode_name,
        "allowed_modes": mode_name,
        "algorithm": _algorithm_name,
        "algorithms": _algorithm_name,
        "encryption": _word(names_of(Encryption)),
        "purpose": _word(names_of(Purpose)),
        "kind": _word(names_of(RejectKind)),
    }
)
"""The fields whose numbers have names."""


def payload_fields(frame: Frame) -> Fields:
    """Return what a control frame says; raises FrameError and DecodeError.

    Bytes after the last field, which receivers pass over (WIRE-3), are counted as `undecoded_bytes`.
    """
    cls: type[Record] | None = CONTROL.get(frame.tag) or NODE_CONTROL.get(frame.tag)
    if cls is None:
        raise FrameError(f"{tag_name(frame.tag)} is not the tag of a control frame", rule="FRAME-15")
    if len(frame.segments) != 1:
        raise FrameError(f"{tag_name(frame.tag)} with {len(frame.segments)} segments, it has one", rule="FRAME-14")
    reader = Reader(frame.segments[0])
    payload = cls.read(reader)
    fields: dict[str, Value] = {name: _plain(name, getattr(payload, name)) for name in _names(frame.tag)}
    if isinstance(payload, AuthRequest):
        fields |= _claim(payload)
    if left := reader.left + _appended(cls, frame.segments[0]):
        fields["undecoded_bytes"] = left
    return fields


def _appended(cls: type[Record], data: Octets) -> int:
    """Return how many bytes a later version has put behind the fields that we know, inside its record."""
    if not issubclass(cls, Versioned):
        return 0
    head = Reader(data)
    head.take(2)
    body = head.within(head.number(4))
    for _, codec in layout(cls):
        codec.read(body)
    return body.left


def part_fields(frame: Frame) -> Fields:
    """Return which piece of a message a MESSAGE_PART is, and how long its own pieces are; raises PeerError."""
    reader = Reader(frame.segments[0])
    header = PartHeader.read(reader)
    lengths = [len(segment) for segment in frame.segments[1:]] + [0] * 3
    fields: dict[str, Value] = {name: getattr(header, name) for name in _names(frame.tag)}
    fields |= dict(zip(("front", "middle", "data"), lengths, strict=False))
    if reader.left:
        fields["undecoded_bytes"] = reader.left
    return fields


def message_fields(frame: Frame, *, extended: bool) -> Fields:
    """Return the header of a message, its name, and how long its parts are; raises PeerError.

    Where both banners have MSGR_EXT, what is reserved otherwise is the channel (CHANNEL-1).
    """
    header, message = open_message(frame, extended=extended)
    fields: dict[str, Value] = {"name": MESSAGES.get(header.type)}
    for name in _names(frame.tag):
        fields["channel" if extended and name == "reserved" else name] = getattr(header, name)
    return fields | {"front": len(message.front), "middle": len(message.middle), "data": len(message.data)}


_HEADERS: Final[Mapping[int, type[Record]]] = {cls.tag: cls for cls in (MessageHeader, PartHeader)}


@cache
def _names(tag: int) -> tuple[str, ...]:
    """Return the names of the fields behind a known tag, in the order of the wire."""
    cls: type[Record] = CONTROL.get(tag) or NODE_CONTROL.get(tag) or _HEADERS[tag]
    return tuple(name for name, _ in layout(cls))


def _claim(request: AuthRequest) -> dict[str, Value]:
    """Return who asks and for which global id, where the request says it in the open."""
    try:
        claim = Request.decode(request.payload)
    except DecodeError:
        return {}
    if not (claim.for_mon or request.method == AuthMethod.NONE):
        return {}  # a ticket, which tells nothing to those who cannot open it
    return {"name": str(claim.name), "global_id": claim.global_id}


def _plain(name: str, value: Any) -> Value:
    if isinstance(value, bytes):
        return {"length": len(value)}
    if isinstance(value, tuple):
        return [_plain(name, each) for each in value]
    if isinstance(value, EntityAddr):
        return str(value)
    if isinstance(value, Timestamp):
        return {"seconds": value.seconds, "nanoseconds": value.nanoseconds}
    if isinstance(value, Record):
        return {each: _plain(each, getattr(value, each)) for each, _ in layout(type(value))}
    if isinstance(value, int) and not isinstance(value, bool):
        word = _NAMED.get(name)
        return int(value) if word is None else word(value)
    return value if isinstance(value, bool | str) else str(value)
