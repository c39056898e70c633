"""cephx: proof of a shared secret, and tickets from a monitor."""

from __future__ import annotations

from .client import CephxClient, CephxClientConversation
from .rotating import RotatingSecret, RotatingSecrets
from .server import CephxServer, CephxServerConversation
from .tickets import Ticket

__all__ = [
    "CephxClient",
    "CephxClientConversation",
    "CephxServer",
    "CephxServerConversation",
    "RotatingSecret",
    "RotatingSecrets",
    "Ticket",
]
