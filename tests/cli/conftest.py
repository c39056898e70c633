"""What the tests of the command share: keyrings, servers, and the command itself."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from msgr import CryptoKey, Keyring

from .run import Msgr, serving


@pytest.fixture
def msgr(capsys: pytest.CaptureFixture[str]) -> Msgr:
    """The command, called in this process."""
    return Msgr(capsys)


@pytest.fixture(scope="session")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A keyring with the key of client.admin."""
    return make_keyring(tmp_path_factory.mktemp("cli") / "keyring")


@pytest.fixture(scope="session")
def other_keyring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A keyring with another key of client.admin, and one of client.unknown."""
    return make_keyring(tmp_path_factory.mktemp("cli") / "other", "client.admin", "client.unknown")


def make_keyring(path: Path, *names: str) -> Path:
    """Write a keyring with fresh keys."""
    keyring = Keyring()
    for name in names or ("client.admin",):
        keyring.add(name, CryptoKey.generate(secrets.token_bytes, 1.0))
    keyring.save(path)
    return path


@pytest.fixture(scope="session")
def server(keyring: Path) -> Iterator[str]:
    """The address of a `msgr serve` with cephx, in secure mode and revision 2.1."""
    with serving("--keyring", str(keyring)) as served:
        yield served.address


@pytest.fixture(scope="session")
def old_server(keyring: Path) -> Iterator[str]:
    """The address of a `msgr serve` with cephx, in crc mode and revision 2.0."""
    with serving("--keyring", str(keyring), "--mode", "crc", "--revision", "2.0") as served:
        yield served.address


@pytest.fixture(scope="session")
def open_server() -> Iterator[str]:
    """The address of a `msgr serve` that asks nobody for a proof."""
    with serving("--name", "osd.3") as served:
        yield served.address
