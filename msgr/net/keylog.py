"""Writes the connection secrets of our own connections to a file, for whoever is to read a capture of them.

The variable MSGR_KEYLOG names the file. **It defeats the encryption**: whoever holds it can read all that these
connections carried, and all that they still will, so it belongs on a machine for tests, and is deleted afterwards.
"""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ..core import Connection
from .log import EventLog
from .stream import Address, Stream

VARIABLE: Final = "MSGR_KEYLOG"
LABEL: Final = "MSGR2_CONNECTION_SECRET"
ANY: Final = "*"
"""In place of an address: any, or one that is not known."""
_OWNER_ONLY: Final = 0o600


@dataclass(frozen=True, slots=True)
class KeyLogFile:
    """A file to which one line is appended for each connection in secure mode.

    The line is the label, the addresses of the client and of the server (`IP:PORT`, an IPv6 address in brackets, `*`
    where the stream has none), and the secret in hexadecimal digits. The file is made for its owner alone; one that is
    there already keeps its permissions. That it cannot be written is logged, and disturbs no connection.
    """

    path: Path
    log: EventLog = field(
        default_factory=lambda: EventLog("msgr.net.keylog", time.monotonic), repr=False, compare=False
    )

    def follow(self, connection: Connection, stream: Stream) -> None:
        """Write the secret of a connection as soon as it has one."""

        def write(secret: bytes) -> None:
            own, other = stream.ends()
            client, server = (own, other) if connection.dialled else (other, own)
            self.write(client, server, secret)

        connection.reveal(write)

    def write(self, client: Address | None, server: Address | None, secret: bytes) -> None:
        """Append the line of one connection, in one write: other processes may be doing the same."""
        line = f"{LABEL} {_written(client)} {_written(server)} {secret.hex()}\n".encode()
        try:
            number = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _OWNER_ONLY)
            try:
                os.write(number, line)
            finally:
                os.close(number)
        except OSError as error:
            text = f"the key log cannot be written: {error.strerror or error}"
            self.log.tell(logging.WARNING, "keylog", str(self.path), text)


def keylog_of_environment() -> KeyLogFile | None:
    """Return the file that the variable MSGR_KEYLOG names, or None."""
    name = os.environ.get(VARIABLE)
    return KeyLogFile(Path(name)) if name else None


def _written(address: Address | None) -> str:
    if address is None:
        return ANY
    host, port = address
    host = host.partition("%")[0].removeprefix("::ffff:") if "." in host else host.partition("%")[0]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
