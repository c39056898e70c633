"""`msgr bench --scale`: does a message, or a session, cost more because there are many others?

Nothing is sent here: the sessions are worked on in memory, and every step of the code that would send is timed.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from statistics import median
from time import perf_counter
from typing import Final, TypeAlias, TypeVar

from ..session import LosslessSession, Message, PeerSession, Phase, Policy, SessionTable, decide_ident, decide_reconnect
from ..wire import AddressType, EntityAddr
from .report import Report
from .words import micros

LIMIT: Final = 2.0
"""How many times the small case the large one may cost."""
MESSAGES: Final = 1_000_000
_APART: Final = 1000
"""How many times the small case the large one is."""
_ROUNDS: Final = 101
_REPLAYS: Final = 3
_STEPS: Final = 100
"""How many messages, or lookups, are timed together."""
_WEIGHED: Final = 5_000
"""How many sessions, or messages, are made under tracemalloc, which is slow: the sizes are the same for all."""

_COOKIE: Final = 7
_POLICY: Final = Policy.lossless_peer_reuse()
_LOW, _HIGH = b"\x00", b"\x01"

Progressed: TypeAlias = Callable[[float], None]
Addresses: TypeAlias = tuple[EntityAddr, ...]
Load = TypeVar("Load")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one step costs in both cases, in seconds: medians of interleaved repetitions."""

    key: str
    what: str
    """For people."""
    small: float
    large: float

    @property
    def ratio(self) -> float:
        """How many times the small case the large one costs."""
        return self.large / self.small if self.small else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How many messages and sessions there are in both cases."""

    messages: tuple[int, int]
    sessions: tuple[int, int]

    @classmethod
    def of(cls, messages: int) -> Sizes:
        """Return the sizes that go with this many messages in the large case."""
        sessions = max(1, messages // 10)
        return cls(messages=(max(1, messages // _APART), messages), sessions=(max(1, sessions // _APART), sessions))


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Bytes that Python allocated, as tracemalloc counts them."""

    session: float
    queued: float
    unacknowledged: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured."""

    sizes: Sizes
    messages: tuple[Cost, ...]
    lookups: tuple[Cost, ...]
    bare: Cost
    """A lookup in a plain dict of as many numbers: what rises here is the price of memory, not ours."""
    memory: Memory
    cut: Cost
    """A connection that is lost halfway through a replay: the whole step, not a message's share."""
    gc_pause: float
    """Seconds that one full garbage collection takes in the large case."""

    @property
    def good(self) -> bool:
        """Whether every ratio is within the limit."""
        return all(cost.ratio <= LIMIT for cost in self.costs)

    @property
    def costs(self) -> tuple[Cost, ...]:
        """All that must be within the limit."""
        return (*self.messages, *self.lookups)


def measure(messages: int, progressed: Progressed) -> Figures:
    """Measure with this many messages, and a tenth as many sessions, in the large case."""
    sizes = Sizes.of(messages)
    memory = Memory(session=_weigh(_table), queued=_weigh(_queued), unacknowledged=_weigh(_written))
    progressed(0.05)
    loads = [_Written(size) for size in sizes.messages]
    progressed(0.2)
    send, ack = _alternate(loads, (_Written.send, _Written.acknowledge), _ROUNDS)
    gc_pause = _seconds(gc.collect)
    replay, cut = _alternate(loads, (_Written.replay, _Written.cut), _REPLAYS)
    del loads
    progressed(0.85)
    (queue,) = _alternate([_Queued(size) for size in sizes.messages], (_Queued.pass_on,), _ROUNDS)
    progressed(0.95)
    tables = [_Table(size) for size in sizes.sessions]
    find, decide, replace, bare = _alternate(tables, (_Table.find, _Table.decide, _Table.replace, _Table.bare), _ROUNDS)
    return Figures(
        sizes=sizes,
        messages=(
            Cost("send", "send one", *send),
            Cost("ack", "acknowledge the oldest", *ack),
            Cost("replay", "send one again after a cut", *replay),
            Cost("queue", "send one, all wait unsent", *queue),
        ),
        lookups=(
            Cost("lookup", "find one by its addresses", *find),
            Cost("decide", "find, answer both requests", *decide),
            Cost("register", "remove and register again", *replace),
        ),
        bare=Cost("dict", "(a plain dict as large)", *bare),
        memory=memory,
        cut=Cost("cut", "lose the connection in mid-replay", *cut),
        gc_pause=gc_pause,
    )


