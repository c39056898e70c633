"""What the plug-in knows of the protocol, out of the code's own tables."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from ..auth import AuthMethod
from ..auth.request import MON, Request
from ..capture.names import MESSAGES
from ..capture.payloads import names_of
from ..core.node import EXTENDED_CLIENT, EXTENDED_SERVER
from ..core.states import (
    AwaitAuthMore,
    AwaitAuthReply,
    AwaitAuthRequest,
    AwaitAuthStep,
    AwaitClientIdent,
    AwaitCompressionDone,
    AwaitCompressionRequest,
    AwaitHello,
    AwaitNodeHello,
    AwaitNodeVerdict,
    AwaitReconnectOk,
    AwaitServerIdent,
    AwaitSignature,
    Ready,
    State,
)
from ..frame import SECRET_SIZE, Algorithm, Mode, NodeTag, Tag
from ..net.keylog import ANY, LABEL
from ..payload import (
    CONTROL,
    HEADER_SIZE,
    NODE_CONTROL,
    Banner,
    Encryption,
    MessageHeader,
    PartHeader,
    Purpose,
    RejectKind,
)
from ..payload.banner import HEAD_SIZE, PREFIX
from ..wire import (
    AddressType,
    BannerFeature,
    EntityAddr,
    EntityName,
    EntityType,
    Nested,
    Raw,
    Record,
    Timestamp,
    Vec,
    Versioned,
    address_vector,
    blob,
    boolean,
    layout,
    text,
)
from ..wire import address as address_codec
from ..wire.codec import Fixed

NAMED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "entity_type": "entity_type",
        "method": "method",
        "allowed_methods": "method",
        "mode": "mode",
        "modes": "mode",
        "allowed_modes": "mode",
        "algorithm": "algorithm",
        "algorithms": "algorithm",
        "encryption": "encryption",
        "purpose": "purpose",
        "kind": "kind",
    }
)
"""The fields whose numbers have names, and which names."""

BITS: Final = frozenset({"supported", "required", "features", "flags", "cookie", "client_cookie", "server_cookie"})
"""The fields whose numbers are bits, or dice: they are shown in hexadecimal digits."""

PHASES: Final[Mapping[type[State], int]] = MappingProxyType(
    {
        AwaitHello: 1,
        AwaitAuthReply: 2,
        AwaitAuthStep: 2,
        AwaitAuthRequest: 2,
        AwaitAuthMore: 2,
        AwaitSignature: 3,
        AwaitCompressionDone: 4,
        AwaitCompressionRequest: 4,
        AwaitNodeHello: 5,
        AwaitNodeVerdict: 6,
        AwaitServerIdent: 7,
        AwaitReconnectOk: 7,
        AwaitClientIdent: 7,
        Ready: 8,
    }
)
"""How far a connection is in each state that takes frames: HELLO, authentication, signature, compression, node, verdict
on the node, identity, and the session. Each direction goes through them one by one; compression only where both banners
have it, nodes only where both have MSGR_EXT, and the verdict is the server's alone."""

_ONCE: Final = (1, 3, 4, 5, 6)
"""The phases in which each end says one frame only."""

_KINDS: Final = {"B": "u8", "H": "u16", "I": "u32", "Q": "u64", "h": "i16", "i": "i32", "q": "i64"}


def tables() -> dict[str, Any]:
    """Return all of it, as what Lua can hold: mappings, sequences, texts, numbers and booleans."""
    said: dict[int, type[Record]] = {int(cls.tag): cls for cls in (MessageHeader, PartHeader)}
    said |= {int(tag): cls for table in (CONTROL, NODE_CONTROL) for tag, cls in table.items()}
    return {
        "tags": {int(tag): tag.name for tag in (*Tag, *NodeTag)},
        "tag": {tag.name: int(tag) for tag in (*Tag, *NodeTag)},
        "ours": dict.fromkeys(map(int, NodeTag), True),
        "layouts": {tag: _fields(cls) for tag, cls in sorted(said.items())},
        "versioned": {
            tag: {"newest": cls.VERSION, "oldest": cls.OLDEST}
            for tag, cls in sorted(said.items())
            if issubclass(cls, Versioned)
        },
        "banner": {
            "prefix": PREFIX.decode(),
            "head": HEAD_SIZE,
            "layout": _fields(Banner),
            "extension": BannerFeature.MSGR_EXT.bit_length() - 1,
        },
        "request": {"layout": _fields(Request), "mon": MON, "none": int(AuthMethod.NONE)},
        "header_size": HEADER_SIZE,
        "names": {
            "entity_type": names_of(EntityType),
            "method": names_of(AuthMethod),
            "mode": names_of(Mode),
            "algorithm": {0: "none", **names_of(Algorithm)},
            "address_type": {int(member): str(EntityAddr(member)).partition(":")[0] for member in AddressType},
            "message": dict(MESSAGES),
            "encryption": names_of(Encryption),
            "purpose": names_of(Purpose),
            "kind": names_of(RejectKind),
        },
        "mode": {member.name.lower(): int(member) for member in Mode},
        "algorithm": {member.name.lower(): int(member) for member in Algorithm},
        "senders": _senders(),
        "phases": _phases(),
        "once": dict.fromkeys(_ONCE, True),
        "keylog": {"label": LABEL, "any": ANY, "secret": SECRET_SIZE},
    }


def _phases() -> dict[int, int]:
    """Return how far a connection is that takes each tag, but for NODE_REJECT, which may come at any time."""
    known = [
        (PHASES[state], table[state])
        for table in (EXTENDED_CLIENT, EXTENDED_SERVER)
        for state in PHASES
        if state in table
    ]
    found = {int(tag): phase for phase, takes in known for tag in takes}
    del found[NodeTag.NODE_REJECT]
    return found


def _senders() -> dict[int, str]:
    """Return who says each tag: what one end takes, the other says.

    A client takes AUTH_REQUEST too, where both ends dialled, but only clients say it.
    """
    told = {tag: "server" for takes in EXTENDED_CLIENT.values() for tag in takes if tag != Tag.AUTH_REQUEST}
    for takes in EXTENDED_SERVER.values():
        for tag in takes:
            told[tag] = "client" if told.get(tag, "client") == "client" else "both"
    return {int(tag): sender for tag, sender in sorted(told.items())}


def _fields(cls: type[Record]) -> list[dict[str, Any]]:
    return [_field(name, codec) for name, codec in layout(cls)]


def _field(name: str, codec: Any) -> dict[str, Any]:
    """Return a field: its name, its kind, and what else there is to know."""
    found: dict[str, Any] = {"name": name, "kind": _kind(codec)}
    if isinstance(codec, Vec):
        found["item"] = _kind(codec.item)
    if isinstance(codec, Raw):
        found["size"] = codec.size
    if found["kind"] == "record":
        found["fields"] = _fields(codec.cls)
    if name in NAMED:
        found["names"] = NAMED[name]
    if name in BITS:
        found["bits"] = True
    return found


def _kind(codec: Any) -> str:
    for known, kind in ((boolean, "bool"), (blob, "blob"), (text, "text"), (address_codec, "address")):
        if codec is known:
            return kind
    if codec is address_vector:
        return "addresses"
    if isinstance(codec, Fixed):
        return _KINDS[codec.code]
    if isinstance(codec, Nested):
        return {Timestamp: "time", EntityName: "entity"}.get(codec.cls, "record")
    return {Vec: "list", Raw: "raw"}[type(codec)]
