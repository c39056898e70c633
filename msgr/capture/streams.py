"""TCP: from packets in any order to the bytes of each connection, in order.

What came twice is taken once (the first copy counts), what came early waits. Bytes that never come are a gap: it is
declared when too much waits behind it, or when the connection or the capture is over.

A stream begins at its SYN. Where that was not captured, it begins at a packet that starts with a banner, so that the
decoding of a connection can begin although its first packets are missing; nothing else is a place to begin.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

from ..payload.banner import PREFIX
from .packets import Host, TcpPacket

WAITING: Final = 8 << 20
"""How many bytes of one direction may wait behind a gap."""
_WAITING_IN_ALL: Final = 64 << 20
_PIECES: Final = 16 << 10
_WRAP: Final = 1 << 32
_HALF: Final = 1 << 31


class Sink(Protocol):
    """Takes what one connection carries. Side 0 is the one whose packet was seen first."""

    def feed(self, side: int, time: float, data: bytes) -> None:
        """Take the next bytes that a side sent."""

    def lose(self, side: int, missing: int, behind: int) -> None:
        """Take note that `missing` bytes of a side are not in the capture, and that `behind` bytes follow them."""

    def dialled(self, side: int) -> None:
        """Take note that this side opened the connection."""

    def finish(self) -> None:
        """Take note that nothing more will come."""


Open: TypeAlias = Callable[[tuple[Host, Host]], Sink]
"""Makes the sink of a connection; the first host is side 0."""


class _Side:
    """What one end sends. `position` is how many bytes of the stream are delivered or lost."""

    __slots__ = ("first", "isn", "lost", "position", "waiting", "waiting_bytes")

    def __init__(self) -> None:
        self.isn: int | None = None
        """The sequence number of the SYN, where that was captured."""
        self.first: int | None = None
        """The sequence number of the byte at `position`, once it is known where the stream begins."""
        self.position = 0
        self.waiting: list[tuple[int, float, bytes]] = []
        """Sequence numbers, times and bytes, before the beginning is known; then positions, in order."""
        self.waiting_bytes = 0
        self.lost = False


class _Flow:
    """One TCP connection. Its sink is made when there is anything to take: most flows of a scan never get that far."""

    __slots__ = ("_dialler", "_open", "_sink", "hosts", "sides")

    def __init__(self, hosts: tuple[Host, Host], opened: Open) -> None:
        self.hosts = hosts
        self.sides = (_Side(), _Side())
        self._open = opened
        self._sink: Sink | None = None
        self._dialler: int | None = None

    @property
    def sink(self) -> Sink:
        """Who takes what it carries."""
        if self._sink is None:
            self._sink = self._open(self.hosts)
            if self._dialler is not None:
                self._sink.dialled(self._dialler)
        return self._sink

    def _note_dialler(self, side: int) -> None:
        self._dialler = side
        if self._sink is not None:
            self._sink.dialled(side)

    @property
    def waiting_bytes(self) -> int:
        """How many bytes wait, in both directions."""
        return sum(side.waiting_bytes for side in self.sides)

    def is_over_by(self, packet: TcpPacket) -> bool:
        """Tell whether a packet begins another connection between the same two hosts and ports."""
        if not packet.syn:
            return False
        side = self.sides[self.hosts.index(packet.source)]
        if side.isn is not None:
            return side.isn != packet.seq
        if side.first is not None:
            return (side.first - side.position - packet.seq - 1) % _WRAP != 0
        # Data that came before their SYN was seen belong to it if they follow it closely.
        return any((seq - packet.seq - 1) % _WRAP > WAITING for seq, _, _ in side.waiting)

    def take(self, packet: TcpPacket) -> None:
        """Take a packet of this connection."""
        index = self.hosts.index(packet.source)
        side = self.sides[index]
        seq = packet.seq
        if packet.syn:
            if side.isn is None and not packet.ack:
                self._note_dialler(index)
            side.isn = packet.seq
            seq = (seq + 1) % _WRAP
            if side.first is None:
                self._begin(index, seq)
        if not packet.length or side.lost:
            if side.lost and packet.data:
                self.sink.lose(index, 0, len(packet.data))
            return
        if side.first is None and packet.data.startswith(PREFIX):
            self._begin(index, seq)
        self._keep(side, seq, packet.time, packet.data)
        if side.first is not None:
            self._deliver(index)
        if side.waiting_bytes > WAITING or len(side.waiting) > _PIECES:
            self.give_up(index)

    def _begin(self, index: int, seq: int) -> None:
        """Begin the stream of a side at a sequence number, with what has come already."""
        side = self.sides[index]
        early, side.waiting, side.waiting_bytes = side.waiting, [], 0
        side.first = seq
        for early_seq, time, data in early:
            self._keep(side, early_seq, time, data)
        self._deliver(index)

    def _keep(self, side: _Side, seq: int, time: float, data: bytes) -> None:
        if side.first is None:
            side.waiting.append((seq, time, data))
            side.waiting_bytes += len(data)
            return
        ahead = (seq - side.first) % _WRAP
        if ahead >= _HALF:  # it begins before what is to come next
            data = data[_WRAP - ahead :]
            ahead = 0
        if not data:
            return
        at = bisect_right(side.waiting, side.position + ahead, key=lambda piece: piece[0])
        side.waiting.insert(at, (side.position + ahead, time, data))
        side.waiting_bytes += len(data)

    def _deliver(self, index: int) -> None:
        """Hand on what follows without a gap."""
        side = self.sides[index]
        count = 0
        for position, time, data in side.waiting:
            if position > side.position:
                break
            count += 1
            side.waiting_bytes -= len(data)
            data = data[side.position - position :]
            if data:
                assert side.first is not None
                side.position += len(data)
                side.first = (side.first + len(data)) % _WRAP
                self.sink.feed(index, time, data)
        del side.waiting[:count]

    def give_up(self, index: int) -> None:
        """Wait no longer for what is missing on a side."""
        side = self.sides[index]
        if not side.waiting:
            return
        behind, missing = side.waiting_bytes, 0
        if side.first is not None:
            missing = side.waiting[0][0] - side.position
        side.waiting, side.waiting_bytes, side.lost = [], 0, True
        self.sink.lose(index, missing, behind)

    def end(self) -> None:
        """Take note that nothing more will come."""
        for index in (0, 1):
            self.give_up(index)
        if self._sink is not None:
            self._sink.finish()


class TcpStreams:
    """Sorts packets into connections, and their bytes into order."""

    def __init__(self, opened: Open) -> None:
        self._open = opened
        self._flows: dict[frozenset[Host], _Flow] = {}
        self._waiting = 0

    def take(self, packet: TcpPacket) -> None:
        """Take one packet."""
        key = frozenset((packet.source, packet.target))
        if len(key) == 1:  # a socket connected to itself: its two directions cannot be told apart
            return
        flow = self._flows.get(key)
        if flow is not None and flow.is_over_by(packet):
            self._waiting -= flow.waiting_bytes
            flow.end()
            flow = None
        if flow is None:
            hosts = (packet.source, packet.target)
            flow = self._flows[key] = _Flow(hosts, self._open)
        before = flow.waiting_bytes
        flow.take(packet)
        self._waiting += flow.waiting_bytes - before
        if self._waiting > _WAITING_IN_ALL:
            self._waiting -= flow.waiting_bytes
            for index in (0, 1):
                flow.give_up(index)

    def finish(self) -> None:
        """End all connections: the capture is over."""
        for flow in self._flows.values():
            flow.end()
        self._flows.clear()
