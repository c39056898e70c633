"""`msgr bench --scale`: does a message, or a session, cost more because there are many others?

Nothing is sent here: the sessions are worked on in memory, and every step of the code that would send is timed.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, TypeAlias, TypeVar

from .loads import Queued, Table, Written, queued, seconds, table, written
from .report import Report
from .words import micros

LIMIT: Final = 2.0
"""How many times the small case the large one may cost."""
MESSAGES: Final = 1_000_000
_APART: Final = 1000
"""How many times the small case the large one is."""
_ROUNDS: Final = 101
_REPLAYS: Final = 3
_WEIGHED: Final = 5_000
"""How many sessions, or messages, are made under tracemalloc, which is slow: the sizes are the same for all."""

Progressed: TypeAlias = Callable[[float], None]
"""Is told which part of the work is done, from 0 to 1."""
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
    bare: tuple[Cost, ...]
    """Parts of a lookup that are too short to be judged, as what rises in them is the price of memory.

    A few objects that no cache holds cost as much as all else that `find` does; a plain dict of numbers has little
    else. A peer pays for the whole: what it sent is decoded, its session is found, the answer is decided.
    """
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
    memory = Memory(session=_weigh(table), queued=_weigh(queued), unacknowledged=_weigh(written))
    progressed(0.05)
    loads = [Written(size) for size in sizes.messages]
    progressed(0.2)
    send, ack = _alternate(loads, (Written.send, Written.acknowledge), _ROUNDS)
    gc_pause = seconds(gc.collect)
    replay, cut = _alternate(loads, (Written.replay, Written.cut), _REPLAYS)
    del loads
    progressed(0.85)
    (queue,) = _alternate([Queued(size) for size in sizes.messages], (Queued.pass_on,), _ROUNDS)
    progressed(0.95)
    tables = [Table(size) for size in sizes.sessions]
    steps = (Table.look_up, Table.decide, Table.replace, Table.find, Table.bare)
    look_up, decide, replace, find, bare = _alternate(tables, steps, _ROUNDS)
    return Figures(
        sizes=sizes,
        messages=(
            Cost("send", "send one", *send),
            Cost("ack", "acknowledge the oldest", *ack),
            Cost("replay", "send one again after a cut", *replay),
            Cost("queue", "send one, all wait unsent", *queue),
        ),
        lookups=(
            Cost("lookup", "find whom a request names", *look_up),
            Cost("decide", "find, answer both requests", *decide),
            Cost("register", "remove and register again", *replace),
        ),
        bare=(Cost("find", "(the find alone)", *find), Cost("dict", "(a plain dict as large)", *bare)),
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
    _say_costs("sessions", figures.sizes.sessions, (*figures.lookups, *figures.bare), report)
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
    costs = (*figures.costs, *figures.bare)
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
