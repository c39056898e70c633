"""`msgr keygen`: a new key."""

from __future__ import annotations

import os
import secrets
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ..auth import CryptoKey, Keyring, KeyType
from ..errors import KeyringError
from .options import JsonOption
from .report import Report


class KeyTypeName(StrEnum):
    """A key type as it is written."""

    AES256K = "aes256k"
    AES = "aes"


def keygen(
    type: Annotated[
        KeyTypeName, typer.Option("--type", help="What the key is for; aes only for clusters that know nothing better.")
    ] = KeyTypeName.AES256K,
    name: Annotated[
        str | None, typer.Option("--name", metavar="TYPE.ID", help="Whose key it is; client.admin in a keyring.")
    ] = None,
    keyring: Annotated[
        Path | None, typer.Option("--keyring", metavar="FILE", help="Add the key to this file, and do not print it.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the key that the name has already.")] = False,
    json: JsonOption = False,
) -> None:
    """Make a key, and print it or add it to a keyring.

    It is printed as base64 text or, with --name, as the section of a keyring. A keyring file is readable by its owner
    alone; what else is in it stays.
    """
    report = Report(json=json)
    key = CryptoKey.generate(secrets.token_bytes, time.time(), KeyType[type.name])
    document = {"type": type.value, "name": name, "keyring": None, "key": key.to_text()}
    if keyring is not None:
        name = name or "client.admin"
        _store(keyring, name, key, force=force)
        report.line(f"the {type} key of {name} is in {keyring}")
        document |= {"name": name, "keyring": str(keyring), "key": None}
    elif name is not None:
        alone = Keyring()
        alone.add(name, key)
        report.line(alone.dumps().rstrip("\n"))
    else:
        report.line(key.to_text())
    report.document(document)


def _store(path: Path, name: str, key: CryptoKey, *, force: bool) -> None:
    target = path.resolve()  # a file that is linked to is replaced, not the link
    keyring = Keyring.load(target) if os.path.exists(target) else Keyring()
    known = name in keyring
    if known and not force:
        raise KeyringError(f"{path} has a key of {name} already; --force replaces it")
    keyring.add(name, key, keyring.get(name).caps if known else {})
    keyring.save(target)
