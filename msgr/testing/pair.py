"""Two sans-IO connections, and the bytes between them, moved by hand."""

from __future__ import annotations

from ..core import Connection, Event
from ..core.states import Ended, Ready
from .clock import HandClock


class End:
    """One of the two: its connection, what came to it, and what happened there."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.inbound = bytearray()
        """Bytes on their way to it."""
        self.finished = False
        """Whether the stream ends after `inbound`."""
        self.events: list[Event] = []
        """What it reported, without end; tests take out of it what they like."""
        self.received = 0
        """How many bytes were delivered to it."""

    @property
    def ended(self) -> bool:
        """Whether its connection is over."""
        return isinstance(self.connection.state, Ended)

    @property
    def ready(self) -> bool:
        """Whether it has a session."""
        return isinstance(self.connection.state, Ready)


class ConnectionPair:
    """A client's connection and a server's, with a stream between them that only moves when it is told to.

    ::

        pair = ConnectionPair(Connection(dialling, dice=FixedDice(1)), Connection(accepting, dice=FixedDice(2)))
        pair.pump(piece=7)
        pair.client.connection.send_message(Message(type=1))
        pair.carry(pair.server, 100)             # a hundred bytes, and no more
        pair.cut()
    """

    def __init__(self, client: Connection, server: Connection, *, clock: HandClock | None = None) -> None:
        self.clock = clock or HandClock()
        self.client = End(client)
        self.server = End(server)
        for connection in (client, server):
            connection.start(now=self.clock.now, wall=self.clock.wall())
        self.settle()

    def carry(self, end: End, size: int | None = None) -> int:
        """Deliver up to `size` bytes to one end, by default all that there are; returns how many.

        Once all are delivered, the end of the stream is too.
        """
        self.settle()
        data = bytes(end.inbound[:size])
        del end.inbound[: len(data)]
        if not end.ended:
            if data:
                end.connection.receive_data(data, now=self.clock.now)
            while end.connection.has_input:
                end.connection.receive_data(b"", now=self.clock.now)
            if end.finished and not end.inbound:
                end.connection.receive_eof()
        end.received += len(data)
        self.settle()
        return len(data)

    def pump(self, *, piece: int | None = None) -> int:
        """Deliver what there is, both ways by turns, `piece` bytes at a time, until nothing moves; returns how many."""
        total = 0
        while moved := self.carry(self.server, piece) + self.carry(self.client, piece):
            total += moved
        return total

    def cut(self) -> None:
        """End the stream at both ends at once: what is on its way is lost."""
        for end in (self.client, self.server):
            end.inbound.clear()
            end.finished = True
            end.connection.receive_eof()
        self.settle()

    def turn(self, seconds: float) -> None:
        """Turn the clock, and let both ends see to what is due by then."""
        now = self.clock.turn(seconds)
        for end in (self.client, self.server):
            deadline = end.connection.next_deadline
            if deadline is not None and deadline <= now:
                end.connection.handle_deadline(now=now)
        self.settle()

    def settle(self) -> None:
        """Fetch what both ends write and report. An end that is over closes its stream."""
        for end, other in ((self.client, self.server), (self.server, self.client)):
            while pieces := end.connection.data_to_send():
                if not other.ended:
                    for piece in pieces:
                        other.inbound += piece
            while (event := end.connection.next_event()) is not None:
                end.events.append(event)
            if end.ended:
                other.finished = True
