"""Floor 5: nodes of a mesh, between two msgr peers: who they are, and whom they let in.

`Node` is who we are, `Gatekeeper` speaks and judges for it on connections, `ReverseChecks` knows the cookies by which
the way back is tried. Channels and what became of messages are the session's business.
"""

from __future__ import annotations

from ..errors import FailureKind
from ..payload import Encryption, Program
from .gatekeeper import Gatekeeper, Meant
from .membership import Membership
from .node import Node
from .reverse import ReverseChecks

__all__ = [
    "Encryption",
    "FailureKind",
    "Gatekeeper",
    "Meant",
    "Membership",
    "Node",
    "Program",
    "ReverseChecks",
]
