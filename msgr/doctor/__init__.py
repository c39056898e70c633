"""Floor 7: the questions that an operator asks when a connection does not work, and what is wrong, in words.

`examine` asks a peer, the path to it and this host's own tables, and returns an `Examination` of plain values. It
changes nothing anywhere: its largest question is a request to authenticate that no peer grants. `way_up` and
`way_down` find out alone how large a thing a path carries.
"""

from __future__ import annotations

from .examine import examine
from .finding import Examination, Finding
from .node import Meeting, introduce
from .path import Way, way_down, way_up
from .subject import Subject

__all__ = ["Examination", "Finding", "Meeting", "Subject", "Way", "examine", "introduce", "way_down", "way_up"]
