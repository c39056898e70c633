"""Floor 7 and a half: the test vectors in `vectors/`, loaded and run against this implementation.

`load` reads the files that came with the package or those of a directory, `verify_all` runs them.
"""

from __future__ import annotations

from .files import Vector, VectorFile, default_directory, load, load_file
from .outcome import Mismatch
from .run import CHECKS, Failed, Outcome, check, select, verify, verify_all

__all__ = [
    "CHECKS",
    "Failed",
    "Mismatch",
    "Outcome",
    "Vector",
    "VectorFile",
    "check",
    "default_directory",
    "load",
    "load_file",
    "select",
    "verify",
    "verify_all",
]
