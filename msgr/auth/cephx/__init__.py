"""cephx: proof of a shared secret, tickets from a monitor, and what they are good for."""

from __future__ import annotations

from .authorizer import SecretSource
from .client import CephxClient, CephxClientConversation
from .desk import CephxDesk
from .renewal import Renewal, RotatingRequest
from .rotating import RotatingSecret, RotatingSecrets
from .server import CephxServer, CephxServerConversation
from .service_client import CephxMonitorPeer, CephxServiceClient, CephxServiceClientConversation
from .service_secrets import MonitorKey, ServiceSecrets
from .service_server import CephxServiceConversation, CephxServiceServer
from .tickets import Ticket

__all__ = [
    "CephxClient",
    "CephxClientConversation",
    "CephxDesk",
    "CephxMonitorPeer",
    "CephxServer",
    "CephxServerConversation",
    "CephxServiceClient",
    "CephxServiceClientConversation",
    "CephxServiceConversation",
    "CephxServiceServer",
    "MonitorKey",
    "Renewal",
    "RotatingRequest",
    "RotatingSecret",
    "RotatingSecrets",
    "SecretSource",
    "ServiceSecrets",
    "Ticket",
]
