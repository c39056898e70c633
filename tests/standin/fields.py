"""What was said, taken apart into named values, so that two conversations can be held against each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final, TypeAlias

from msgr.auth import AuthMethod
from msgr.auth.cephx.structs import Authenticate
from msgr.auth.request import Request
from msgr.mon.messages import (
    Command,
    Front,
    MgrCommand,
    MonCommand,
    MonGetMap,
    MonGetVersion,
    MonSubscribe,
)
from msgr.payload import AuthRequest, AuthRequestMore, Keepalive, KeepaliveAck
from msgr.wire import Record

from .overheard import Overheard, Said, SentMessage

Fields: TypeAlias = Mapping[str, Any]
"""Values by their names, such as `ClientIdent.target.port`; what a thing itself is has the name of the frame alone."""

FRONTS: Final[Mapping[int, type[Front]]] = {
    cls.TYPE: cls for cls in (MonGetMap, MonSubscribe, MonGetVersion, MonCommand, Command, MgrCommand)
}
"""What clients say to monitors in these conversations; of other types the front is compared as it is."""


def of_client(heard: Overheard) -> list[Fields]:
    """Return the values of everything that the client of a connection said, in order, but keepalives.

    Those go by the clock.
    """
    method = next((request.method for request in heard.all(AuthRequest)), AuthMethod.NONE)
    said = (said for side, said in heard.said if side == "client" and not isinstance(said, Keepalive))
    return [_fields(one, method) for one in said]


def of_server_handshake(heard: Overheard) -> list[Fields]:
    """Return the values of what the server of a connection said before its messages, in order."""
    said = (said for side, said in heard.said if side == "server" and not isinstance(said, SentMessage | KeepaliveAck))
    return [_fields(one, AuthMethod.NONE) for one in said]


def _fields(said: Said, method: int) -> Fields:
    if isinstance(said, SentMessage):
        return _message(said)
    name = type(said).__name__
    found = {name: name, **dict(_walk(said, name))}
    if isinstance(said, AuthRequest):
        return _opened(found, name, Request.decode(said.payload))
    if isinstance(said, AuthRequestMore) and method == AuthMethod.CEPHX:
        return _opened(found, name, Authenticate.decode(said.payload))
    return found


def _message(said: SentMessage) -> Fields:
    message, known = said.message, FRONTS.get(said.message.type)
    name = known.__name__ if known else f"message-{message.type:#x}"
    found = {name: name, **dict(_walk(said.header, f"{name}.header")), f"{name}.data": bytes(message.data)}
    front = bytes(message.front)
    if known is None:
        return found | {f"{name}.front": front}
    return _opened(found, name, known.decode(front), front)


def _opened(found: Fields, name: str, inside: Record, payload: bytes | None = None) -> Fields:
    """Return the values with those of what is in the payload, of which nothing may be left over."""
    payload = found[f"{name}.payload"] if payload is None else payload
    left_over = payload[len(inside.encode()) :]
    kept = {key: value for key, value in found.items() if key != f"{name}.payload"}
    return kept | dict(_walk(inside, name)) | {f"{name}.left over": left_over}


def _walk(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from _walk(getattr(value, field.name), f"{name}.{field.name}")
    elif isinstance(value, Mapping):
        yield f"{name}.keys", list(value)
        for key, item in value.items():
            yield from _walk(item, f"{name}.{key}")
    elif isinstance(value, tuple) and any(map(is_dataclass, value)):
        yield f"{name}.count", len(value)
        for item in value:
            yield from _walk(item, name)
    else:
        yield name, value
