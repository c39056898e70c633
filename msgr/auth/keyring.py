"""Keyrings: which entity has which key, and what it may do (KEY-5 … KEY-9)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Self

from ..errors import DecodeError, KeyringError
from ..wire import EntityName, Nested, Reader, Record, Vec, blob, text, u8, u64
from . import keyring_text
from .key import CryptoKey

LARGEST_FILE: Final = 1 << 20
"""More bytes than any keyring has: a file beyond is not read."""

_BINARY: Final = 1
_NO_AUID: Final = (1 << 64) - 1
_FOREIGN: Final = MappingProxyType[str, str]({})


@dataclass(frozen=True, slots=True)
class KeyringEntry:
    """A key and what it permits: `caps` maps a service's name to its capability text."""

    key: CryptoKey
    caps: Mapping[str, str] = field(default_factory=lambda: _FOREIGN)

    def __post_init__(self) -> None:
        object.__setattr__(self, "caps", MappingProxyType(dict(sorted(self.caps.items()))))
        for service, capability in self.caps.items():
            keyring_text.check_caps(service, capability)


class Keyring:
    """The keys of entities, as Ceph keeps them in a keyring file.

    Names may be given as EntityName or as text (`client.admin`); text that is no name raises ConfigError.
    """

    __slots__ = ("_entries",)

    def __init__(self, entries: Mapping[EntityName, KeyringEntry] = MappingProxyType({})) -> None:
        self._entries: dict[EntityName, KeyringEntry] = {}
        for name, entry in entries.items():
            self.add(name, entry.key, entry.caps)

    def __repr__(self) -> str:
        return f"Keyring({self._names()})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Keyring) and self._entries == other._entries

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[EntityName]:
        return iter(sorted(self._entries, key=_order))

    def __contains__(self, name: object) -> bool:
        return (EntityName.parse(name) if isinstance(name, str) else name) in self._entries

    def _names(self) -> str:
        return ", ".join(map(str, self)) or "empty"

    def add(self, name: EntityName | str, key: CryptoKey, caps: Mapping[str, str] = _FOREIGN) -> KeyringEntry:
        """Give `name` this key and these capabilities, in place of any it had; raises KeyringError."""
        name = _entity(name)
        keyring_text.check_name(name)
        entry = self._entries[name] = KeyringEntry(key, caps)
        return entry

    def remove(self, name: EntityName | str) -> None:
        """Forget the key of `name`; raises KeyringError where there is none."""
        self.get(name)
        del self._entries[_entity(name)]

    def get(self, name: EntityName | str) -> KeyringEntry:
        """Return the entry of `name`; raises KeyringError, which tells whose keys there are (KEY-9)."""
        entry = self._entries.get(_entity(name))
        if entry is None:
            raise KeyringError(f"no key of {name} in this keyring: {self._names()} [KEY-9]")
        return entry

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a keyring file of either form; raises KeyringError."""
        try:
            with Path(path).open("rb") as file:
                data = file.read(LARGEST_FILE + 1)
        except OSError as error:
            raise KeyringError(f"keyring {path}: {error.strerror}") from None
        try:
            return cls.loads(data)
        except KeyringError as error:
            raise KeyringError(f"keyring {path}: {error}") from None

    @classmethod
    def loads(cls, data: str | bytes) -> Self:
        """Return the keyring with this content, in the text or in the binary form; raises KeyringError."""
        if len(data) > LARGEST_FILE:
            raise KeyringError(f"more than {LARGEST_FILE} bytes are no keyring [KEY-5]")
        if isinstance(data, bytes) and data.startswith(bytes([_BINARY])):
            return cls(_read_binary(data))
        if isinstance(data, bytes):
            try:
                data = data.decode()
            except UnicodeDecodeError:
                raise KeyringError("neither a binary keyring nor UTF-8 text [KEY-5]") from None
        parsed = keyring_text.parse(data)
        return cls({name: KeyringEntry(entry.key, entry.caps) for name, entry in parsed.items()})

    def dumps(self) -> str:
        """Return the text form, as Ceph's tools write it. It shows the secrets: that is its purpose."""
        return "".join(keyring_text.section(name, entry.key, entry.caps) for name, entry in self._sorted())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the text form to `path`, readable by its owner alone, all or nothing (KEY-8); raises KeyringError."""
        target = Path(path)
        fresh = target.with_name(f".{target.name}.{os.getpid()}.new")
        try:
            fresh.unlink(missing_ok=True)
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "w", encoding="utf-8", newline="\n") as file:
                file.write(self.dumps())
                file.flush()
                os.fsync(descriptor)
            fresh.replace(target)
        except OSError as error:
            with suppress(OSError):
                fresh.unlink()
            raise KeyringError(f"keyring {path}: {error.strerror}") from None

    def _sorted(self) -> list[tuple[EntityName, KeyringEntry]]:
        return [(name, self._entries[name]) for name in self]


def _entity(name: EntityName | str) -> EntityName:
    return EntityName.parse(name) if isinstance(name, str) else name


def _order(name: EntityName) -> tuple[int, str]:
    return name.type, name.id


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cap(Record):
    """Capabilities at one service: a blob with a text in it, so two lengths, one around the other."""

    service: Annotated[str, text]
    capability: Annotated[bytes, blob]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member(Record):
    """An entity in the binary form; versions from 3 append a pending key, which is not for us to use."""

    name: Annotated[EntityName, Nested(EntityName)]
    struct_v: Annotated[int, u8] = 2
    auid: Annotated[int, u64] = _NO_AUID
    key: Annotated[CryptoKey, Nested(CryptoKey)]
    caps: Annotated[tuple[_Cap, ...], Vec[Any](Nested(_Cap))]


@dataclass(frozen=True, slots=True, kw_only=True)
class _BinaryHead(Record):
    struct_v: Annotated[int, u8]


def _read_binary(data: bytes) -> dict[EntityName, KeyringEntry]:
    """Return the entries of a binary keyring: u8 version 1, u32 count, members (KEY-7)."""
    entries: dict[EntityName, KeyringEntry] = {}
    reader = Reader(data)
    try:
        _BinaryHead.read(reader)
        for _ in range(reader.number(4)):
            member = _Member.read(reader)
            if member.struct_v >= 3:
                CryptoKey.read(reader)
            caps = {cap.service: text.read(Reader(cap.capability)) for cap in member.caps}
            entries[member.name] = KeyringEntry(member.key, caps)
    except DecodeError as error:
        raise KeyringError(f"a binary keyring that cannot be read: {error}") from None
    return entries