def _alternate(
    loads: Sequence[Load], steps: Sequence[Callable[[Load], float]], rounds: int
) -> list[tuple[float, float]]:
    """Let the small and the large case take turns, so that what else the machine does meets both."""
    times = [[step(load) for load in loads for step in steps] for _ in range(rounds)]
    middle = [median(column) for column in zip(*times, strict=True)]
    return list(zip(middle[: len(steps)], middle[len(steps) :], strict=True))


def _seconds(work: Callable[[], object]) -> float:
    begin = perf_counter()
    work()
    return perf_counter() - begin


class _Written:
    """A session with `size` messages that were written and not acknowledged. Each method returns seconds a message."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._session = _written(size)
        self._acknowledged = 0

    def send(self) -> float:
        """Send some more."""
        session, messages = self._session, _messages(_STEPS)
        begin = perf_counter()
        for message in messages:
            session.push(message)
            session.next_frame()
        return (perf_counter() - begin) / _STEPS

    def acknowledge(self) -> float:
        """Acknowledge as many, one at a time, so that there are `size` again."""
        session, first = self._session, self._acknowledged + 1
        begin = perf_counter()
        for seq in range(first, first + _STEPS):
            session.acknowledge(seq)
        self._acknowledged += _STEPS
        return (perf_counter() - begin) / _STEPS

    def replay(self) -> float:
        """Lose the connection, and send all again; as often as it takes to time the small case well."""
        session, times = self._session, max(1, 20_000 // self._size)
        begin = perf_counter()
        for _ in range(times):
            session.lose_connection()
            session.resume(self._acknowledged)
            while session.has_messages:
                session.next_frame()
        return (perf_counter() - begin) / (times * self._size)

    def cut(self) -> float:
        """Lose the connection when half of all is sent again; this alone returns the seconds of the whole step."""
        session = self._session
        session.lose_connection()
        for _ in range(self._size // 2):
            session.next_frame()
        taken = _seconds(session.lose_connection)
        while session.has_messages:
            session.next_frame()
        return taken


class _Queued:
    """A session without a connection, in which `size` messages wait to be written."""

    def __init__(self, size: int) -> None:
        self._session = _queued(size)

    def pass_on(self) -> float:
        """Push some behind those that wait, and write as many of the oldest."""
        session, messages = self._session, _messages(_STEPS)
        begin = perf_counter()
        for message in messages:
            session.push(message)
            session.next_frame()
        taken = (perf_counter() - begin) / _STEPS
        session.acknowledge(session.out_seq)
        return taken


class _Table:
    """A table of `size` sessions, and some of their addresses, as equal and not identical objects."""

    def __init__(self, size: int) -> None:
        self._table = _table(size)
        self._bare = dict.fromkeys(range(1000, 1000 + size))
        self._size = size
        self._next = 0

    def _asked(self) -> list[Addresses]:
        """Return addresses all over the table, others each time."""
        self._next += _STEPS
        return [_addresses((self._next + step) * 7919 % self._size) for step in range(_STEPS)]

    def find(self) -> float:
        """Find sessions."""
        table, asked = self._table, self._asked()
        begin = perf_counter()
        for addresses in asked:
            table.find(addresses)
        return (perf_counter() - begin) / _STEPS

    def decide(self) -> float:
        """Find sessions, and decide what CLIENT_IDENT and SESSION_RECONNECT are answered."""
        asked = self._asked()
        begin = perf_counter()
        for addresses in asked:
            self._decide(addresses)
        return (perf_counter() - begin) / _STEPS

    def _decide(self, addresses: Addresses) -> None:
        session = self._table.find(addresses)
        existing = session.existing if session else None
        decide_ident(existing, policy=_POLICY, cookie=_COOKIE, global_seq=2, peer_key=_LOW, own_key=_HIGH)
        decide_reconnect(
            existing,
            policy=_POLICY,
            client_cookie=_COOKIE,
            global_seq=2,
            connect_seq=2,
            peer_key=_LOW,
            own_key=_HIGH,
        )

    def replace(self) -> float:
        """Take sessions that were just found out, and enter them again."""
        table = self._table
        found = [session for session in map(table.find, self._asked()) if session]
        begin = perf_counter()
        for session in found:
            table.remove(session)
            table.register(session)
        return (perf_counter() - begin) / _STEPS

    def bare(self) -> float:
        """Find as many numbers in a plain dict."""
        bare = self._bare
        self._next += _STEPS
        asked = [1000 + (self._next + step) * 7919 % self._size for step in range(_STEPS)]
        begin = perf_counter()
        for number in asked:
            bare.get(number)
        return (perf_counter() - begin) / _STEPS


def _messages(count: int) -> list[Message]:
    return [Message(type=1, tid=1000 + tid) for tid in range(count)]


def _queued(count: int) -> LosslessSession:
    session = LosslessSession()
    for tid in range(count):
        session.push(Message(type=1, tid=1000 + tid))
    return session


def _written(count: int) -> LosslessSession:
    session = LosslessSession()
    for tid in range(count):
        session.push(Message(type=1, tid=1000 + tid))
        session.next_frame()
    return session


def _addresses(number: int) -> Addresses:
    return (EntityAddr(AddressType.MSGR2, number, IPv4Address(0x0A000000 + number), 6800),)


def _table(count: int) -> SessionTable:
    table = SessionTable()
    for number in range(count):
        session = PeerSession(_POLICY, _addresses(number))
        session.client_cookie, session.server_cookie = _COOKIE, 1000 + number
        session.connect_seq = session.peer_global_seq = 1
        session.phase = Phase.STANDBY
        table.register(session)
    return table


def _weigh(make: Callable[[int], object]) -> float:
    """Return how many bytes each of many takes."""
    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    try:
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        made = make(_WEIGHED)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
        del made
    finally:
        if not tracing:
            tracemalloc.stop()
    return (after - before) / _WEIGHED


def show(figures: Figures, report: Report) -> None:
    """Print the tables, or the document."""
    _say_costs("messages", figures.sizes.messages, figures.messages, report)
    report.line()
    _say_costs("sessions", figures.sizes.sessions, (*figures.lookups, figures.bare), report)
    report.line()
    memory, messages = figures.memory, f"{figures.sizes.messages[1]:,} messages"
    report.line("memory, as tracemalloc counts what Python allocates")
    report.line(
        f"  an idle session          {memory.session:>8,.0f} bytes  with its addresses and its place in the table"
    )
    report.line(f"  a message that waits     {memory.queued:>8,.0f} bytes  and its payload")
    report.line(f"  one unacknowledged       {memory.unacknowledged:>8,.0f} bytes  and its payload")
    report.line()
    report.line(f"longest pauses, with {messages}")
    report.line(f"  lost while sending again {figures.cut.large * 1e3:>8,.1f} ms     grows with what was sent again")
    report.line(
        f"  garbage collection       {figures.gc_pause * 1e3:>8,.1f} ms     a full one; grows with all that lives"
    )
    over = [f"{cost.what} ({cost.ratio:.2f})" for cost in figures.costs if cost.ratio > LIMIT]
    report.line()
    report.line(f"more than {LIMIT:.0f} times as much: {', '.join(over)}" if over else f"all within {LIMIT:.0f} times")
    report.document(_document(figures))


def _say_costs(things: str, sizes: tuple[int, int], costs: Sequence[Cost], report: Report) -> None:
    small, large = sizes
    report.line(f"{'microseconds to':<30}{f'of {small:,}':>14}{f'of {large:,} {things}':>24}   ratio")
    for cost in costs:
        report.line(f"  {cost.what:<28}{cost.small * 1e6:>14.2f}{cost.large * 1e6:>24.2f}{cost.ratio:>8.2f}")


def _document(figures: Figures) -> Mapping[str, object]:
    costs = (*figures.costs, figures.bare)
    return {
        "messages": figures.sizes.messages,
        "sessions": figures.sizes.sessions,
        **{f"{cost.key}_ratio": round(cost.ratio, 3) for cost in costs},
        **{f"{cost.key}_us": (round(cost.small * 1e6, 3), round(cost.large * 1e6, 3)) for cost in costs},
        "bytes_per_session": round(figures.memory.session),
        "bytes_per_message": round(figures.memory.queued),
        "bytes_per_unacknowledged": round(figures.memory.unacknowledged),
        "cut_us": (micros(figures.cut.small), micros(figures.cut.large)),
        "gc_pause_us": micros(figures.gc_pause),
        "limit": LIMIT,
        "ok": figures.good,
    }
