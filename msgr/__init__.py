"""Ceph's msgr2 wire protocol in Python, at both ends of the connection.

::

    async with msgr.connect("v2:127.0.0.1:6789", name="client.admin", auth=msgr.Keyring.load("keyring")) as session:
        await session.send(msgr.Message(type=1, front=b"hello"))
        async for message in session:
            ...

    async with msgr.serve("v2:127.0.0.1:0", name="mon.a", auth=keyring) as server:
        async for session in server:
            task_group.start_soon(handle, session)

`msgr.core` is the same without any I/O. Errors are in `msgr.errors`, one tree under `MsgrError`.
"""

from __future__ import annotations

from .auth import CryptoKey, Keyring, KeyType
from .core import Compression, Limits, Peer, Timeouts
from .errors import (
    AuthRefused,
    ConnectionLost,
    FailureKind,
    LocalError,
    MsgrError,
    NodeRefused,
    Overloaded,
    PeerError,
    TimedOut,
)
from .frame import Algorithm, Mode, Revision
from .interconnect import Encryption, Meant, Node
from .net import (
    Interconnect,
    Messenger,
    ProbeResult,
    Receipt,
    ReverseCheck,
    Runtime,
    Session,
    accept,
    connect,
    probe,
    serve,
)
from .session import ChannelQuotas, Message, Outcome, Policies, Policy
from .wire import EntityAddr, EntityName, EntityType

__version__ = "0.1.0"

__all__ = [
    "Algorithm",
    "AuthRefused",
    "ChannelQuotas",
    "Compression",
    "ConnectionLost",
    "CryptoKey",
    "Encryption",
    "EntityAddr",
    "EntityName",
    "EntityType",
    "FailureKind",
    "Interconnect",
    "KeyType",
    "Keyring",
    "Limits",
    "LocalError",
    "Meant",
    "Message",
    "Messenger",
    "Mode",
    "MsgrError",
    "Node",
    "NodeRefused",
    "Outcome",
    "Overloaded",
    "Peer",
    "PeerError",
    "Policies",
    "Policy",
    "ProbeResult",
    "Receipt",
    "ReverseCheck",
    "Revision",
    "Runtime",
    "Session",
    "TimedOut",
    "Timeouts",
    "accept",
    "connect",
    "probe",
    "serve",
]
