"""Floor 6: sockets and tasks, on asyncio and trio by way of anyio."""

from __future__ import annotations

from .connect import accept, connect
from .probe import ProbeResult, probe
from .runtime import Runtime
from .server import Server, ServerStats, serve
from .session import Session

__all__ = ["ProbeResult", "Runtime", "Server", "ServerStats", "Session", "accept", "connect", "probe", "serve"]
