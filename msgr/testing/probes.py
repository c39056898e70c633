"""Breakpoints in the protocol: at a named step a connection is held, fails, or stops, and a test knows of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum, unique

import anyio

from ..core import Connection, Direction, Stopped
from ..errors import ConnectionLost, StateError
from ..frame import NodeTag, Tag


@unique
class Then(Enum):
    """What becomes of a connection at a probe."""

    HOLD = "hold"
    """It stands still, its stream open, until the test says what shall become of it."""
    GO_ON = "go on"
    """Nothing: the passing is noted."""
    FAIL = "fail"
    """It ends as if the transport had failed."""
    STOP = "stop"
    """It is closed in good order."""


@dataclass(frozen=True, slots=True)
class Step:
    """A frame about to be sent, or about to be handled, at the end that dialled or at the one that accepted."""

    direction: Direction
    tag: Tag | NodeTag
    dialled: bool | None = None
    """None for either end."""

    def fits(self, direction: Direction, tag: Tag | NodeTag, *, dialled: bool) -> bool:
        """Tell whether a frame is at this step."""
        return (direction, tag) == (self.direction, self.tag) and self.dialled in (None, dialled)


class Probe:
    """One breakpoint. It is used up when it is hit."""

    def __init__(self, step: Step, nth: int, then: Then) -> None:
        self.step = step
        self._left = nth
        self._then = then
        self._hit = anyio.Event()
        self._connection: Connection | None = None

    @property
    def was_hit(self) -> bool:
        """Whether a connection came here."""
        return self._connection is not None

    async def hit(self) -> Connection:
        """Wait until a connection comes here, and return it. Cancelling it changes nothing."""
        await self._hit.wait()
        return self._held

    def go_on(self) -> None:
        """Let the connection that is held go on; raises StateError where none was hit."""
        self._held.resume()

    def fail(self) -> None:
        """End the connection that is held as if the transport had failed; raises StateError where none was hit."""
        self._held.lose(ConnectionLost(f"a probe made it fail, {self._where}"))
        self._held.resume()

    def stop(self) -> None:
        """Close the connection that is held; raises StateError where none was hit."""
        self._held.close()
        self._held.resume()

    @property
    def _held(self) -> Connection:
        if self._connection is None:
            raise StateError(f"no connection was there yet, {self._where}")
        return self._connection

    @property
    def _where(self) -> str:
        return f"{self.step.direction.value} {self.step.tag.name}"

    def meet(self, connection: Connection) -> bool:
        """Note that a connection is at the step; tells whether this was the occurrence that is meant.

        Raises ConnectionLost where it is to fail, or to stop.
        """
        self._left -= 1
        if self._left:
            return False
        self._connection = connection
        self._hit.set()
        if self._then is Then.HOLD:
            connection.pause()
        elif self._then is Then.FAIL:
            raise ConnectionLost(f"a probe made it fail, {self._where}")
        elif self._then is Then.STOP:
            raise Stopped(f"a probe closed it, {self._where}")
        return True


class Probes:
    """The breakpoints of one messenger, or of one connection: the `trace` of a `Runtime`, or of a `Connection`.

    ::

        probes = Probes()
        ident = probes.at(Direction.SENDING, Tag.CLIENT_IDENT)
        async with Messenger(..., runtime=Runtime(trace=probes)) as node:
            session = node.session(address)
            await ident.hit()
            ...                                  # it stands still, just before it sends
            ident.go_on()                        # or fail(), or stop()
        assert probes.passed(Direction.SENDING, Tag.SESSION_RECONNECT) == 0
    """

    def __init__(self) -> None:
        self._probes: list[Probe] = []
        self._passed: Counter[tuple[Direction, Tag | NodeTag, bool]] = Counter()

    def at(
        self,
        direction: Direction,
        tag: Tag | NodeTag,
        *,
        nth: int = 1,
        then: Then = Then.HOLD,
        dialled: bool | None = None,
    ) -> Probe:
        """Set a breakpoint where a frame with `tag` goes that way for the `nth` time from now on.

        `dialled` restricts it to the end that dialled, or to the one that accepted.
        """
        if nth < 1:
            raise ValueError(f"occurrence {nth}; the first is 1")
        probe = Probe(Step(direction, tag, dialled), nth, then)
        self._probes.append(probe)
        return probe

    def passed(self, direction: Direction, tag: Tag | NodeTag, *, dialled: bool | None = None) -> int:
        """Return how often a frame with `tag` went that way, those included that did not get past a breakpoint."""
        step = Step(direction, tag, dialled)
        return sum(count for (way, what, end), count in self._passed.items() if step.fits(way, what, dialled=end))

    def __call__(self, connection: Connection, direction: Direction, tag: Tag | NodeTag) -> None:
        """Note that a frame is at a step, and do what the breakpoint there says."""
        dialled = connection.dialled
        self._passed[direction, tag, dialled] += 1
        for probe in tuple(self._probes):
            if not probe.was_hit and probe.step.fits(direction, tag, dialled=dialled) and probe.meet(connection):
                return
