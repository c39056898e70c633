"""Records that say their version and their length, so that older readers can pass over what newer ones append."""

from __future__ import annotations

from struct import Struct
from typing import ClassVar, Final, Self

from ..errors import DecodeError
from .cursor import Reader
from .record import Record

_HEAD: Final = Struct("<BBI")


class Versioned(Record):
    """A record behind `u8 version, u8 compat, u32 length` (WIRE-3).

    `VERSION` is what we write and, in `compat`, the highest that we can be asked to understand; `COMPAT` is the oldest
    reader for which what we write makes sense; of versions before `OLDEST` we do not know the layout.
    """

    __slots__ = ()

    VERSION: ClassVar[int] = 1
    COMPAT: ClassVar[int] = 1
    OLDEST: ClassVar[int] = 1

    def write(self, out: bytearray) -> None:
        """Append the head and the fields."""
        body = bytearray()
        super().write(body)
        out += _HEAD.pack(self.VERSION, self.COMPAT, len(body)) + body

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read the head and the fields; bytes after the last one stay unread. Raises DecodeError."""
        version, compat, size = reader.unpack(_HEAD)
        if compat > cls.VERSION or version < cls.OLDEST:
            raise DecodeError(
                f"{cls.__name__} of version {version}, readable from version {compat} on; "
                f"{cls.OLDEST} to {cls.VERSION} are understood",
                rule="WIRE-3",
            )
        return super().read(reader.within(size))
