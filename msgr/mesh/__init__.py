"""Floor 7: nodes that are processes of their own, joined to a mesh, with an account of all that they say.

`Crew` starts them and gives them their orders; `Figures` are what they report together.
"""

from __future__ import annotations

from .crew import Crew
from .figures import Figures, NodeFigures, Share
from .plan import Plan
from .run import Stage, run

__all__ = ["Crew", "Figures", "NodeFigures", "Plan", "Share", "Stage", "run"]
