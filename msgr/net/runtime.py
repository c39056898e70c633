"""What the world supplies: dice and clocks, and a window for tests."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ..auth import Dice
from ..core import Trace
from .keylog import KeyLogFile, keylog_of_environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """Where randomness and time come from, and who looks on. Tests put their own in."""

    dice: Dice = secrets.token_bytes
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    trace: Trace | None = None
    """Sees every frame of every connection, and may hold it: `msgr.testing.Probes`."""
    keylog: KeyLogFile | None = field(default_factory=keylog_of_environment)
    """Where the secrets of encrypted connections are written, which defeats the encryption; none is the rule."""
