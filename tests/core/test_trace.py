"""A connection that is watched: what the watcher sees, and what it may do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import pytest

from msgr.core import (
    Closed,
    Compression,
    Compressions,
    Connected,
    Connection,
    Direction,
    MessageReceived,
    Stopped,
    states,
)
from msgr.core.compression import NO_COMPRESSION
from msgr.errors import ConnectionLost, Displaced, StateError
from msgr.frame import NodeTag, Tag
from msgr.session import Message

from .pair import BEGIN, CLIENT_AT, WALL, Dice, World, all_of, drain, drain_events, error_of, only

Step: TypeAlias = tuple[Direction, Tag | NodeTag]
SENDING, HANDLING = Direction.SENDING, Direction.HANDLING


class Watched:
    """A server that is watched, and a client that is not."""

    def __init__(
        self,
        act: Callable[[Connection, Step], object] | None = None,
        *,
        compression: Compressions = NO_COMPRESSION,
    ) -> None:
        world = World()
        self.steps: list[Step] = []
        self.woken = 0
        self._act = act
        client = replace(world.client, compression=compression)
        server = replace(world.server, compression=compression)
        self.client = Connection(client, dice=Dice("client"))
        self.server = Connection(server, dice=Dice("server"), peer_address=CLIENT_AT, trace=self._watch)
        self.server.woken = self._wake
        for end in (self.client, self.server):
            end.start(now=BEGIN, wall=WALL)

    def _wake(self) -> None:
        self.woken += 1

    def _watch(self, connection: Connection, direction: Direction, tag: Tag | NodeTag) -> None:
        assert connection is self.server
        self.steps.append((direction, tag))
        if self._act is not None:
            self._act(connection, (direction, tag))

    def pump(self) -> None:
        """Carry bytes both ways until there are none left."""
        moved = True
        while moved:
            moved = False
            for source, sink in ((self.client, self.server), (self.server, self.client)):
                if data := drain(source):
                    sink.receive_data(data, now=BEGIN)
                    moved = True


def pausing(at: Step) -> Callable[[Connection, Step], object]:
    """Return what holds the connection at that step."""
    return lambda connection, step: connection.pause() if step == at else None


def raising(at: Step, error: ConnectionLost) -> Callable[[Connection, Step], object]:
    """Return what raises at that step."""

    def act(_: Connection, step: Step) -> None:
        if step == at:
            raise error

    return act


def test_every_frame_is_seen_in_order() -> None:
    both = Watched()
    both.pump()
    assert both.steps[:3] == [(SENDING, Tag.HELLO), (HANDLING, Tag.HELLO), (HANDLING, Tag.AUTH_REQUEST)]
    assert both.steps[-2:] == [(HANDLING, Tag.CLIENT_IDENT), (SENDING, Tag.SERVER_IDENT)]
    both.server.send_message(Message(type=1))
    both.client.send_message(Message(type=1))
    both.pump()
    assert sorted(step[0].value for step in both.steps if step[1] is Tag.MESSAGE) == ["handling", "sending"]


def test_it_is_known_who_dialled() -> None:
    both = Watched()
    assert both.client.dialled
    assert not both.server.dialled


@pytest.mark.parametrize("at", [(HANDLING, Tag.CLIENT_IDENT), (SENDING, Tag.SERVER_IDENT)], ids=["handling", "sending"])
def test_what_is_held_goes_on_as_if_nothing_had_been(at: Step) -> None:
    both = Watched(pausing(at))
    both.pump()
    assert both.steps[-1] == at
    assert not isinstance(both.client.state, states.Ready)
    before = both.steps.copy()
    both.server.receive_data(b"", now=BEGIN)
    assert drain(both.server) == b""
    assert both.steps == before  # nothing is handled, and nothing goes out
    both.server.resume()
    assert both.woken == 1  # its owner has something to write
    both.pump()
    assert isinstance(both.client.state, states.Ready)
    assert both.steps.count(at) == 1


def test_messages_wait_while_it_is_held() -> None:
    both = Watched()
    both.pump()
    both.server.pause()
    both.server.send_message(Message(type=7))
    both.client.send_message(Message(type=8))
    both.pump()
    assert all_of(drain_events(both.client), MessageReceived) == []
    assert all_of(drain_events(both.server), MessageReceived) == []
    both.server.resume()
    both.pump()
    assert only(drain_events(both.client), MessageReceived).message.type == 7
    assert only(drain_events(both.server), MessageReceived).message.type == 8


def test_all_that_came_meanwhile_is_handled() -> None:
    """Also where it is more than is decompressed at once."""
    both = Watched(compression=Compressions(Compression(in_secure=True)))
    both.pump()
    drain_events(both.server)
    both.server.pause()
    for _ in range(3):
        both.client.send_message(Message(type=1, data=bytes(1 << 20)))
    both.pump()
    both.server.resume()
    assert len(all_of(drain_events(both.server), MessageReceived)) == 3


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("lost", [ConnectionLost("as the watcher wishes"), Stopped()], ids=["lost", "stopped"])
def test_the_watcher_may_end_it(direction: Direction, lost: ConnectionLost) -> None:
    tag = Tag.SERVER_IDENT if direction is SENDING else Tag.CLIENT_IDENT
    both = Watched(raising((direction, tag), lost))
    both.pump()
    assert error_of(drain_events(both.server)) is (None if isinstance(lost, Stopped) else lost)
    assert drain(both.server) == b""


def test_only_what_is_watched_can_be_held() -> None:
    both = Watched()
    for verb in (both.client.pause, both.client.resume):
        with pytest.raises(StateError, match="trace"):
            verb()


def test_a_connection_that_is_displaced_says_so_once() -> None:
    both = Watched()
    both.pump()
    session = only(drain_events(both.server), Connected).session
    both.server.displace()
    assert isinstance(error_of(drain_events(both.server)), Displaced)
    assert both.woken == 1
    both.server.displace()
    assert all_of(drain_events(both.server), Closed) == []
    assert both.woken == 1
    assert session.link is None


def test_a_nudge_is_for_a_session_only() -> None:
    both = Watched()
    both.server.nudge()
    assert both.woken == 0
    both.pump()
    drain_events(both.server)
    both.server.nudge()
    assert both.woken == 1
    assert drain(both.server) != b""
