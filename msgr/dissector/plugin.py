"""The plug-in: the parts in their order, with the tables between them."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from .. import __version__
from .literal import literal
from .tables import tables

FILE_NAME: Final = "msgr2.lua"
NAME: Final = "msgr2"
"""What Wireshark calls the protocol: in filters, in columns, in options."""

_PARTS: Final = (
    *("bits", "crc32c", "aes", "ghash", "gcm", "unpack", "keylog"),
    *("fields", "values", "address", "payload", "opening", "following", "showing", "dissect"),
)
"""The Lua files, each of which uses those before it."""


def plugin() -> str:
    """Return the plug-in, one Lua file."""
    folder = files(__package__).joinpath("parts")
    told = f'local VERSION = "{__version__}"\n\nlocal TABLES = {literal(tables())}\n'
    parts = [folder.joinpath(f"{part}.lua").read_text("utf-8") for part in _PARTS]
    return "\n".join([folder.joinpath("head.lua").read_text("utf-8"), told, *parts])
