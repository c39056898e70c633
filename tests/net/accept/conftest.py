"""Sockets that are closed afterwards, and one that listens in moods."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from .visitors import Moody


@pytest.fixture
def flood() -> Iterator[list[socket.socket]]:
    """Sockets, closed afterwards."""
    sockets: list[socket.socket] = []
    yield sockets
    for opened in sockets:
        opened.close()


@pytest.fixture
def moody() -> Iterator[Moody]:
    """A moody socket that listens."""
    with Moody(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.moods, listening.attempts = [], 0
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.setblocking(False)
        yield listening
