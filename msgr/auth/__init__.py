"""Floor 3: methods of authentication as plug-ins, blobs in and blobs out; they know nothing of frames.

`method` says what a method is. `none` and `cephx` are two of them; keys and keyrings are what cephx proves with, and
`sign` and `verify` make and check the signatures with which every handshake ends.
"""

from __future__ import annotations

from .cephx import (
    CephxClient,
    CephxMonitorPeer,
    CephxServer,
    CephxServiceClient,
    CephxServiceServer,
    MonitorKey,
    Renewal,
    RotatingRequest,
    RotatingSecret,
    RotatingSecrets,
    SecretSource,
    ServiceSecrets,
    Ticket,
)
from .globalid import GlobalIds
from .key import CryptoKey, KeyType
from .keyring import Keyring, KeyringEntry
from .method import (
    AuthMethod,
    Claimant,
    ClientConversation,
    ClientMethod,
    Denied,
    Dice,
    Done,
    Identity,
    Keys,
    More,
    ServerConversation,
    ServerMethod,
    TicketDesk,
    Verdict,
)
from .none import NoneClient, NoneServer
from .results import Result
from .signature import PeerVerified, sign, verify

__all__ = [
    "AuthMethod",
    "CephxClient",
    "CephxMonitorPeer",
    "CephxServer",
    "CephxServiceClient",
    "CephxServiceServer",
    "Claimant",
    "ClientConversation",
    "ClientMethod",
    "CryptoKey",
    "Denied",
    "Dice",
    "Done",
    "GlobalIds",
    "Identity",
    "KeyType",
    "Keyring",
    "KeyringEntry",
    "Keys",
    "MonitorKey",
    "More",
    "NoneClient",
    "NoneServer",
    "PeerVerified",
    "Renewal",
    "Result",
    "RotatingRequest",
    "RotatingSecret",
    "RotatingSecrets",
    "SecretSource",
    "ServerConversation",
    "ServerMethod",
    "ServiceSecrets",
    "Ticket",
    "TicketDesk",
    "Verdict",
    "sign",
    "verify",
]
