"""Who takes part: entity types and names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Annotated, Final, Self

from ..errors import ConfigError
from .codec import named, text
from .record import Record


@unique
class EntityType(IntEnum):
    """The kinds of peers. The numbers are bits, because cephx asks for tickets by mask."""

    MON = 1
    MDS = 2
    OSD = 4
    CLIENT = 8
    MGR = 16
    AUTH = 32
    ANY = 255


def type_name(number: int) -> str:
    """Return the lower-case name of an entity type, or `type-N` for one without a name."""
    return EntityType(number).name.lower() if number in EntityType._value2member_map_ else f"type-{number}"


_NAMED: Final = {type_name(member): member for member in EntityType if member < EntityType.AUTH}
"""The types of which there are entities, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityName(Record):
    """The name of an entity, such as `client.admin`, `osd.3` or `mon.` (whose id is empty).

    ======  =====  ====================
    offset  size   field
    ======  =====  ====================
    0       u32    type
    4       text   id
    ======  =====  ====================
    """

    type: Annotated[int, named("I", EntityType)]
    id: Annotated[str, text]

    @classmethod
    def parse(cls, name: str) -> Self:
        """Return the name written as `type.id`; raises ConfigError."""
        kind, dot, ident = name.partition(".")
        if not dot or kind not in _NAMED:
            raise ConfigError(f"{name!r} is not an entity name: TYPE.ID with TYPE one of {', '.join(_NAMED)}")
        return cls(type=_NAMED[kind], id=ident)

    def __str__(self) -> str:
        return f"{type_name(self.type)}.{self.id}"
