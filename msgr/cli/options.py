"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from ..auth import Keyring
from ..core import Compression
from ..errors import ConfigError
from ..frame import Algorithm, Mode, Revision


class ModeName(StrEnum):
    """A connection mode as it is written."""

    SECURE = "secure"
    CRC = "crc"


class RevisionName(StrEnum):
    """A revision as it is written."""

    REV1 = "2.1"
    REV0 = "2.0"


class AlgorithmName(StrEnum):
    """An algorithm of compression as it is written."""

    SNAPPY = "snappy"
    ZLIB = "zlib"
    ZSTD = "zstd"
    LZ4 = "lz4"
    BROTLI = "brotli"


AddressArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="v2:HOST:PORT", help="An IPv6 host stands in brackets: v2:[::1]:6789.")
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
KeyringOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--keyring", metavar="FILE", help="The keyring with the key; without it, nobody proves anything."),
]
ModeOption: TypeAlias = Annotated[
    ModeName | None,
    typer.Option("--mode", help="The only mode allowed; by default the strongest: secure with a keyring, else crc."),
]
RevisionOption: TypeAlias = Annotated[
    RevisionName, typer.Option("--revision", help="The only revision of the framing allowed.")
]

CompressOption: TypeAlias = Annotated[
    AlgorithmName | None,
    typer.Option(
        "--compress", help="Compress frames of 1024 bytes and more, in secure mode too, if the other end agrees."
    ),
]


def modes_of(name: ModeName | None) -> tuple[Mode, ...]:
    """Return the modes allowed; none leaves the choice to the method of authentication."""
    return () if name is None else (Mode[name.name],)


def revision_of(name: RevisionName) -> Revision:
    """Return the revision with this name."""
    return Revision[name.name]


def compression_of(name: AlgorithmName | None) -> Compression | None:
    """Return what may be compressed, and how; raises ConfigError where the extra is not installed."""
    return None if name is None else Compression(algorithms=(Algorithm[name.name],), in_secure=True)


def load(keyring: Path | None, mode: ModeName | None) -> Keyring | None:
    """Return the keyring in a file, if one is named; raises KeyringError, and ConfigError where `mode` needs one."""
    if keyring is not None:
        return Keyring.load(keyring)
    if mode is ModeName.SECURE:
        raise ConfigError("secure mode needs a key: name a file with --keyring [AUTH-2]")
    return None
