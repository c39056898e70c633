"""Floor 6: sockets and tasks, on asyncio and trio by way of anyio."""

from __future__ import annotations

from .acceptor import AcceptStats
from .admissions import Authorize, Interconnect, ReverseCheck
from .connect import accept, connect, serve
from .events import (
    EventStream,
    SessionConnected,
    SessionDisconnected,
    SessionEnded,
    SessionEvent,
    SessionReset,
    SessionResumed,
)
from .messenger import Messenger
from .probe import ProbeResult, probe
from .receipt import Receipt
from .runtime import Runtime
from .session import Session, SessionStats

__all__ = [
    "AcceptStats",
    "Authorize",
    "EventStream",
    "Interconnect",
    "Messenger",
    "ProbeResult",
    "Receipt",
    "ReverseCheck",
    "Runtime",
    "Session",
    "SessionConnected",
    "SessionDisconnected",
    "SessionEnded",
    "SessionEvent",
    "SessionReset",
    "SessionResumed",
    "SessionStats",
    "accept",
    "connect",
    "probe",
    "serve",
]
