"""What tests of handshakes do to streams, step by step."""

from __future__ import annotations

from msgr.core import Connected
from msgr.core.states import AwaitReconnectOk, AwaitServerIdent
from msgr.session import Outcome
from tests.sessions_model.ends import (
    End,
    Stream,
)


def connect(a: End, b: End) -> Stream:
    """Dial, and let the session be ready."""
    stream = a.dial(b)
    stream.pump()
    assert stream.ready
    return stream


def resumed(end: End) -> list[bool]:
    """Whether each of its connections went on with a session that was there."""
    return [event.resumed for event in end.of(Connected)]


def until_identified(stream: Stream) -> None:
    """Carry bytes until the acceptor is ready and its SERVER_IDENT is on its way; the dialler has not read it."""
    while not stream.acceptor.ready:
        stream.carry(stream.dialler)
        stream.carry(stream.acceptor)
    stream.write(stream.acceptor)
    assert isinstance(stream.dialler.connection.state, AwaitServerIdent)


def until_asked(stream: Stream) -> None:
    """Carry bytes until the dialler has said CLIENT_IDENT or SESSION_RECONNECT; the acceptor has not read it."""
    while not isinstance(stream.dialler.connection.state, AwaitServerIdent | AwaitReconnectOk):
        stream.carry(stream.acceptor)
        stream.carry(stream.dialler)
    stream.write(stream.dialler)
    assert stream.acceptor.inbound


def settled(a: End, b: End, count_a: int, count_b: int) -> None:
    """Check that each end received all that the other counted up to, once and in order, and that receipts say so."""
    assert a.tids == list(range(count_b))
    assert b.tids == list(range(count_a))
    assert a.outcomes()[Outcome.ACKNOWLEDGED] == set(range(count_a))
    assert b.outcomes()[Outcome.ACKNOWLEDGED] == set(range(count_b))
