"""The rules' own words, from `spec/rules.toml`, which is installed with the package."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Final

_INSTALLED: Final = "spec/rules.toml"
_IN_THE_TREE: Final = Path(__file__).parents[2] / "spec" / "rules.toml"


@cache
def rule_texts() -> Mapping[str, str]:
    """Return the text of every rule by its id."""
    installed = files("msgr").joinpath(_INSTALLED)
    # In a tree of sources the rules are where people read them, beside the package.
    text = installed.read_text("utf-8") if installed.is_file() else _IN_THE_TREE.read_text("utf-8")
    return MappingProxyType({rule["id"]: rule["text"] for rule in tomllib.loads(text)["rule"]})
