"""The types that arguments of commands have, and what of a word each of them takes (COMMAND-3)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Final, TypeAlias
from uuid import UUID

Value: TypeAlias = bool | int | float | str
Check: TypeAlias = Callable[[str], Value]
"""Returns what a word means; raises ValueError, whose text is what was expected, for a word that does not fit."""

_INT: Final = re.compile(r"[+-]?(?:0x[0-9a-f]{1,16}|[1-9][0-9]{0,18}|0+)", re.IGNORECASE | re.ASCII)
_FLOAT: Final = re.compile(r"[+-]?(?:\d{1,40}\.?\d{0,40}|\.\d{1,40})(?:e[+-]?\d{1,3})?", re.IGNORECASE | re.ASCII)
_PGID: Final = re.compile(r"\d{1,19}\.[0-9a-f]{1,8}", re.IGNORECASE | re.ASCII)
_NAME: Final = re.compile(r"\*|mgr|mon|(?:mon|client|mds|mgr)\..*|osd\.(?:\*|\d{1,9})", re.DOTALL | re.ASCII)
_OSD: Final = re.compile(r"(?:osd\.)?(\d{1,9})", re.ASCII)
_FRAGMENT: Final = re.compile(r"0x[0-9a-f]{1,8}/\d{1,2}", re.IGNORECASE | re.ASCII)
_ADDRESS: Final = re.compile(
    r"(?:v1:|v2:|any:)?(?:(?P<six>[^\[\]/]*:[^\[\]/]*:[^\[\]/]*)|(?:\[(?P<inner>[^\[\]/]+)\]|(?P<four>[^\[\]/:]+))(?::(?P<port>\d{1,5}))?)"
    r"(?:/\d{1,10})?",
    re.ASCII,
)
_CLASS: Final = re.compile(r"\[(?!\^)(?:A-Z|a-z|0-9|[\w .,:/@+=%](?!-)|-(?=[_.\]])){1,80}\]", re.ASCII)
_TRUTH: Final[Mapping[str, bool]] = {"true": True, "1": True, "false": False, "0": False}


def text(word: str) -> Value:
    """Take any word: what it means is the daemon's affair."""
    return word


def truth(word: str) -> Value:
    """Take true and false, and 1 and 0 for them."""
    if word.lower() not in _TRUTH:
        raise ValueError("true or false")
    return _TRUTH[word.lower()]


def pattern(shape: re.Pattern[str], expected: str) -> Check:
    """Return the check that takes words of this shape."""

    def check(word: str) -> Value:
        if not shape.fullmatch(word):
            raise ValueError(expected)
        return word

    return check


def choice(strings: tuple[str, ...]) -> Check:
    """Return the check that takes one of these words."""

    def check(word: str) -> Value:
        if word not in strings:
            raise ValueError(f"one of {', '.join(strings)}")
        return word

    return check


def characters(allowed: str) -> Check:
    """Return the check that takes words of the characters in a plain class of a regular expression, such as [a-z0-9_].

    Any other expression comes from a peer that we don't trust to write one: then every word is taken, and the daemon
    checks it.
    """
    if not _CLASS.fullmatch(allowed):
        return text
    return pattern(re.compile(f"{allowed}*+"), f"made of the characters {allowed}")


def number(kind: type[int] | type[float], limits: tuple[float, ...]) -> Check:
    """Return the check that takes numbers from the first of `limits` up to the second, as many as there are."""
    low, high = (*limits, -math.inf, math.inf)[:2] if len(limits) != 1 else (limits[0], math.inf)
    noun = "a whole number" if kind is int else "a number"
    bounds = f" from {limits[0]:g}" + (f" to {high:g}" if len(limits) > 1 else "") if limits else ""

    def check(word: str) -> Value:
        if not (_INT if kind is int else _FLOAT).fullmatch(word):
            raise ValueError(noun + bounds)
        value = int(word, 0) if kind is int else float(word)
        if not (low <= value <= high and math.isfinite(value) and -(1 << 63) <= value < 1 << 63):
            raise ValueError(noun + bounds)
        return value

    return check


def osd(word: str) -> Value:
    """Take an OSD as N or osd.N, and mean its number, or * for all of them."""
    found = _OSD.fullmatch(word)
    if found is None and word != "*":
        raise ValueError("an OSD: N or osd.N")
    return int(found[1]) if found else word


def uuid(word: str) -> Value:
    """Take a UUID in any of its spellings."""
    try:
        UUID(word)
    except ValueError:
        raise ValueError("a UUID") from None
    return word


def address(word: str) -> Value:
    """Take an IP address, with a port and a nonce if they are there."""
    found = _ADDRESS.fullmatch(word)
    try:
        if not found or int(found["port"] or 0) > 0xFFFF:
            raise ValueError
        ip_address(found["inner"] or found["four"] or found["six"])
    except ValueError:
        raise ValueError("an address such as 10.0.0.1:3300/0 or [::1]:3300/0") from None
    return word


CHECKS: Final[Mapping[str, Check]] = {
    "CephBool": truth,
    "CephEntityAddr": address,
    "CephFragment": pattern(_FRAGMENT, "a fragment: 0xVALUE/BITS"),
    "CephIPAddr": address,
    "CephName": pattern(_NAME, "a daemon's name: TYPE.ID"),
    "CephOsdName": osd,
    "CephPgid": pattern(_PGID, "a placement group: POOL.HEX"),
    "CephUUID": uuid,
}
"""The types that take the same words whatever a description says besides. What is in no table is taken as text."""
