"""Floor 6: what tests of msgr2 peers need, shipped for everybody.

Dice and a clock that do as they are told, connections in memory, disorder that a seed decides, and probes in the
protocol. `Direction` and `Stopped` are those of `msgr.core`.
"""

from __future__ import annotations

from ..core import Direction, Stopped
from .chaos import Chaos, ChaosStats, Cut, Delay, Merge, Piece, Script, Split
from .clock import HandClock
from .dice import FixedDice
from .link import ChaosLink
from .memory import MemoryStream, memory_pair
from .pair import ConnectionPair, End
from .probes import Probe, Probes, Step, Then
from .proxy import ChaosProxy
from .track import Track

__all__ = [
    "Chaos",
    "ChaosLink",
    "ChaosProxy",
    "ChaosStats",
    "ConnectionPair",
    "Cut",
    "Delay",
    "Direction",
    "End",
    "FixedDice",
    "HandClock",
    "MemoryStream",
    "Merge",
    "Piece",
    "Probe",
    "Probes",
    "Script",
    "Split",
    "Step",
    "Stopped",
    "Then",
    "Track",
    "memory_pair",
]
