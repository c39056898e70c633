"""The key log: connection secrets in a file, so that whoever holds it can read what they encrypted.

A line is `MSGR2_CONNECTION_SECRET`, the address of the client, that of the server (`IP:PORT`, an IPv6 address in
brackets, `*` for any), and the secret in hexadecimal digits. Empty lines and those that begin with `#` say nothing.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from ..errors import ConfigError
from ..frame import SECRET_SIZE
from ..net.keylog import ANY, LABEL
from ..wire import unmapped
from .packets import Host


@dataclass(frozen=True, slots=True)
class _Line:
    client: Host | None
    server: Host | None
    secret: bytes = field(repr=False)


class KeyLog:
    """The secrets of a key log."""

    def __init__(self, lines: Iterable[_Line] = ()) -> None:
        self._lines = tuple(lines)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file; raises ConfigError."""
        try:
            return cls.loads(path.read_text("utf-8"))
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror or error}") from None
        except UnicodeDecodeError:
            raise ConfigError(f"{path} is not text, so it is no key log") from None
        except ConfigError as error:
            raise ConfigError(f"{path}, {error}") from None

    @classmethod
    def loads(cls, text: str) -> Self:
        """Read the text of a key log; raises ConfigError, which tells no secret."""
        lines = []
        for number, line in enumerate(text.splitlines(), start=1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if words[0] != LABEL or len(words) != 4:
                raise ConfigError(f"line {number}: a line is `{LABEL} CLIENT SERVER HEX`")
            try:
                lines.append(_Line(_host(words[1]), _host(words[2]), _secret(words[3])))
            except ValueError as error:
                raise ConfigError(f"line {number}: {error}") from None
        return cls(lines)

    def secrets(self, client: Host, server: Host) -> tuple[bytes, ...]:
        """Return the secrets that may be those of a connection, the likeliest first, each once."""
        fitting = [line for line in self._lines if line.client in (None, client) and line.server in (None, server)]
        fitting.sort(key=lambda line: (line.client is None) + (line.server is None))
        return tuple(dict.fromkeys(line.secret for line in fitting))


def plain(host: Host) -> Host:
    """Return a host whose IPv4 address is not dressed up as one of IPv6."""
    return Host(unmapped(host.ip), host.port)


def _host(written: str) -> Host | None:
    if written == ANY:
        return None
    address, colon, port = written.rpartition(":")
    if address.startswith("[") and address.endswith("]"):
        address = address[1:-1].partition("%")[0]
    if not colon or not (port.isascii() and port.isdigit()) or int(port[:6]) > 0xFFFF:
        raise ValueError(f"{written!r} is not IP:PORT, nor {ANY}")
    return Host(unmapped(ip_address(address)), int(port))


def _secret(digits: str) -> bytes:
    try:
        secret = binascii.unhexlify(digits)
    except ValueError:
        raise ValueError("the secret is not in hexadecimal digits") from None
    if len(secret) < SECRET_SIZE:
        raise ValueError(f"a secret of {len(secret)} bytes, {SECRET_SIZE} are needed [FRAME-13]")
    return secret
