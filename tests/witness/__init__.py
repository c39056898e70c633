"""A second witness of the bytes: a minimal encoder that shares no code with msgr, and the vectors made with it.

`python -m tests.witness` writes `vectors/`; a test compares what it would write with what is there. Whole connections
are recorded from msgr itself (`recorder`, `transcripts`), and taken apart by a second reader (`onlooker`) that shares
no code with it either.
"""

from __future__ import annotations
