"""Layouts and numbers as tables, from the declarations that the code goes by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from importlib import import_module
from typing import Any, Final

from msgr import wire
from msgr.mon import messages as mon
from msgr.wire import Fixed, Map, Nested, Raw, Record, Vec, Versioned, layout

from .table import kept, link

_NUMBERS: Final = {"B": "u8", "H": "u16", "I": "u32", "Q": "u64", "h": "i16", "i": "i32", "q": "i64"}
_PLAIN: Final[Mapping[int, str]] = {
    id(wire.blob): "blob",
    id(wire.text): "text",
    id(wire.rest): "all that is left",
    id(wire.address): "[address](1-wire.md#addresses)",
    id(wire.address_vector): "[address vector](1-wire.md#addresses)",
}
_NAMED: Final[Mapping[str, str]] = {"EntityName": "entity name", "Timestamp": "timestamp", "CryptoKey": "key"}


def named(path: str) -> Any:
    """Return what `module:name` means."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def wire_type(codec: Any, here: Mapping[str, str]) -> str:
    """Return how the pages call the wire type of a codec."""
    if id(codec) in _PLAIN:
        return _PLAIN[id(codec)].replace("(1-wire.md#", f"({here.get('EntityName', '')}#")
    match codec:
        case Fixed():
            return "bool" if codec.convert is bool else _NUMBERS[codec.code]
        case Raw():
            return f"{codec.size} bytes"
        case Vec():
            return f"list of {wire_type(codec.item, here)}"
        case Map():
            return f"map of {wire_type(codec.key, here)} to {wire_type(codec.value, here)}"
        case Nested():
            name = codec.cls.__name__
            return link(_NAMED.get(name, name), name, here)
        case _:
            return "u16 length, bytes"  # the one codec of its own: the secret of a key


def size_of(codec: Any) -> int | None:
    """Return how many bytes a codec takes, or None where that varies."""
    match codec:
        case Fixed() | Raw():
            return codec.size
        case Nested():
            if issubclass(codec.cls, Versioned):
                return None
            sizes = [size_of(inner) for _, inner in layout(codec.cls)]
            return None if None in sizes else sum(size for size in sizes if size is not None)
        case _:
            return None


def rows(cls: type[Record], here: Mapping[str, str]) -> Iterator[list[str]]:
    """Yield offset, field and type of each field."""
    head = [("version", wire.u8), ("compat", wire.u8), ("length", wire.u32)] if issubclass(cls, Versioned) else []
    offset: int | None = 0
    for name, codec in (*head, *layout(cls)):
        yield ["…" if offset is None else str(offset), name, wire_type(codec, here)]
        size = size_of(codec)
        offset = None if offset is None or size is None else offset + size


def layout_table(path: str, here: Mapping[str, str], body: str) -> str:
    """Return the table of a layout, with what people wrote about its fields."""
    cls: type[Record] = named(path)
    fields = list(rows(cls, here))
    shown = kept(["offset", "field", "type", "meaning"], fields, body, key=1) if fields else "The segment is empty.\n"
    return f'<a id="{cls.__name__}"></a>\n\n{shown}\n'


def numbers(path: str, body: str) -> str:
    """Return the table of an enumeration."""
    members: type[Enum] = named(path)
    if not issubclass(members, int):  # its values stand on no wire
        return "\n" + kept(["name", "meaning"], [[member.name] for member in members], body, key=0) + "\n"
    shown = [[number(member), str(member.name)] for member in members]
    return "\n" + kept(["number", "name", "meaning"], shown, body, key=1) + "\n"


def number(value: int) -> str:
    """Return a number as the pages write it: large ones are known by their hexadecimal form."""
    return f"{value:#x}" if value > 255 else str(int(value))


def messages(here: Mapping[str, str], body: str) -> str:
    """Return the table of the messages that have a declared front segment."""
    classes = [cls for cls in vars(mon).values() if isinstance(cls, type) and issubclass(cls, mon.Front)]
    fronts = {cls.TYPE: cls for cls in classes if hasattr(cls, "TYPE")}
    shown = []
    for kind in mon.MessageType:
        cls = fronts.get(kind)
        front = link(cls.__name__, cls.__name__, here) if cls else "not laid out here"
        versions = f"{cls.VERSION} / {cls.COMPAT}" if cls else ""
        shown.append([number(kind), kind.name, versions, front])
    return "\n" + kept(["type", "name", "version / compat", "front", "who, and what for"], shown, body, key=1) + "\n"
