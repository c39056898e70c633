"""Floor 4: what sends and counts messages, and may outlive a connection."""

from __future__ import annotations

from .acceptor import (
    Accept,
    Drop,
    Existing,
    IdentDecision,
    Latecomer,
    Phase,
    ReconnectDecision,
    Replace,
    Reset,
    Resume,
    Retry,
    RetryGlobal,
    Wait,
    decide_ident,
    decide_reconnect,
)
from .channels import ChannelQueue, ChannelQuotas
from .lossless import LosslessSession
from .lossy import LossySession
from .message import DEFAULT_PRIORITY, Message
from .parts import PartLimits
from .peer import GlobalSeqs, Link, PeerSession, SessionTable, race_key, random_cookie
from .policy import STATELESS_SERVER, Policies, Policy
from .queue import OutQueue
from .receipt import Outcome, Receipt
from .stats import Counters

__all__ = [
    "DEFAULT_PRIORITY",
    "STATELESS_SERVER",
    "Accept",
    "ChannelQueue",
    "ChannelQuotas",
    "Counters",
    "Drop",
    "Existing",
    "GlobalSeqs",
    "IdentDecision",
    "Latecomer",
    "Link",
    "LosslessSession",
    "LossySession",
    "Message",
    "OutQueue",
    "Outcome",
    "PartLimits",
    "PeerSession",
    "Phase",
    "Policies",
    "Policy",
    "Receipt",
    "ReconnectDecision",
    "Replace",
    "Reset",
    "Resume",
    "Retry",
    "RetryGlobal",
    "SessionTable",
    "Wait",
    "decide_ident",
    "decide_reconnect",
    "race_key",
    "random_cookie",
]
