"""What was seen, in words: a line a frame, and how every form of output writes values.

What comes out of a capture may be anybody's bytes: all text is stripped of what would steer a terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ..wire import BannerFeature
from .model import Capture, Fields, SeenBanner, SeenConnection, SeenFrame, Sender, Value

_HEX: Final = frozenset({"supported", "required", "features", "cookie", "client_cookie", "server_cookie"})
"""The fields whose numbers are bits, or dice."""
_LOSSY: Final = 1
BANNER: Final = "BANNER"
"""What stands where a frame has its tag; a banner is no frame."""


@dataclass(frozen=True, slots=True)
class Event:
    """A banner or a frame as it is shown: `text` is the short of it, `fields` are the whole."""

    time: float
    sender: Sender
    tag: str
    text: str
    fields: Fields
    error: str | None


def events(connection: SeenConnection) -> list[Event]:
    """Return banners and frames in the order of time."""
    found = [_banner(banner) for banner in connection.banners]
    found += [_frame(frame) for frame in connection.frames]
    return sorted(found, key=lambda event: event.time)


def headline(connection: SeenConnection) -> str:
    """Return a line that tells what a connection is."""
    parts = [
        f"msgr {connection.revision or '?'}",
        f"{connection.mode or 'unknown'} mode",
        f"auth {connection.auth_method or 'unknown'}",
        counted(len(connection.frames), "frame"),
    ]
    if connection.undecrypted:
        parts.append(f"{connection.undecrypted} bytes not decrypted")
    return printable(f"{connection.client} > {connection.server}  {', '.join(parts)}")


def frame_lines(connection: SeenConnection, *, since: float = 0.0) -> Iterator[tuple[Event, str]]:
    """Yield each banner and frame with its line; times are shown as seconds after `since`."""
    for event in events(connection):
        arrow = ">" if event.sender is Sender.CLIENT else "<"
        error = f"  ERROR {event.error}" if event.error else ""
        yield event, printable(f"{event.time - since:12.6f}  {arrow} {event.tag:<22} {event.text}{error}".rstrip())


def summary(capture: Capture) -> str:
    """Return how much was seen."""
    frames = sum(len(connection.frames) for connection in capture.connections)
    return f"{counted(len(capture.connections), 'msgr2 connection')}, {counted(frames, 'frame')}"


def counted(count: int, word: str) -> str:
    """Return a number and what it counts."""
    return f"{count:,} {word}" + ("" if count == 1 else "s")


def written(name: str, value: Value) -> str:
    """Return a value as it is shown to people."""
    if isinstance(value, Mapping):
        if "length" in value:
            return f"{value['length']} bytes"
        if "nanoseconds" in value:
            return f"{value['seconds']}.{value['nanoseconds']:09d}"
        return ", ".join(f"{each} {written(each, inner)}" for each, inner in value.items())
    if isinstance(value, list):
        return ", ".join(written(name, each) for each in value) or "none"
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, int) and name in _HEX:
        return f"{value:#x}"
    return str(value)


def printable(text: str) -> str:
    """Return text without what would steer a terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _banner(banner: SeenBanner) -> Event:
    fields: dict[str, Value] = {"supported": banner.supported, "required": banner.required}
    text = f"supports {_features(banner.supported)}; requires {_features(banner.required)}"
    return Event(banner.time, banner.sender, BANNER, text, fields, None)


def _features(bits: int) -> str:
    known = {
        BannerFeature.REVISION_1: "revision 2.1",
        BannerFeature.COMPRESSION: "compression",
        BannerFeature.MSGR_EXT: "the msgr extension",
    }
    names = [name for bit, name in known.items() if bits & bit]
    if rest := bits & ~sum(known):
        names.append(f"{rest:#x}")
    return " and ".join(names) or "nothing"


def _frame(frame: SeenFrame) -> Event:
    fields = frame.message or frame.payload
    text = ""
    if fields is not None:
        text = _SAID.get(frame.tag, _all)(fields)
        if "compressed" in fields:
            text += f" ({fields['compressed']})"
    whole: dict[str, Value] = dict(fields or {})
    whole |= {"segments on the wire": list(frame.segments), "frame on the wire": {"length": frame.size}}
    return Event(frame.time, frame.sender, frame.tag, text, whole, frame.error)


