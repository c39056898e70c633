"""A second witness of the bytes: a minimal encoder that shares no code with msgr, and the vectors made with it.

`python -m tests.witness` writes `vectors/`; a test compares what it would write with what is there.
"""

from __future__ import annotations
