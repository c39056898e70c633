"""Numbers as words."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import Final

from ..frame import Algorithm
from ..wire import BannerFeature, EntityAddr, EntityType, type_name

_TYPES: Final = {int(kind) for kind in EntityType}
_FEATURES: Final = {
    BannerFeature.REVISION_1: "revision 2.1",
    BannerFeature.COMPRESSION: "compression",
    BannerFeature.MSGR_EXT: "the msgr extension",
}


def algorithm_word(algorithm: Algorithm | None) -> str | None:
    """Return the name of an algorithm of compression, or None where there is none."""
    return None if algorithm is None else algorithm.name.lower()


def type_word(number: int) -> str | int:
    """Return the name of an entity type, or the number of one without a name."""
    return type_name(number) if number in _TYPES else number


def features(bits: int) -> str:
    """Return the names of banner features."""
    known = sum(_FEATURES)
    names = [name for bit, name in _FEATURES.items() if bits & bit]
    if bits & ~known:
        names.append(hex(bits & ~known))
    return ", ".join(names) or "none"


def listed(words: Iterable[str | int]) -> str:
    """Return words with commas between them."""
    return ", ".join(map(str, words)) or "none"


def written(address: EntityAddr) -> str:
    """Return an address as a person would write it: without a nonce where it has none."""
    return str(address).removesuffix("/0")


def micros(seconds: float) -> float:
    """Return a time in microseconds, to a tenth."""
    return round(seconds * 1e6, 1)


def spread(values: list[float]) -> str:
    """Return the least, the middle and the greatest of some times in microseconds."""
    return f"min {min(values):,.0f} us, median {median(values):,.0f} us, max {max(values):,.0f} us"
