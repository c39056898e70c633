"""What drives one sans-IO connection over one stream, and which of them goes with which stream and loop."""

from __future__ import annotations

import asyncio

from ...core import Connection, Limits
from ..runtime import Runtime
from ..stream import SocketStream, Stream
from .base import Driver, Host
from .looped import LoopDriver
from .tasked import TaskDriver

__all__ = ["Driver", "Host", "driver_of"]


def driver_of(connection: Connection, stream: Stream, limits: Limits, runtime: Runtime, host: Host) -> Driver:
    """Return a driver, which does not run yet."""
    if isinstance(stream, SocketStream) and _calls_back():
        return LoopDriver(connection, stream, limits, runtime, host)
    return TaskDriver(connection, stream, limits, runtime, host)


def _calls_back() -> bool:
    """Whether this is a loop of asyncio that tells by a callback when a socket is ready: Windows' proactor cannot."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return False
    return type(loop).add_reader is not asyncio.AbstractEventLoop.add_reader
