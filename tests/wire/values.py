"""The values of floor 1 as vectors write them down."""

from __future__ import annotations

from msgr.vectors.values import TYPES, address_of, record_of, value_of

__all__ = ["TYPES", "address_of", "record_of", "value_of"]
