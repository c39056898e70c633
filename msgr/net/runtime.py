"""What the world supplies: dice and clocks."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from ..auth import Dice


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """Where randomness and time come from. Tests put their own in."""

    dice: Dice = secrets.token_bytes
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
