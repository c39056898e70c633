"""How large a thing the path carries, in each direction.

A path that loses large packets (say, where a tunnel takes less than it announces, and what would say so is filtered)
lets a handshake begin and then hang: the small frames pass. What may be sent to a stranger that is large and does no
harm is a request to authenticate by a method that nobody has. Servers refuse it by the method alone, whatever follows.
Nodes that have the extension answer an introduction with as much padding as it asks for (NODE-11).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

from ..errors import ConnectionLost, MsgrError, TimedOut
from ..net import probe
from .finding import Finding
from .node import Meeting, introduce
from .subject import Subject

SIZES: Final = (512, 1_200, 1_440, 4_096, 16_384, 60_000)
"""Bytes of padding: below and near one packet of Ethernet, several packets, and near the limit of a control frame."""

_NAME: Final = "path_size"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How much passes in one direction, in bytes of padding: `passed` did, and `failed` with `error`, if anything.

    `stopped` is what a small frame met with after that: None means that small ones still pass, so that it is the size.
    """

    passed: int
    failed: int | None = None
    error: MsgrError | None = None
    stopped: MsgrError | None = None

    @property
    def too_narrow(self) -> bool:
        """Whether it is the size that does not pass: nothing came of that, and what is small still passes."""
        return isinstance(self.error, TimedOut) and self.stopped is None


async def way_up(subject: Subject, at: str | None = None) -> Way:
    """Find out how much passes to the peer; no credentials are needed. Cancelling it leaves nothing.

    Each size is tried over a connection of its own, until one has no answer. Raises ConfigError.
    """

    async def ask(size: int) -> int:
        await probe(at or subject.address, padding=size, timeouts=subject.timeouts, runtime=subject.runtime)
        return size

    return await _try(ask)


async def way_down(subject: Subject, meeting: Meeting, at: str | None = None) -> Way:
    """Find out how much passes from a peer that let us in, as `meeting` has it, in the same way (NODE-11)."""

    async def ask(size: int) -> int:
        found = await introduce(subject, at or subject.address, replace(meeting.said, padding_wanted=size))
        if found.error is not None:
            raise found.error
        return 0 if found.accept is None else len(found.accept.padding)

    return await _try(ask)


async def _try(ask: Callable[[int], Awaitable[int]]) -> Way:
    """Ask for more and more; who is asked may give less than that, and that is then as much as can be tried."""
    passed = 0
    for size in SIZES:
        try:
            came = await ask(size)
        except TimedOut as error:
            return Way(passed=passed, failed=size, error=error, stopped=await _afterwards(ask))
        except MsgrError as error:
            return Way(passed=passed, failed=size, error=error)
        if came < size:
            return Way(passed=max(came, passed))
        passed = size
    return Way(passed=passed)


async def _afterwards(ask: Callable[[int], Awaitable[int]]) -> MsgrError | None:
    try:
        await ask(0)
    except MsgrError as error:
        return error
    return None


async def measure(subject: Subject, at: str, meeting: Meeting | str) -> Finding:
    """Measure both ways, as far as they can be; `meeting` is that with the peer, or why there was none."""
    up = await way_up(subject, at)
    if up.failed is not None:
        return _wrong(subject, up, "up")
    if isinstance(meeting, Meeting) and meeting.accept is None:
        meeting = "the peer does not let our node in"
    if isinstance(meeting, str):
        detail = f"{up.passed:,} bytes in one frame pass on the way up; the way down is not covered: {meeting}"
        return Finding(name=_NAME, ok=True, detail=detail)
    down = await way_down(subject, meeting, at)
    if down.failed is not None:
        return _wrong(subject, down, "down", f"; {up.passed:,} bytes pass on the way up")
    detail = f"{up.passed:,} bytes in one frame pass on the way up, and {down.passed:,} on the way down"
    return Finding(name=_NAME, ok=True, detail=detail)


def _wrong(subject: Subject, way: Way, direction: str, more: str = "") -> Finding:
    size, passed, error = way.failed or 0, way.passed, way.error
    after = f"no answer after {subject.patience:g} s"
    if way.too_narrow:
        rest = f"{after}, while frames of {passed:,} bytes and less pass" if passed else f"{after}, small frames pass"
        detail = f"this path cannot carry {size:,} bytes {direction}: {rest}"
        advice = (
            f"Between {passed:,} and {size:,} bytes the path begins to lose what is sent {direction}: look for a "
            "smaller MTU on the way (a tunnel, jumbo frames that a switch does not take) and for a firewall that drops "
            "ICMP."
        )
    elif isinstance(error, TimedOut):
        detail = f"{after} to {size:,} bytes {direction}, and then none to a small frame either: {way.stopped}"
        advice = "The peer or the path stopped while we asked, whatever the size: look whether the daemon still runs."
    elif isinstance(error, ConnectionLost):
        detail = f"the connection ends at {size:,} bytes {direction}, {passed:,} pass: {error}"
        advice = (
            f"Something ends connections that carry more than {passed:,} bytes {direction} in a frame: a gateway with "
            "a limit, or a peer that takes no larger control frames."
        )
    else:  # an answer, though a strange one: the bytes arrived
        detail = f"{size:,} bytes {direction} are answered with: {error}"
        advice = "The peer does not answer that as it answers less: read its log."
    return Finding(name=_NAME, ok=False, detail=detail + more, advice=advice)
