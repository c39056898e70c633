"""How large a thing the path carries.

A path that loses large packets (say, where a tunnel takes less than it announces, and what would say so is filtered)
lets a handshake begin and then hang: the small frames pass. What may be sent to a stranger that is large and does no
harm is a request to authenticate by a method that nobody has. Servers refuse it by the method alone, whatever follows.
"""

from __future__ import annotations

from typing import Final

from ..errors import ConnectionLost, MsgrError, TimedOut
from ..net import probe
from .finding import Finding
from .subject import Subject

SIZES: Final = (512, 1_200, 1_440, 4_096, 16_384, 60_000)
"""Bytes of padding: below and near one packet of Ethernet, several packets, and near the limit of a control frame."""

_COVERS: Final = "the way down is not covered: no question of a stranger has a large answer"


async def measure(subject: Subject, at: str) -> Finding:
    """Ask with more and more padding, each time over a new connection, until there is no answer."""
    passed = 0
    for size in SIZES:
        try:
            await probe(at, padding=size, timeouts=subject.timeouts, runtime=subject.runtime)
        except TimedOut:
            return await _timed_out(subject, at, passed, size)
        except ConnectionLost as error:
            return _ended(passed, size, error)
        except MsgrError as error:  # an answer, though a strange one: the bytes arrived
            detail = f"{size:,} bytes are answered with: {error}"
            advice = "The peer does not refuse a method that nobody has: read its log."
            return Finding(name="path_size", ok=False, detail=detail, advice=advice)
        passed = size
    return Finding(name="path_size", ok=True, detail=f"{passed:,} bytes in one frame pass on the way up; {_COVERS}")


async def _timed_out(subject: Subject, at: str, passed: int, size: int) -> Finding:
    """Tell a path that does not carry `size` bytes from one that carries nothing any more."""
    after = f"no answer after {subject.patience:g} s"
    try:
        await probe(at, timeouts=subject.timeouts, runtime=subject.runtime)
    except MsgrError as error:
        detail = f"{after} to {size:,} bytes, and then none to a small frame either: {error}"
        advice = "The peer or the path stopped while we asked, whatever the size: look whether the daemon still runs."
        return Finding(name="path_size", ok=False, detail=detail, advice=advice)
    detail = f"this path cannot carry {size:,} bytes: {after}, while frames of {passed:,} bytes and less pass"
    advice = (
        f"Between {passed:,} and {size:,} bytes the path begins to lose what is sent: look for a smaller MTU on the "
        "way (a tunnel, jumbo frames that a switch does not take) and for a firewall that drops ICMP."
    )
    return Finding(name="path_size", ok=False, detail=detail, advice=advice)


def _ended(passed: int, size: int, error: ConnectionLost) -> Finding:
    detail = f"the connection ends at {size:,} bytes, {passed:,} pass: {error}"
    advice = (
        f"Something ends connections that carry more than {passed:,} bytes in a frame: a gateway with a limit, or a "
        "peer that takes no larger control frames."
    )
    return Finding(name="path_size", ok=False, detail=detail, advice=advice)
