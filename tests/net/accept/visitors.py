"""Those who come, and go before they have said who they are; and a socket at which not all of them arrive."""

from __future__ import annotations

import os
import socket

from ..streams import Cut, cut

HERE = "127.0.0.1"


def call(number: int, near: str = HERE) -> socket.socket:
    """Return a connection from one of this machine's addresses, which does not block.

    The kernel makes connections whether or not anybody accepts them.
    """
    opened = socket.create_connection((HERE, number), source_address=(near, 0))
    opened.setblocking(False)
    return opened


def visit(number: int, how: Cut) -> None:
    """Connect, and go at once."""
    with call(number) as visitor:
        cut(visitor, how)


class Moody(socket.socket):
    """A listening socket whose `accept` fails as it is told."""

    moods: list[int]
    attempts: int

    def accept(self) -> tuple[socket.socket, object]:
        """Accept, or fail."""
        self.attempts += 1
        if self.moods:
            number = self.moods.pop(0)
            raise OSError(number, os.strerror(number))
        return super().accept()
