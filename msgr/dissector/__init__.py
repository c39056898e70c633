"""Floor 7 and a half: a plug-in for Wireshark, written from the tables of this package.

`plugin` returns the text of `msgr2.lua`. What frames say is taken from the declared layouts, and names from where the
code has them; how frames are found, cut and opened is in the Lua files of `parts`, a second time and in another
language, which `msgr decode` is compared with in the tests.
"""

from __future__ import annotations

from .plugin import FILE_NAME, NAME, plugin
from .tables import tables

__all__ = ["FILE_NAME", "NAME", "plugin", "tables"]
