"""Floor 2: one frame and its bytes, in every mode; it does not know what HELLO means."""

from __future__ import annotations

from .tag import Mode, Tag, parse_tag, tag_name

__all__ = ["Mode", "Tag", "parse_tag", "tag_name"]
