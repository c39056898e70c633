"""Floor 7: the questions that an operator asks when a connection does not work, and what is wrong, in words.

`examine` asks a peer, the path to it and this host's own tables, and returns an `Examination` of plain values. It
changes nothing anywhere: its largest question is a request to authenticate that no peer grants.
"""

from __future__ import annotations

from .examine import examine
from .finding import Examination, Finding
from .subject import Subject

__all__ = ["Examination", "Finding", "Subject", "examine"]