def _all(fields: Fields) -> str:
    return ", ".join(f"{name} {written(name, value)}" for name, value in fields.items() if name != "compressed")


def _hello(fields: Fields) -> str:
    return f"I am {fields['entity_type']}, you are {fields['peer_address']}"


def _request(fields: Fields) -> str:
    who = f" as {fields['name']}" if "name" in fields else ""
    return f"{fields['method']}{who}, in {written('modes', fields['modes'])}; {written('payload', fields['payload'])}"


def _refusal(fields: Fields) -> str:
    methods, modes = (written(name, fields[name]) for name in ("allowed_methods", "allowed_modes"))
    return f"{fields['method']} refused with {fields['result']}; {methods} in {modes} would do"


def _done(fields: Fields) -> str:
    return f"global id {fields['global_id']}, {fields['mode']} mode; {written('payload', fields['payload'])}"


def _blob(fields: Fields) -> str:
    return written("payload", next(iter(fields.values())))


def _ident(fields: Fields) -> str:
    flags = fields["flags"]
    lossy = ", lossy" if isinstance(flags, int) and flags & _LOSSY else ""
    target = f" to {fields['target']}" if "target" in fields else ""
    addresses, cookie = written("addresses", fields["addresses"]), written("cookie", fields["cookie"])
    return f"{addresses}{target}, gid {fields['gid']}, cookie {cookie}{lossy}"


def _message(fields: Fields) -> str:
    name = fields["name"] or f"type {fields['type']}"
    parts = [f"{part} {fields[part]}" for part in ("front", "middle", "data") if fields[part]]
    channel = [f"channel {fields['channel']}"] if "channel" in fields else []
    numbers = [f"{name} seq {fields['seq']}", f"tid {fields['tid']}", f"ack {fields['ack_seq']}"]
    return ", ".join([*numbers, *channel, *parts])


def _part(fields: Fields) -> str:
    pieces = [f"{part} {fields[part]}" for part in ("front", "middle", "data") if fields[part]]
    return ", ".join([f"channel {fields['channel']}", f"from byte {fields['offset']}", *pieces])


def _node(fields: Fields) -> str:
    parts = [_called(fields["node"], fields["host"])]
    parts += [f"{name} {fields[name]}" for name in ("cluster", "version", "scope") if fields[name]]
    if fields["target_node"] or fields["target_host"]:
        parts.append(f"wants {_called(fields['target_node'], fields['target_host'])}")
    parts.append(f"encryption {fields['encryption']}")
    if fields["purpose"] != "session":
        parts.append(f"purpose {fields['purpose']}")
    if fields["padding_wanted"]:
        parts.append(f"wants {fields['padding_wanted']} bytes back")
    return ", ".join(parts)


def _called(node: Value, host: Value) -> str:
    return (f"node {node}" if node else "a node") + (f" at {host}" if host else "")


def _accept(fields: Fields) -> str:
    checked = "you are let in, and I dialled you back" if fields["reverse_checked"] else "you are let in"
    return f"{checked}; {written('padding', fields['padding'])}" if fields["padding"] != {"length": 0} else checked


def _reject(fields: Fields) -> str:
    return f"{fields['kind']}: {fields['reason'] or 'no reason given'} [{fields['rule']}]"


_SAID: Final[Mapping[str, Callable[[Fields], str]]] = MappingProxyType(
    {
        "HELLO": _hello,
        "AUTH_REQUEST": _request,
        "AUTH_BAD_METHOD": _refusal,
        "AUTH_REPLY_MORE": _blob,
        "AUTH_REQUEST_MORE": _blob,
        "AUTH_DONE": _done,
        "AUTH_SIGNATURE": _blob,
        "CLIENT_IDENT": _ident,
        "SERVER_IDENT": _ident,
        "KEEPALIVE2": lambda fields: written("stamp", fields["stamp"]),
        "KEEPALIVE2_ACK": lambda fields: written("stamp", fields["stamp"]),
        "MESSAGE": _message,
        "MESSAGE_PART": _part,
        "NODE_HELLO": _node,
        "NODE_ACCEPT": _accept,
        "NODE_REJECT": _reject,
    }
)
"""The short of each frame; of the others, all fields are short enough."""
