"""What all topics share: how a vector is written down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

Vector: TypeAlias = dict[str, Any]
Topic: TypeAlias = dict[str, Any]


def topic(name: str, about: str, vectors: Iterable[Vector]) -> Topic:
    return {"topic": name, "about": about, "vectors": list(vectors)}


def valid(ident: str, rule: str, wire: bytes, *flags: str, **fields: Any) -> Vector:
    """Bytes that mean `fields`. With the flag NotSent they are understood, but written in another way by us."""
    return {"id": ident, "rule": rule, "flags": list(flags), "result": "valid", **fields, "wire": wire.hex()}


def invalid(ident: str, rule: str, wire: bytes, error: str, *flags: str, **fields: Any) -> Vector:
    """Bytes that are refused, with this exception of `msgr.errors`."""
    outcome = {"result": "invalid", "error": error}
    return {"id": ident, "rule": rule, "flags": list(flags), **outcome, **fields, "wire": wire.hex()}


def numbered(prefix: str, items: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    for item in items:
        yield f"{prefix}-{item}", item
