"""Clients that come and go, one after another and as fast as they can: `python -m tests.net.accept.rush PORT ROUNDS`.

Each round is ten of them: most go again before they have said anything, and the last stays until it has a session. As
connections are accepted in the order in which they came, nobody is left in the kernel's queue after a round.
"""

from __future__ import annotations

import secrets
import socket
import sys
import time
from collections.abc import Callable
from typing import Final

from msgr import EntityAddr, EntityName, Mode
from msgr.auth import NoneClient
from msgr.core import ClientConfig, Connection
from msgr.core.states import Ready

from ..raw import BANNER, HELLO, said
from ..streams import cut

_NAME: Final = EntityName.parse("client.rush")
_HOSTS: Final = 200


def closes(visitor: socket.socket) -> None:
    """Go without a word."""


def resets(visitor: socket.socket) -> None:
    """Go without a word, and without a farewell."""
    cut(visitor, "RST")


def banner(visitor: socket.socket) -> None:
    """Say a banner, and go."""
    visitor.sendall(BANNER)


def half_a_hello(visitor: socket.socket) -> None:
    """Break off in the middle of a frame."""
    visitor.sendall(BANNER + said(HELLO)[:40])
    cut(visitor, "RST")


def session(visitor: socket.socket) -> None:
    """Have a session, and end it in good order."""
    host, number = visitor.getpeername()
    config = ClientConfig(
        name=_NAME,
        target=EntityAddr.parse(f"v2:{host}:{number}"),
        methods=(NoneClient(_NAME),),
        modes=(Mode.CRC,),
    )
    connection = Connection(config, dice=secrets.token_bytes)
    connection.start(now=time.monotonic(), wall=time.time())
    while not isinstance(connection.state, Ready):
        visitor.sendall(b"".join(connection.data_to_send()))
        data = visitor.recv(65536)
        assert data, "the server has gone"
        connection.receive_data(data, now=time.monotonic())
    visitor.shutdown(socket.SHUT_WR)
    while visitor.recv(65536):
        pass


ROUND: Final[tuple[Callable[[socket.socket], None], ...]] = (
    *(closes, resets, banner, closes, resets),
    *(half_a_hello, closes, resets, banner, session),
)


def main(number: int, rounds: int) -> None:
    """Come and go."""
    for count in range(rounds):
        near = f"127.0.0.{1 + count % _HOSTS}"
        for behave in ROUND:
            with socket.create_connection(("127.0.0.1", number), timeout=30, source_address=(near, 0)) as visitor:
                behave(visitor)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
