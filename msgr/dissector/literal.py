"""Plain values as Lua writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

_WIDTH: Final = 112
_INDENT: Final = "  "


def literal(value: Any, depth: int = 0) -> str:
    """Return an expression of Lua for numbers, texts, booleans, and mappings and sequences of those."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, Mapping):
        return _table((f"{_key(key)} = {literal(each, depth + 1)}" for key, each in value.items()), depth)
    return _table((literal(each, depth + 1) for each in value), depth)


def _key(key: Any) -> str:
    if isinstance(key, str) and key.isidentifier():
        return key
    return f"[{literal(key)}]"


def _quoted(text: str) -> str:
    """Return a text in quotes: what is neither printable nor ASCII is written byte by byte."""
    safe = "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03}" for byte in text.encode())
    return f'"{safe}"'


def _table(items: Iterable[str], depth: int) -> str:
    """Return a table, on one line where it fits."""
    found = list(items)
    line = f"{{{', '.join(found)}}}"
    if len(line) + len(_INDENT) * depth <= _WIDTH and "\n" not in line:
        return line
    inner = _INDENT * (depth + 1)
    return "{\n" + "".join(f"{inner}{item},\n" for item in found) + _INDENT * depth + "}"
