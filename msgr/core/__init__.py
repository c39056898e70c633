"""Floor 4 and a half: the sans-IO connection of either end.

States are classes, legality is the tables `CLIENT` and `SERVER`, handlers are functions, and `Connection` only drives.
There is no socket, clock, dice, log, environment or file here.
"""

from __future__ import annotations

from . import states
from .client import CLIENT
from .common import Handler, Table
from .compression import Compression, Compressions, CompressionSetting
from .config import ClientConfig, Config, Limits, ServerConfig, Timeouts
from .connection import Connection, Trace, check_message
from .events import Closed, Connected, Denial, Event, KeepaliveAcked, Login, MessageReceived, Met, Peer, RemoteReset
from .gate import Direction, Stopped
from .server import SERVER

__all__ = [
    "CLIENT",
    "SERVER",
    "ClientConfig",
    "Closed",
    "Compression",
    "CompressionSetting",
    "Compressions",
    "Config",
    "Connected",
    "Connection",
    "Denial",
    "Direction",
    "Event",
    "Handler",
    "KeepaliveAcked",
    "Limits",
    "Login",
    "MessageReceived",
    "Met",
    "Peer",
    "RemoteReset",
    "ServerConfig",
    "Stopped",
    "Table",
    "Timeouts",
    "Trace",
    "check_message",
    "states",
]
